// What goes when the disk is short or blocks are old, in numbers; and clocks that are wrong.
#include "store/disk_budget.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vivace {
namespace {

constexpr int64_t kHour = 3'600'000'000'000;
constexpr int64_t kNow = 1'700'000'000'000'000'000;
constexpr int64_t kRetention = 100 * kHour;

// Number n holds the log's range [10 n, 10 n + 10).
StoredBlock block(uint64_t number, int64_t received_ns, uint64_t bytes = 100) {
  return {.number = number,
          .bytes = bytes,
          .received_max_ns = received_ns,
          .log_from = 10 * number,
          .log_end = 10 * number + 10};
}

std::vector<uint64_t> numbers(const std::vector<StoredBlock>& blocks) {
  std::vector<uint64_t> out;
  for (const StoredBlock& of : blocks) out.push_back(of.number);
  return out;
}

std::vector<int64_t> corrected(std::vector<StoredBlock> blocks, int64_t now_ns) {
  correct_times(blocks, now_ns);
  std::vector<int64_t> out;
  for (const StoredBlock& of : blocks) out.push_back(of.received_max_ns);
  return out;
}

TEST(DiskBudget, NothingGoesWithoutADemand) {
  const DiskVerdict verdict = choose_what_goes({block(1, 5), block(2, 6)}, {});
  EXPECT_TRUE(verdict.too_old.empty());
  EXPECT_TRUE(verdict.displaced.empty());
  EXPECT_EQ(verdict.missing_bytes, 0U);
}

TEST(DiskBudget, TheOldGo) {
  const DiskVerdict verdict =
      choose_what_goes({block(1, 50), block(2, 9), block(3, 10)}, {.received_before_ns = 10});
  EXPECT_THAT(numbers(verdict.too_old), testing::ElementsAre(2));
  EXPECT_TRUE(verdict.displaced.empty());
}

TEST(DiskBudget, TheOldestGoFirstUntilItIsEnough) {
  const std::vector<StoredBlock> blocks = {block(1, 40), block(2, 10), block(3, 30), block(4, 20)};
  const auto displaced = [&](uint64_t bytes) {
    return numbers(choose_what_goes(blocks, {.bytes = bytes}).displaced);
  };
  EXPECT_THAT(displaced(1), testing::ElementsAre(2));
  EXPECT_THAT(displaced(100), testing::ElementsAre(2));
  EXPECT_THAT(displaced(101), testing::ElementsAre(2, 4));
  EXPECT_THAT(displaced(399), testing::ElementsAre(2, 4, 3, 1));
  EXPECT_EQ(choose_what_goes(blocks, {.bytes = 400}).missing_bytes, 0U);
  EXPECT_EQ(choose_what_goes(blocks, {.bytes = 450}).missing_bytes, 50U);
}

TEST(DiskBudget, WhatGoesForItsAgeCounts) {
  const DiskVerdict verdict = choose_what_goes({block(1, 1), block(2, 2), block(3, 3), block(4, 4)},
                                               {.received_before_ns = 3, .bytes = 250});
  EXPECT_THAT(numbers(verdict.too_old), testing::ElementsAre(1, 2));
  EXPECT_THAT(numbers(verdict.displaced), testing::ElementsAre(3));
}

TEST(DiskBudget, TheLimitsByDefault) {
  EXPECT_EQ(free_min_of({}, uint64_t{10} << 30), uint64_t{512} << 20);
  EXPECT_EQ(free_min_of({}, uint64_t{1} << 40), uint64_t{1} << 30);
  EXPECT_EQ(free_min_of({.free_min = 7}, uint64_t{1} << 40), 7U);
  EXPECT_EQ(free_min_of({.free_min = 0}, uint64_t{1} << 40), 0U);
  EXPECT_EQ(merge_room_of({}), 0U);
  EXPECT_EQ(merge_room_of({.bytes_max = 1600}), 100U);
}

TEST(DiskBudget, TimesOfThePastStay) {
  EXPECT_THAT(corrected({block(1, kNow - 5), block(2, 0), block(3, kNow)}, kNow),
              testing::ElementsAre(kNow - 5, 0, kNow));
}

// The clock was ten years ahead for a while. What came then is as old as what came next.
TEST(DiskBudget, BlocksFromTheFutureDoNotLiveForEver) {
  const int64_t future = kNow + 87'600 * kHour;
  EXPECT_THAT(corrected({block(1, kNow - 9 * kHour), block(2, future), block(3, future + kHour),
                         block(4, kNow - 5 * kHour), block(5, kNow - kHour)},
                        kNow),
              testing::ElementsAre(kNow - 9 * kHour, kNow - 5 * kHour, kNow - 5 * kHour,
                                   kNow - 5 * kHour, kNow - kHour));
  EXPECT_THAT(corrected({block(1, 5), block(2, future)}, kNow), testing::ElementsAre(5, kNow))
      << "the newest is new";
  StoredBlock unknown = block(0, future);
  unknown.log_from = unknown.log_end = 0;
  EXPECT_THAT(corrected({unknown, block(1, 5)}, kNow), testing::ElementsAre(kNow, 5));
}

// The clock falls back to 1970 and is put right later: nothing may go in between, nor because of
// it.
TEST(DiskBudget, AClockThatStepsBackRemovesNothing) {
  std::vector<StoredBlock> blocks = {block(1, kNow - 9 * kHour), block(2, kNow),
                                     block(3, 5 * kHour)};
  const int64_t then = 6 * kHour;
  correct_times(blocks, then);
  const DiskVerdict verdict =
      choose_what_goes(blocks, {.received_before_ns = then - kRetention, .bytes = 0});
  EXPECT_TRUE(verdict.too_old.empty());
  EXPECT_THAT(corrected({block(1, kNow - 9 * kHour), block(2, kNow)}, kNow + kHour),
              testing::ElementsAre(kNow - 9 * kHour, kNow));
}

TEST(ClockWatch, TrustsAClockThatRuns) {
  ClockWatch watch;
  EXPECT_TRUE(watch.is_trusted(kNow, 0, false));
  EXPECT_TRUE(watch.is_trusted(kNow + 500 * kHour, 500 * kHour, true)) << "all may grow old";
  EXPECT_TRUE(watch.is_trusted(kNow + 501 * kHour - 60, 500 * kHour + 1, false)) << "summer time";
}

TEST(ClockWatch, DoubtsAStepForwardForAnHour) {
  ClockWatch watch;
  EXPECT_TRUE(watch.is_trusted(kNow, 0, false));
  EXPECT_FALSE(watch.is_trusted(kNow + 2 * kHour, 10, false));
  EXPECT_FALSE(watch.is_trusted(kNow + 3 * kHour, kHour, false));
  EXPECT_TRUE(watch.is_trusted(kNow + 4 * kHour, 2 * kHour, false));
}

TEST(ClockWatch, TrustsAgainWhenItIsPutRight) {
  ClockWatch watch;
  EXPECT_TRUE(watch.is_trusted(kNow, 0, false));
  EXPECT_FALSE(watch.is_trusted(kNow + 1000 * kHour, 10, true));
  EXPECT_TRUE(watch.is_trusted(kNow + 20, 20, false));
}

TEST(ClockWatch, DoubtsAStartThatWouldRemoveAll) {
  ClockWatch watch;
  EXPECT_FALSE(watch.is_trusted(kNow, 0, true));
  EXPECT_TRUE(watch.is_trusted(kNow + kHour, kHour, true));
}

}  // namespace
}  // namespace vivace
