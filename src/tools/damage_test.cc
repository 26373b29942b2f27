// Every bit of a small block is flipped in turn. Whatever is asked then gives the answer that it
// gave before, or an error that names the block; `verify` names the section, and the column with
// its row group or dictionary, of every single one; and everything that does not lie there still
// answers.
#include <map>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "block/block_pieces_testing.h"
#include "block/block_testing.h"
#include "tools/check_block.h"

namespace vivace::tools {
namespace {

HeadPart small_head() {
  RandomSpans random(181);
  std::vector<SentSpan> spans;
  for (uint64_t i = 1; i <= 5; ++i) {
    SentSpan span = simple_span(1 + i / 2, i, 1'000 * i);
    span.attributes = {{"text", {ValueType::string, 0, fmt::format("value {}", i % 2)}},
                       {"number", {ValueType::integer, i, {}}}};
    span.events.push_back({i, "event", {}, 0});
    if (i == 3) span.attributes = random.attributes();
    if (i == 4) span.links.push_back({make_trace_id(1, 2), make_span_id(3), "state", {}, 1, 1});
    spans.push_back(std::move(span));
  }
  return HeadPart(head_of({spans}));
}

struct Counts {
  size_t flips = 0;
  size_t unopenable = 0;  // footer
  size_t harmless = 0;    // nothing that is asked needs it
  size_t equal = 0;       // pieces
  size_t failed = 0;
};

TEST(Damage, EveryBitOfABlock) {
  BlockDisk disk;
  const auto whole = disk.write_and_open(small_head());
  ASSERT_NE(whole, nullptr);
  const std::string bytes = disk.storage.durable(kBlockPath);
  std::vector<TraceId> ids = {make_trace_id(1, 2)};
  Inspected inspected;
  for (uint32_t i = 0; i < whole->traces(); ++i) ids.push_back(whole->trace(i, inspected)->id);
  const std::vector<Piece> pieces = pieces_of(*whole, ids);
  const BlockReport sound = check_block(disk.storage, kBlockPath);
  EXPECT_TRUE(sound.damages.empty()) << sound.damages[0].place << sound.damages[0].what;
  EXPECT_EQ(sound.spans, 5U);

  Counts counts;
  std::map<std::string, size_t> places;
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    SCOPED_TRACE(fmt::format("bit {} of byte {}", bit % 8, bit / 8));
    std::string changed = bytes;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
    FaultStorage storage;
    storage.set_durable(kBlockPath, changed);
    ++counts.flips;

    const BlockReport report = check_block(storage, kBlockPath);
    ASSERT_EQ(report.damages.size(), 1U);
    ++places[report.damages[0].place];

    BlockCache cache(1 << 20);
    const auto block = Block::open(storage, kBlockPath, cache);
    if (!block) {
      ASSERT_EQ(report.damages[0].place, "footer");
      ++counts.unopenable;
      continue;
    }
    const std::vector<Piece> got = pieces_of(**block, ids);
    ASSERT_EQ(got.size(), pieces.size());
    size_t failed = 0;
    for (size_t i = 0; i < got.size(); ++i) {
      if (got[i].content) {
        ASSERT_EQ(*got[i].content, *pieces[i].content) << pieces[i].name;
        ++counts.equal;
        continue;
      }
      ASSERT_EQ(got[i].content.error().code, Code::corrupt);
      ASSERT_THAT(got[i].content.error().message, testing::HasSubstr(kBlockPath));
      ++failed;
    }
    counts.failed += failed;
    counts.harmless += failed == 0 ? 1 : 0;
  }
  fmt::print(
      "{} bits: {} take the block, {} nothing that was asked; of the others' answers {} are "
      "equal and {} errors. Named as:\n",
      counts.flips, counts.unopenable, counts.harmless, counts.equal, counts.failed);
  for (const auto& [place, flips] : places) fmt::print("  {:6} {}\n", flips, place);
  EXPECT_GT(counts.equal, 10 * counts.failed) << "damage is contained";
}

}  // namespace
}  // namespace vivace::tools
