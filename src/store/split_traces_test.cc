// What is kept of the split traces of blocks, with much room, some and none: while blocks are cut
// and merged, no split trace is ever taken for whole, and it takes what it may.
#include "store/split_traces.h"

#include <map>
#include <set>

#include <gtest/gtest.h>

#include "store/testing/stored_parts.h"

namespace vivace {
namespace {

using Spans = StoredParts::Spans;
using Blocks = StoredParts::BlockList;

std::set<TraceId> split_traces_of(const Blocks& blocks) {
  std::map<TraceId, uint32_t> parts;
  Inspected inspected;
  for (const auto& block : blocks) {
    for (uint32_t i = 0; i < block->traces(); ++i) ++parts[block->trace(i, inspected).value().id];
  }
  std::set<TraceId> out;
  for (const auto& [id, count] : parts) {
    if (count > 1) out.insert(id);
  }
  return out;
}

// Of traces that come up again and again.
Spans some_spans(RandomSpans& random, uint64_t number) {
  Spans out;
  for (uint64_t i = 0; i < 100; ++i) {
    SentSpan span;
    span.trace_id = make_trace_id(0, 1 + random.number(400));
    span.span_id = make_span_id(1 + 1'000 * number + i);
    span.start_ns = 100 * number + i;
    span.end_ns = span.start_ns + 5;
    out.push_back(std::move(span));
  }
  return out;
}

// The blocks from `first` on, as many, become one.
void merge(StoredParts& stored, Blocks& blocks, size_t first, size_t count) {
  const auto from = blocks.begin() + static_cast<ptrdiff_t>(first);
  const auto end = from + static_cast<ptrdiff_t>(count);
  const Blocks merged(from, end);
  const auto at = blocks.erase(from, end);
  const auto place = at - blocks.begin();
  const auto block = stored.merge(merged, blocks);
  blocks.insert(blocks.begin() + place, block);
}

TEST(SplitTraces, OfBlocksInAnyRoom) {
  for (const int64_t bytes_max : {int64_t{0}, int64_t{4'000}, int64_t{1} << 20}) {
    RandomSpans random(static_cast<uint64_t>(bytes_max) + 1);
    StoredParts stored;
    Budget budget("splits", bytes_max);
    const SplitRoom room{&budget, bytes_max};
    Blocks blocks;
    std::shared_ptr<const BlockSplits> splits;
    uint32_t without_entries = 0;
    for (uint64_t number = 0; number < 60; ++number) {
      blocks.push_back(stored.cut(some_spans(random, number), blocks));
      if (blocks.size() > 3 && random.chance(30)) {
        const size_t first = random.number(blocks.size() - 2);
        merge(stored, blocks, first, 2 + random.number(blocks.size() - first - 1));
      }
      splits = BlockSplits::of(blocks, splits, room);
      EXPECT_EQ(BlockSplits::of(blocks, splits, room), splits) << "nothing has changed";
      for (const TraceId& id : split_traces_of(blocks)) ASSERT_TRUE(splits->has(id)) << number;
      if (!splits->has_entries()) ++without_entries;
    }
    EXPECT_EQ(without_entries == 60, bytes_max == 0);
    EXPECT_EQ(without_entries == 0, bytes_max == 1 << 20);
    merge(stored, blocks, 0, blocks.size());
    splits = BlockSplits::of(blocks, splits, room);
    EXPECT_EQ(splits->size(), 0U) << "what blocks have left behind goes";
    EXPECT_FALSE(splits->has(make_trace_id(0, 1)));
    EXPECT_GT(budget.used(), 0);
    splits.reset();
    EXPECT_EQ(budget.used(), 0);
  }
}

TEST(SplitTraces, TakeNoMoreThanTheirRoomButForEachBlock) {
  constexpr int64_t kBlockBytes = 256;  // times and place of its list
  RandomSpans random(3);
  StoredParts stored;
  Blocks blocks;
  Budget budget("splits", 4'000);
  std::shared_ptr<const BlockSplits> splits;
  for (uint64_t number = 0; number < 40; ++number) {
    blocks.push_back(stored.cut(some_spans(random, number), blocks));
    splits = BlockSplits::of(blocks, splits, {&budget, 4'000});
    const auto of_blocks = static_cast<int64_t>(1 + blocks.size()) * kBlockBytes;
    EXPECT_LE(budget.used(), 4'000 + of_blocks) << number;
  }
  EXPECT_FALSE(splits->has_entries());
}

}  // namespace
}  // namespace vivace
