// Buckets by the clock: bursts pass, then as much as the rate; tenants do not touch each other.
#include "app/rate_limit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vivace {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

TEST(RateLimit, IsOffUnlessItIsSet) {
  const ManualClock clock;
  RateLimit limit({}, clock);
  EXPECT_TRUE(limit.take("t", UINT64_MAX));
  EXPECT_EQ(limit.buckets(), 0U);
}

TEST(RateLimit, LetsABurstPassAndThenTheRate) {
  ManualClock clock;
  RateLimit limit({.bytes_per_s = 100, .burst_bytes = 1000}, clock);
  EXPECT_TRUE(limit.take("t", 600));
  EXPECT_TRUE(limit.take("t", 400));
  EXPECT_TRUE(limit.take("t", 0));
  EXPECT_FALSE(limit.take("t", 1));
  clock.advance(kSecond);
  EXPECT_FALSE(limit.take("t", 101)) << "and takes nothing";
  EXPECT_TRUE(limit.take("t", 100));
  clock.advance(kSecond / 2);
  EXPECT_TRUE(limit.take("t", 50));
  EXPECT_FALSE(limit.take("t", 1));
  clock.advance(1000 * kSecond);
  EXPECT_TRUE(limit.take("t", 1000)) << "no more than a burst";
  EXPECT_FALSE(limit.take("t", 1));
}

TEST(RateLimit, GivesEachTenantItsOwn) {
  const ManualClock clock;
  RateLimit limit({.bytes_per_s = 1, .burst_bytes = 10}, clock);
  EXPECT_TRUE(limit.take("a", 10));
  EXPECT_TRUE(limit.take("b", 10));
  EXPECT_FALSE(limit.take("a", 1));
}

TEST(RateLimit, SaysWhatItIs) {
  const ManualClock clock;
  RateLimit limit({.bytes_per_s = 5, .burst_bytes = 10}, clock);
  ASSERT_TRUE(limit.take("t", 9));
  const Error over = limit.take("t", 2).error();
  EXPECT_EQ(over.code, Code::limit);
  EXPECT_EQ(over.message,
            "RATE_LIMITED: ingestion rate limit (local: 5 bytes/s, burst: 10 bytes) exceeded while "
            "adding 2 bytes for user t");
  const Error never = limit.take("t", 11).error();
  EXPECT_EQ(never.code, Code::limit);
  EXPECT_EQ(never.message,
            "RATE_LIMITED: batch size (11 bytes) exceeds ingestion limit (local: 5 bytes/s, burst: "
            "10 bytes) for user t; no retry can pass");
}

TEST(RateLimit, ForgetsBucketsThatAreFullAgain) {
  ManualClock clock;
  RateLimit limit({.bytes_per_s = 10, .burst_bytes = 10}, clock);
  for (int i = 0; i < 10'000; ++i) EXPECT_TRUE(limit.take(std::to_string(i), 10));
  clock.advance(kSecond);
  EXPECT_TRUE(limit.take("0", 4));
  EXPECT_TRUE(limit.take("another", 1));
  EXPECT_EQ(limit.buckets(), 2U);
  EXPECT_FALSE(limit.take("0", 7));
}

TEST(RateLimit, GivesOneBucketToAllThatThereIsNoRoomFor) {
  ManualClock clock;
  RateLimit limit({.bytes_per_s = 1, .burst_bytes = 1000}, clock);
  for (int i = 0; i < 10'000; ++i) EXPECT_TRUE(limit.take(std::to_string(i), 1000));
  EXPECT_TRUE(limit.take("new", 600));
  EXPECT_FALSE(limit.take("newer", 600)) << "the same bucket";
  EXPECT_TRUE(limit.take("newest", 400));
  EXPECT_EQ(limit.buckets(), 10'000U);
  clock.advance(600 * kSecond);
  EXPECT_TRUE(limit.take("0", 600)) << "who had one keeps it";
  EXPECT_TRUE(limit.take("new", 600));
  clock.advance(400 * kSecond);
  EXPECT_TRUE(limit.take("new", 1000)) << "there is room again";
  EXPECT_EQ(limit.buckets(), 2U);
}

}  // namespace
}  // namespace vivace
