// A block that an earlier program wrote says today what it said then. tests/golden/block_01 was
// made by the writer of version 1 of the format, block_01.txt has the hash of everything that it
// says; both are made by
//
//   VIVACE_WRITE_GOLDEN=1 build/release/block_test --gtest_filter='BlockGolden.*'
//
// which is right only for as long as no released program has written the version.
#include <algorithm>

#include <gmock/gmock.h>

#include "base/testing/golden.h"
#include "block/block_pieces_testing.h"
#include "block/block_testing.h"

namespace vivace {
namespace {

// Something of everything: all fields, repeated keys, trees, links, events, several row groups.
std::vector<SentSpan> golden_spans() {
  RandomSpans random(1);
  std::vector<SentSpan> out = random.request(40);
  for (uint64_t i = 0; i < 600; ++i) {
    SentSpan span = simple_span(900 + i / 60, 1 + mix64(i), 1'790'000'000'000'000'000 + i * 77'777);
    span.end_ns = span.start_ns + (mix64(i) >> (40 + i % 20));
    if (i % 60 > 0) span.parent_id = make_span_id(1 + mix64(i - 1 - mix64(i) % (i % 60)));
    span.name = fmt::format("name {}", i % 6);
    span.attributes = {{"of name", {ValueType::string, 0, fmt::format("value {}", i % 6 / 2)}},
                       {"unique", {ValueType::integer, mix64(i), {}}}};
    if (i % 3 == 0) span.attributes.push_back({"third", {ValueType::integer, i, {}}});
    if (i % 6 == 0) span.attributes.push_back({"third", {ValueType::real, mix64(i), {}}});
    if (i % 5 == 0) span.links.push_back({span.trace_id, span.span_id, "", {}, 0, 0});
    if (i % 7 == 0) span.events.push_back({span.start_ns + i, "event", {}, 0});
    out.push_back(std::move(span));
  }
  return out;
}

std::string write_golden_block() {
  const HeadPart head(head_of({golden_spans()}));
  BlockDisk disk;
  BlockContent content{.sources = {{.part = &head}}};
  for (const uint64_t id : {901, 905}) content.splits.push_back({make_trace_id(0, id), 5, 6'000});
  EXPECT_TRUE(write_block(disk.storage, kBlockPath, identity_of(1), content));
  EXPECT_TRUE(disk.storage.sync_directory("/blocks"));
  return disk.storage.durable(kBlockPath);
}

// A line for each piece: its name and the hash of what it says.
std::string describe(const Block& block) {
  Inspected inspected;
  std::vector<TraceId> ids;
  for (uint32_t i = 0; i < block.traces(); ++i) ids.push_back(block.trace(i, inspected).value().id);
  ids.push_back(make_trace_id(1, 2));
  std::string out = fmt::format("{} spans, {} traces, {} row groups\n", block.rows(),
                                block.traces(), block.groups());
  for (const Piece& piece : pieces_of(block, ids)) {
    EXPECT_TRUE(piece.content) << piece.name;
    if (!piece.content) continue;
    std::string name = piece.name;  // keys have any bytes
    std::ranges::replace_if(name, [](char c) { return c < ' ' || c > '~'; }, '?');
    out += fmt::format("{:016x}  {}\n", hash64(*piece.content), name);
  }
  return out;
}

TEST(BlockGolden, OfVersionOneSaysWhatItSaid) {
  if (golden::is_to_be_written()) golden::write("block_01", write_golden_block());
  BlockDisk disk;
  disk.storage.set_durable(kBlockPath, golden::read("block_01"));
  const auto block = disk.open();
  ASSERT_NE(block, nullptr);
  const std::string said = describe(*block);
  if (golden::is_to_be_written()) golden::write("block_01.txt", said);
  EXPECT_EQ(said, golden::read("block_01.txt"));
  EXPECT_GT(block->groups(), 1U);
  std::vector<SentSpan> expected = golden_spans();
  sort_canonically(expected);
  expect_same(expected, read_all(*block));
}

}  // namespace
}  // namespace vivace
