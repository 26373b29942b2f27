// What a head leaves serves the next one, and what nobody needs goes back.
#include "head/region_pool.h"

#include <cstring>

#include <gtest/gtest.h>

#include "head/memory.h"

namespace vivace {
namespace {

constexpr auto kRegion = static_cast<int64_t>(RegionPool::kRegionBytes);

TEST(RegionPool, HandsOutWhatWasGivenBack) {
  RegionPool pool;
  char* first = pool.take();
  EXPECT_EQ(reinterpret_cast<uintptr_t>(first) % RegionPool::kRegionBytes, 0u);
  std::memset(first, 1, RegionPool::kRegionBytes);
  pool.give(first);
  EXPECT_EQ(pool.bytes(), kRegion);
  EXPECT_EQ(pool.take(), first);
  EXPECT_EQ(pool.bytes(), 0);
  pool.give(first);
}

TEST(RegionPool, TrimsWhatNobodyNeededSinceTheLastTime) {
  RegionPool pool;
  char* regions[3];
  for (char*& region : regions) region = pool.take();
  for (char* region : regions) pool.give(region);
  pool.trim();
  EXPECT_EQ(pool.bytes(), 3 * kRegion) << "they have only just come";
  char* busy = pool.take();
  pool.give(busy);
  pool.trim();
  EXPECT_EQ(pool.bytes(), kRegion) << "one was needed";
  pool.trim();
  EXPECT_EQ(pool.bytes(), 0);
}

TEST(RegionPool, KeepsTheRegionsOfDeadHeadsOnly) {
  const auto pool = std::make_shared<RegionPool>();
  {
    HeadMemory memory(pool);
    for (int i = 0; i < 100; ++i) (void)memory.allocate<char>(100'000);
    EXPECT_EQ(pool->bytes(), 0);
  }
  EXPECT_GE(pool->bytes(), 3 * kRegion);
  const int64_t kept = pool->bytes();
  {
    HeadMemory memory(pool);
    for (int i = 0; i < 100; ++i) (void)memory.allocate<char>(100'000);
    EXPECT_EQ(pool->bytes(), 0);
  }
  EXPECT_EQ(pool->bytes(), kept) << "the second head needed no new one";
}

}  // namespace
}  // namespace vivace
