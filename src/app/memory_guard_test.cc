// The guard on numbers that the test makes up, and once on this process.
// What it does to admission is tested in store.
#include "app/memory_guard.h"

#include <gtest/gtest.h>

namespace vivace {
namespace {

TEST(MemoryGuard, IsShortNearTheLimitAndLetsGoWellBelowIt) {
  ManualClock clock;
  Metrics metrics;
  int64_t used = 50;
  int looks = 0;
  MemoryGuard guard(100, clock, metrics, [&] {
    ++looks;
    return used;
  });
  const auto ask = [&] {
    clock.advance(10'000'000);
    return guard.is_short();
  };
  EXPECT_FALSE(ask());
  used = 91;
  EXPECT_FALSE(ask());
  used = 93;
  EXPECT_TRUE(ask());
  used = 88;
  EXPECT_TRUE(ask());
  used = 84;
  EXPECT_FALSE(ask());
  used = 88;
  EXPECT_FALSE(ask());
  const int before = looks;
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(guard.is_short());
  EXPECT_EQ(looks, before) << "it looks once in a while";
}

TEST(MemoryGuard, KnowsWhatThisProcessUses) {
  const int64_t before = resident_bytes();
  EXPECT_GT(before, 0);
  std::string memory(64 << 20, 'x');
  EXPECT_GT(resident_bytes(), before + (60 << 20));
  EXPECT_EQ(memory.back(), 'x');
}

}  // namespace
}  // namespace vivace
