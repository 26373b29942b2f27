// Trace ids to rows: growth, ids that collide, ids that were never there.
#include "head/trace_index.h"

#include <vector>

#include <gtest/gtest.h>

namespace vivace {
namespace {

TraceId id_of(uint64_t number) {
  TraceId id;
  store(id.bytes.data(), mix64(number + 1));
  store(id.bytes.data() + 8, number + 1);
  return id;
}

TEST(TraceIndex, FindsNothingWhenEmpty) {
  const TraceIndex index;
  EXPECT_EQ(index.find(id_of(1)), std::nullopt);
  EXPECT_EQ(index.size(), 0U);
}

TEST(TraceIndex, GrowsAndKeepsAll) {
  constexpr uint32_t kTraces = 60'000;
  HeadMemory memory;
  TraceIndex index;
  for (uint32_t i = 0; i < kTraces; ++i) {
    ASSERT_EQ(index.intern(memory, id_of(i)), i) << "ordinals are dense";
    ASSERT_EQ(index.newest(i), TraceIndex::kNoRow);
    index.set_newest(i, i * 2);
    ASSERT_EQ(index.intern(memory, id_of(i / 2)), i / 2) << "not new";
  }
  EXPECT_EQ(index.size(), kTraces);
  for (uint32_t i = 0; i < kTraces; ++i) {
    ASSERT_EQ(index.find(id_of(i)), i);
    ASSERT_EQ(index.newest(i), i * 2);
    ASSERT_EQ(index.id(i), id_of(i));
    ASSERT_EQ(index.find(id_of(kTraces + i)), std::nullopt);
  }
  index.set_newest(7, 1'000'000);
  EXPECT_EQ(index.newest(7), 1'000'000U);
}

// All want one of the last slots of the table, and go round its end.
TEST(TraceIndex, TellsCollidingIdsApart) {
  std::vector<TraceId> ids;
  for (uint64_t i = 0; ids.size() < 100; ++i) {
    if ((id_of(i).hash() & 1023) >= 1020) ids.push_back(id_of(i));
  }
  HeadMemory memory;
  TraceIndex index;
  for (uint32_t i = 0; i < ids.size(); ++i) {
    ASSERT_EQ(index.intern(memory, ids[i]), i);
    index.set_newest(i, i);
  }
  for (uint32_t i = 0; i < ids.size(); ++i) {
    ASSERT_EQ(index.intern(memory, ids[i]), i);
    ASSERT_EQ(index.find(ids[i]), i);
  }
}

}  // namespace
}  // namespace vivace
