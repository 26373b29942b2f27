// Damage is found, wherever it is, named, and reaches no further than the chunk it is in. A power
// cut or a failing disk while a block is written leaves nothing that passes for one.
#include <random>
#include <set>

#include <gmock/gmock.h>

#include "block/block_pieces_testing.h"
#include "block/block_testing.h"

namespace vivace {
namespace {

using testing::HasSubstr;

// A block, what it says, and what it says when its bytes are others.
class Specimen {
 public:
  explicit Specimen(const Part& source) {
    BlockDisk disk;
    const auto block = disk.write_and_open(source);
    ASSERT(block != nullptr);
    bytes = disk.storage.durable(kBlockPath);
    Inspected inspected;
    for (uint32_t i = 0; i < block->traces(); ++i) {
      ids.push_back(block->trace(i, inspected).value().id);
    }
    ids.push_back(make_trace_id(1, 2));
    pieces = pieces_of(*block, ids);
    for (const Piece& piece : pieces) {
      EXPECT_TRUE(piece.content) << piece.name << piece.content.error().message;
    }
  }

  // How many pieces cannot be read, or nothing when the block cannot be opened. Anything else must
  // be as it was.
  std::optional<size_t> damaged_pieces(std::string changed) const {
    FaultStorage storage;
    storage.set_durable(kBlockPath, std::move(changed));
    BlockCache cache(1 << 20);
    const auto block = Block::open(storage, kBlockPath, cache);
    if (!block) {
      EXPECT_TRUE(block.error().code == Code::corrupt || block.error().code == Code::unimplemented);
      EXPECT_THAT(block.error().message, HasSubstr(kBlockPath));
      return std::nullopt;
    }
    return compare(pieces_of(**block, ids));
  }

  std::string bytes;
  std::vector<TraceId> ids;
  std::vector<Piece> pieces;

 private:
  size_t compare(const std::vector<Piece>& got) const {
    EXPECT_EQ(got.size(), pieces.size());
    size_t damaged = 0;
    for (size_t i = 0; i < std::min(got.size(), pieces.size()); ++i) {
      if (got[i].content) {
        EXPECT_EQ(*got[i].content, *pieces[i].content) << pieces[i].name;
        continue;
      }
      ++damaged;
      EXPECT_EQ(got[i].content.error().code, Code::corrupt);
      EXPECT_THAT(got[i].content.error().message, HasSubstr(kBlockPath));
    }
    return damaged;
  }
};

HeadPart small_head() {
  RandomSpans random(81);
  std::vector<SentSpan> spans;
  for (uint64_t i = 1; i <= 6; ++i) {
    SentSpan span = simple_span(i / 2, i, 1'000 * i);
    span.attributes = {{"text", {ValueType::string, 0, fmt::format("value {}", i % 2)}},
                       {"number", {ValueType::integer, i, {}}}};
    span.events.push_back({i, "event", {}, 0});
    if (i == 3) span.attributes = random.attributes();
    if (i == 4) span.links.push_back({make_trace_id(1, 2), make_span_id(3), "state", {}, 1, 1});
    spans.push_back(std::move(span));
  }
  return HeadPart(head_of({spans}));
}

TEST(BlockDamage, IsFoundInEveryByte) {
  const Specimen specimen(small_head());
  std::mt19937_64 random(82);
  size_t harmless = 0;
  for (size_t at = 0; at < specimen.bytes.size(); ++at) {
    std::string changed = specimen.bytes;
    changed[at] = static_cast<char>(changed[at] ^ static_cast<char>(1 + random() % 255));
    if (specimen.damaged_pieces(std::move(changed)) == 0) ++harmless;
  }
  EXPECT_LE(harmless, 8U);  // the magic in front, which nothing reads
}

TEST(BlockDamage, IsFoundWhereTheFileIsCutShortOrLonger) {
  const Specimen specimen(small_head());
  for (size_t size = 0; size < specimen.bytes.size(); ++size) {
    EXPECT_EQ(specimen.damaged_pieces(specimen.bytes.substr(0, size)), std::nullopt);
  }
  EXPECT_EQ(specimen.damaged_pieces(specimen.bytes + '\0'), std::nullopt);
  // All but what the footer says: the receive times, that no trace is split, and that one row group
  // has no statistics of its three fields.
  EXPECT_EQ(specimen.damaged_pieces('\0' + specimen.bytes), specimen.pieces.size() - 5);
}

TEST(BlockDamage, StaysInItsChunk) {
  std::vector<SentSpan> spans;
  for (uint64_t i = 0; i < 66'000; ++i) {
    SentSpan span = simple_span(1 + i / 1'000, i + 1, 1'000 * (i / 1'000));
    span.attributes = {{"number", {ValueType::integer, mix64(i), {}}},
                       {"text", {ValueType::string, 0, fmt::format("value {}", i % 3)}}};
    spans.push_back(std::move(span));
  }
  const Specimen specimen(HeadPart(head_of({spans})));
  std::mt19937_64 random(83);
  for (int i = 0; i < 20; ++i) {
    std::string changed = specimen.bytes;
    char& byte = changed[8 + random() % (specimen.bytes.size() - 20'000)];
    byte = static_cast<char>(byte ^ 16);
    const auto damaged = specimen.damaged_pieces(std::move(changed));
    ASSERT_TRUE(damaged);
    EXPECT_EQ(*damaged, 1U) << specimen.pieces.size();
  }
}

TEST(BlockDamage, OfAnotherBlocksChunksIsFound) {
  const HeadPart head = small_head();
  const Specimen specimen(head);
  BlockDisk disk;
  disk.write(head, "/blocks/2", 2);
  const std::string other = disk.storage.durable("/blocks/2");
  ASSERT_EQ(other.size(), specimen.bytes.size());
  std::string mixed = other.substr(0, 500) + specimen.bytes.substr(500);
  EXPECT_GT(specimen.damaged_pieces(std::move(mixed)), 0U);
}

TEST(BlockDamage, IsNotALaterVersion) {
  const Specimen specimen(small_head());
  FaultStorage storage;
  BlockCache cache(1 << 20);
  const auto error_of = [&](std::string bytes) {
    storage.set_durable(kBlockPath, std::move(bytes));
    return Block::open(storage, kBlockPath, cache).error();
  };
  std::string later = specimen.bytes;
  later.back() = '2';
  EXPECT_EQ(error_of(later).code, Code::corrupt);  // everything else holds: a flipped bit
  later[later.size() - 10] = '?';                  // its checksum is another's
  const Error error = error_of(later);
  EXPECT_EQ(error.code, Code::unimplemented);
  EXPECT_THAT(error.message, HasSubstr("version 02"));
  EXPECT_THAT(error.message, HasSubstr(kBlockPath));
}

TEST(BlockDamage, OfAPowerCutLeavesNoBlock) {
  const HeadPart head = small_head();
  const Specimen specimen(head);
  using enum FaultStorage::Unsynced;
  for (const auto unsynced : {dropped, kept, torn}) {
    for (uint64_t seed = 1; seed <= 20; ++seed) {
      for (uint64_t after = 0;; ++after) {
        FaultStorage storage(seed);
        storage.set_durable(kBlockPath, specimen.bytes.substr(0, 700));  // a leftover
        storage.crash_at(after);
        const auto written = write_block(storage, kBlockPath, identity_of(1), head);
        const bool crashed = storage.crashed();
        EXPECT_NE(written.has_value(), crashed);
        storage.restart(unsynced);
        const std::string left = storage.durable(kBlockPath);
        if (!left.empty()) {
          const auto damaged = specimen.damaged_pieces(left);
          EXPECT_TRUE(unsynced == torn || !damaged || damaged == 0);
        }
        if (!crashed) break;
      }
    }
  }
}

TEST(BlockDamage, OfAFailingDiskIsReported) {
  const HeadPart head = small_head();
  FaultStorage storage;
  const auto write = [&] { return write_block(storage, kBlockPath, identity_of(1), head); };
  storage.fail_syncs(1);
  EXPECT_EQ(write().error().code, Code::io);
  EXPECT_TRUE(storage.list("/blocks").value().empty());
  storage.set_full(true);
  const auto full = write();
  EXPECT_EQ(full.error().code, Code::limit);
  EXPECT_THAT(full.error().message, HasSubstr(kBlockPath));
  storage.set_full(false);
  EXPECT_TRUE(write());
}

}  // namespace
}  // namespace vivace
