// Which bodies count as sent before: for ten minutes, and a bounded number of them.
#include "store/recent_bodies.h"

#include <gtest/gtest.h>

namespace vivace {
namespace {

constexpr int64_t kMinute = 60'000'000'000;

Hash128 hash_of(uint64_t number) { return {.low = mix64(number), .high = number}; }

TEST(RecentBodies, AreKnownForTenMinutes) {
  RecentBodies recent;
  EXPECT_FALSE(recent.find(hash_of(1), 0));
  recent.insert(hash_of(1), 5 * kMinute, {.rejected_trace_ids = 3, .rejected_span_ids = 4});
  const auto answer = recent.find(hash_of(1), 15 * kMinute);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->rejected_trace_ids, 3U);
  EXPECT_EQ(answer->rejected_span_ids, 4U);
  EXPECT_FALSE(recent.find(hash_of(2), 5 * kMinute));
  EXPECT_FALSE(recent.find(hash_of(1), 15 * kMinute + 1));
}

TEST(RecentBodies, KeepTheFirstAnswer) {
  RecentBodies recent;
  recent.insert(hash_of(1), kMinute, {.rejected_trace_ids = 1});
  recent.insert(hash_of(1), kMinute, {.rejected_trace_ids = 2});
  EXPECT_EQ(recent.find(hash_of(1), kMinute)->rejected_trace_ids, 1U);
  EXPECT_EQ(recent.size(), 1U);
}

TEST(RecentBodies, BeginANewLifeWhenTheyComeAgainLater) {
  RecentBodies recent;
  recent.insert(hash_of(1), 0, {});
  recent.insert(hash_of(1), 11 * kMinute, {});
  EXPECT_TRUE(recent.find(hash_of(1), 12 * kMinute));
  EXPECT_EQ(recent.size(), 1U);
}

TEST(RecentBodies, AreForgottenOldestFirst) {
  RecentBodies recent;
  for (uint64_t i = 0; i < RecentBodies::kBodiesMax + 100; ++i) recent.insert(hash_of(i), 0, {});
  EXPECT_EQ(recent.size(), RecentBodies::kBodiesMax);
  EXPECT_FALSE(recent.find(hash_of(99), 0));
  EXPECT_TRUE(recent.find(hash_of(100), 0));
  recent.insert(hash_of(1'000'000), 20 * kMinute, {});
  EXPECT_EQ(recent.size(), 1U) << "all others are past their time";
}

TEST(RecentBodies, OutliveAClockThatIsSetBack) {
  RecentBodies recent;
  recent.insert(hash_of(1), 60 * kMinute, {});
  recent.insert(hash_of(2), 0, {});
  EXPECT_TRUE(recent.find(hash_of(1), 0));
  EXPECT_TRUE(recent.find(hash_of(2), 0));
  EXPECT_EQ(recent.size(), 2U);
}

}  // namespace
}  // namespace vivace
