// Plans over blocks that never were: each rule alone, then two weeks of odd blocks, in which few
// may stay and none may be written often.
#include "compact/plan.h"

#include <algorithm>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vivace::compact {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr int64_t kHour = 3'600'000'000'000;
constexpr int64_t kNow = 1000 * kHour + kHour / 2;

Candidate block(uint64_t number, uint64_t bytes, int64_t received_ns = kNow) {
  return {.number = number,
          .bytes = bytes,
          .rows = bytes / 30,
          .traces = bytes / 300,
          .log_from = number,
          .received_max_ns = received_ns};
}

std::vector<Candidate> blocks(uint64_t count, uint64_t bytes, int64_t received_ns = kNow) {
  std::vector<Candidate> out;
  for (uint64_t i = 1; i <= count; ++i) out.push_back(block(i, bytes, received_ns));
  return out;
}

TEST(Plan, EightOfAClassBecomeOne) {
  EXPECT_THAT(plan(blocks(7, 1 << 20), {}, kNow).merge, IsEmpty());
  const Plan due = plan(blocks(8, 1 << 20), {}, kNow);
  EXPECT_THAT(due.merge, ElementsAre(1, 2, 3, 4, 5, 6, 7, 8));
  EXPECT_EQ(due.debt_bytes, 8U << 20);
  EXPECT_EQ(due.small_blocks, 8U);
}

TEST(Plan, TheOldestGoFirstWhateverTheirNumbers) {
  std::vector<Candidate> all = blocks(20, 1 << 20);
  for (Candidate& candidate : all) candidate.log_from = 100 - candidate.number;
  const Plan due = plan(all, {}, kNow);
  ASSERT_EQ(due.merge.size(), 16U);
  EXPECT_EQ(due.merge.front(), 20U);
  EXPECT_EQ(due.merge.back(), 5U);
}

TEST(Plan, ClassesDoNotMix) {
  std::vector<Candidate> all = blocks(7, 1 << 20);
  for (uint64_t i = 8; i < 15; ++i) all.push_back(block(i, 20 << 20));
  EXPECT_THAT(plan(all, {}, kNow).merge, IsEmpty());
}

TEST(Plan, WindowsDoNotMix) {
  std::vector<Candidate> all = blocks(4, 1 << 20);
  for (uint64_t i = 5; i < 12; ++i) all.push_back(block(i, 1 << 20, kNow - kHour));
  EXPECT_THAT(plan(all, {}, kNow).merge, IsEmpty());
}

TEST(Plan, AWindowThatIsOverBecomesOneBlock) {
  std::vector<Candidate> all = {block(1, 1 << 10, kNow - 3 * kHour),
                                block(2, 90 << 20, kNow - 3 * kHour), block(3, 1 << 10)};
  EXPECT_THAT(plan(all, {}, kNow).merge, ElementsAre(1, 2));
  all.erase(all.begin());
  EXPECT_THAT(plan(all, {}, kNow).merge, IsEmpty());
}

TEST(Plan, FullBlocksAreLeftAlone) {
  EXPECT_THAT(plan(blocks(30, 300ULL << 20), {}, kNow).merge, IsEmpty());
  std::vector<Candidate> many_rows = blocks(30, 1 << 20);
  for (Candidate& candidate : many_rows) candidate.rows = 9 << 20;
  EXPECT_THAT(plan(many_rows, {}, kNow).merge, IsEmpty());
}

TEST(Plan, WhatIsMergedFitsIntoOneBlock) {
  const Plan due = plan(blocks(10, 200ULL << 20, kNow - 9 * kHour), {}, kNow);
  EXPECT_THAT(due.merge, ElementsAre(1, 2));
}

TEST(Plan, TooManySmallBlocksAreMergedAcrossClasses) {
  std::vector<Candidate> all;
  for (uint64_t i = 0; i < 65; ++i) {
    all.push_back(block(i, 1ULL << (10 + 3 * (i % 2)), kNow - static_cast<int64_t>(i / 5) * kHour));
  }
  const PlanOptions options{.window_ns = 2'000 * kHour, .fan_in = 100};
  EXPECT_EQ(plan(all, options, kNow).merge.size(), options.sources_max);
  all.pop_back();
  EXPECT_THAT(plan(all, options, kNow).merge, IsEmpty());
}

TEST(Plan, TimesBefore1970HaveWindowsToo) {
  EXPECT_EQ(plan({{block(1, 100, -1), block(2, 100, -kHour)}}, {}, kNow).merge.size(), 2U);
  EXPECT_THAT(plan({{block(1, 100, -1), block(2, 100, 1)}}, {}, kNow).merge, IsEmpty());
}

TEST(Plan, WindowsAreAShareOfTheRetention) {
  EXPECT_EQ(window_ns(0), kHour);
  EXPECT_EQ(window_ns(2 * kHour), kHour);
  EXPECT_EQ(window_ns(24LL * 14 * kHour), 14 * kHour);
}

// Blocks of odd sizes for two weeks: few stay, each span is written few times.
TEST(Plan, KeepsTheCountSmallAndTheWorkSmall) {
  std::mt19937_64 random(7);
  const PlanOptions options{.window_ns = 14 * kHour};
  std::vector<Candidate> all;
  uint64_t number = 0;
  uint64_t received_bytes = 0;
  uint64_t written_bytes = 0;
  size_t most = 0;
  for (int64_t now = kNow; now < kNow + 336 * kHour; now += kHour / 20) {
    const uint64_t bytes = (1 << 20) + random() % (20 << 20);
    all.push_back(block(++number, bytes, now));
    received_bytes += bytes;
    while (true) {
      const Plan due = plan(all, options, now);
      if (due.merge.empty()) break;
      Candidate merged = block(++number, 0, 0);
      merged.log_from = due.merge.front();
      for (const Candidate& candidate : all) {
        if (!std::ranges::binary_search(due.merge, candidate.number) &&
            std::ranges::find(due.merge, candidate.number) == due.merge.end()) {
          continue;
        }
        merged.bytes += candidate.bytes;
        merged.rows += candidate.rows;
        merged.received_max_ns = std::max(merged.received_max_ns, candidate.received_max_ns);
      }
      std::erase_if(all, [&](const Candidate& candidate) {
        return std::ranges::find(due.merge, candidate.number) != due.merge.end();
      });
      written_bytes += merged.bytes;
      all.push_back(merged);
    }
    most =
        std::max(most, all.size() - static_cast<size_t>(std::ranges::count_if(
                                        all, [](const auto& b) { return b.bytes > 256 << 20; })));
  }
  EXPECT_LE(most, 64U);
  EXPECT_LE(written_bytes, 3 * received_bytes);
}

}  // namespace
}  // namespace vivace::compact
