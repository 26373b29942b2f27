// The time axis of metrics: what is refused, the beginning of time, the default step. What counts
// in which interval is shown by metrics_test.cc.
#include "query/metrics_axis.h"

#include <gtest/gtest.h>

namespace vivace {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

TEST(MetricsAxis, RefusesWhatCannotBe) {
  const auto refusal = [](uint64_t start, uint64_t end, uint64_t step) {
    const auto axis = MetricsAxis::range(start, end, step, 10'000);
    return axis ? "" : axis.error().message;
  };
  EXPECT_EQ(refusal(0, 10, 1), "start required");
  EXPECT_EQ(refusal(10, 0, 1), "end required");
  EXPECT_EQ(refusal(10, 10, 1), "end must be greater than start");
  EXPECT_EQ(refusal(kSecond, 10'801 * kSecond, 1'000'000),
            "step of 1ms is too small, minimum step for given range is 1.08s");
  EXPECT_EQ(refusal(kSecond, 3601 * kSecond, 0),
            "step of 0s is too small, minimum step for given range is 360ms");
  EXPECT_EQ(refusal(1, UINT64_MAX, UINT64_MAX), "end is too far in the future");
}

TEST(MetricsAxis, ReachesBackToTheBeginningOfTime) {
  const auto axis = MetricsAxis::range(3 * kSecond, 7 * kSecond, 4 * kSecond, 10'000);
  ASSERT_TRUE(axis);
  EXPECT_EQ(axis->count, 3u);
  EXPECT_EQ(axis->stamp(0), 0u);
  EXPECT_TRUE(axis->has(0));
  EXPECT_EQ(axis->interval(0), 0u);
  EXPECT_EQ(axis->interval(1), 1u);
  EXPECT_EQ(axis->interval(8 * kSecond), 2u);
  EXPECT_FALSE(axis->has(8 * kSecond + 1));
  EXPECT_FALSE(axis->has(UINT64_MAX));
}

TEST(MetricsAxis, HasAboutTwoHundredFortyPoints) {
  const auto step_of = [](uint64_t range_ns) {
    return default_metrics_step_ns(1, 1 + range_ns) / 1'000'000;
  };
  EXPECT_EQ(step_of(3600 * kSecond), 15'000u);
  EXPECT_EQ(step_of(24 * 3600 * kSecond), 300'000u);
  EXPECT_EQ(step_of(15 * 60 * kSecond), 3'000u);
  EXPECT_EQ(step_of(30 * kSecond), 100u);
  EXPECT_EQ(step_of(1), 50u);
}

}  // namespace
}  // namespace vivace
