// One budget for all questions: shares are always there, the pool is waited for in order, nobody
// waits for ever, and refusals say what to do.
#include "query/query_budget.h"

#include <atomic>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace vivace {
namespace {

constexpr int64_t kKiB = 1 << 10;
constexpr int64_t kMiB = 1 << 20;
constexpr int64_t kLongNs = 600'000'000'000;  // nobody waits so long here

// Two questions with a share of 1 MiB, and a pool of 6.
QueryBudget::Options options(int64_t wait_max_ns) {
  return {.bytes_max = 8 * kMiB, .queries_max = 2, .wait_max_ns = wait_max_ns};
}

// A question with one thing that grows.
struct Question {
  explicit Question(QueryBudget& budget) : memory(budget), control{.maybe_memory = &memory} {
    charge = MemoryCharge(control);
  }
  Result<void> has(int64_t bytes) { return charge.set(bytes); }

  QueryMemory memory;
  QueryControl control;
  MemoryCharge charge;
};

void until_waiting(const QueryBudget& budget, uint32_t questions) {
  while (budget.usage().waiting != questions) std::this_thread::yield();
}

TEST(QueryBudget, OneQuestionMayHaveItsShareAndThePool) {
  Metrics metrics;
  QueryBudget budget(options(kLongNs), metrics);
  EXPECT_EQ(budget.query_bytes_max(), 7 * kMiB);
  Question one(budget);
  EXPECT_TRUE(one.has(7 * kMiB));
  EXPECT_EQ(budget.usage().bytes, 7 * kMiB);
  EXPECT_TRUE(one.has(1));
  EXPECT_LE(budget.usage().bytes, 2 * kMiB);  // what was given back
}

TEST(QueryBudget, WhatNobodyMayHaveIsRefusedAtOnce) {
  Metrics metrics;
  QueryBudget budget(options(kLongNs), metrics);
  Question one(budget);
  const auto refused = one.has(7 * kMiB + 1);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::too_large);
  EXPECT_NE(refused.error().message.find("budget query_memory"), std::string::npos);
  EXPECT_NE(refused.error().message.find("8 MiB"), std::string::npos);
  EXPECT_NE(refused.error().message.find("7 MiB"), std::string::npos);
  EXPECT_NE(metrics.render().find("vivace_query_memory_refused_total{reason=\"too_large\"} 1"),
            std::string::npos);
  EXPECT_TRUE(one.has(7 * kMiB));  // it is no worse off
}

TEST(QueryBudget, AShareIsThereWhateverTheOthersHave) {
  Metrics metrics;
  QueryBudget budget(options(kLongNs), metrics);
  Question large(budget);
  ASSERT_TRUE(large.has(7 * kMiB));
  Question small(budget);
  EXPECT_TRUE(small.has(kMiB));
}

// Eight shares of 128 KiB, and a pool of 3 MiB.
TEST(QueryBudget, ASmallShareIsThereToo) {
  Metrics metrics;
  QueryBudget budget({.bytes_max = 4 * kMiB, .queries_max = 8, .wait_max_ns = 1}, metrics);
  Question large(budget);
  ASSERT_TRUE(large.has(3 * kMiB + 128 * kKiB)) << "to the last byte";
  ASSERT_EQ(budget.usage().bytes, budget.query_bytes_max());
  Question small(budget);
  EXPECT_TRUE(small.has(kKiB));
  EXPECT_TRUE(small.has(128 * kKiB));
  EXPECT_EQ(budget.usage().bytes, budget.query_bytes_max() + 128 * kKiB);
  const auto refused = small.has(129 * kKiB);
  ASSERT_FALSE(refused) << "the pool is used up";
  EXPECT_EQ(refused.error().code, Code::limit);
  const auto too_large = large.has(3 * kMiB + 129 * kKiB);
  ASSERT_FALSE(too_large);
  EXPECT_EQ(too_large.error().code, Code::too_large);
}

TEST(QueryBudget, AShareOfNoWholeStepIsThereToItsEnd) {
  Metrics metrics;
  QueryBudget budget({.bytes_max = 8 * kMiB, .queries_max = 6, .wait_max_ns = 1}, metrics);
  const int64_t share = budget.bytes_max() / 4 / 6;  // 341 KiB
  Question large(budget);
  ASSERT_TRUE(large.has(budget.query_bytes_max()));
  Question small(budget);
  EXPECT_TRUE(small.has(300 * kKiB));
  EXPECT_TRUE(small.has(share));
  EXPECT_FALSE(small.has(share + 1));
}

TEST(QueryBudget, WhatOfASmallShareIsGivenBackLeavesThePool) {
  Metrics metrics;
  QueryBudget budget({.bytes_max = 4 * kMiB, .queries_max = 8, .wait_max_ns = kLongNs}, metrics);
  Question first(budget);
  ASSERT_TRUE(first.has(3 * kMiB));
  Question second(budget);
  ASSERT_TRUE(second.has(kKiB));
  std::thread waits([&] { EXPECT_TRUE(second.has(3 * kMiB + 128 * kKiB)); });
  until_waiting(budget, 1);
  EXPECT_TRUE(first.has(kKiB));  // all of the pool is free again
  waits.join();
  EXPECT_EQ(budget.usage().bytes, budget.query_bytes_max() + 128 * kKiB);
}

TEST(QueryBudget, WaitsUntilThereIsRoom) {
  Metrics metrics;
  QueryBudget budget(options(kLongNs), metrics);
  auto large = std::make_unique<Question>(budget);
  ASSERT_TRUE(large->has(7 * kMiB));
  Question small(budget);
  std::thread waits([&] { EXPECT_TRUE(small.has(3 * kMiB)); });
  until_waiting(budget, 1);
  EXPECT_NE(metrics.render().find("vivace_query_memory_waiting 1"), std::string::npos);
  large.reset();
  waits.join();
  EXPECT_EQ(budget.usage().bytes, 3 * kMiB);
}

TEST(QueryBudget, RefusesWhatWaitedInVain) {
  Metrics metrics;
  QueryBudget budget(options(1), metrics);
  Question large(budget);
  ASSERT_TRUE(large.has(7 * kMiB));
  Question small(budget);
  const auto refused = small.has(2 * kMiB);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::limit);
  EXPECT_NE(refused.error().message.find("query_memory of 8 MiB"), std::string::npos);
  EXPECT_NE(metrics.render().find("vivace_query_memory_refused_total{reason=\"busy\"} 1"),
            std::string::npos);
}

TEST(QueryBudget, WaitsNoLongerThanTheDeadline) {
  Metrics metrics;
  QueryBudget budget(options(kLongNs), metrics);
  Question large(budget);
  ASSERT_TRUE(large.has(7 * kMiB));
  const SystemClock clock;
  Question small(budget);
  small.control.maybe_clock = &clock;
  small.control.deadline_steady_ns = clock.steady_ns() + 1'000'000;
  const auto refused = small.has(2 * kMiB);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::limit);
}

TEST(QueryBudget, StopsWaitingWhenTheClientHasGone) {
  Metrics metrics;
  QueryBudget budget(options(kLongNs), metrics);
  Question large(budget);
  ASSERT_TRUE(large.has(7 * kMiB));
  std::stop_source client;
  Question small(budget);
  small.control.stop = client.get_token();
  Result<void> out;
  std::thread waits([&] { out = small.has(2 * kMiB); });
  until_waiting(budget, 1);
  client.request_stop();
  waits.join();
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().code, Code::cancelled);
  EXPECT_EQ(budget.usage().waiting, 0U);
}

// Each holds some of the pool and wants more than is left.
struct TwoThatHoldSome {
  TwoThatHoldSome() {
    EXPECT_TRUE(older.has(4 * kMiB));
    EXPECT_TRUE(newer->has(4 * kMiB));
  }

  Metrics metrics;
  QueryBudget budget{options(kLongNs), metrics};
  Question older{budget};
  std::unique_ptr<Question> newer = std::make_unique<Question>(budget);
};

TEST(QueryBudget, TheNewestGivesWayWhenAllWait) {
  TwoThatHoldSome two;
  std::thread first([&] { EXPECT_TRUE(two.older.has(7 * kMiB)); });
  until_waiting(two.budget, 1);
  const auto refused = two.newer->has(5 * kMiB);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::limit);
  two.newer.reset();
  first.join();
}

TEST(QueryBudget, TheNewestGivesWayThoughItWaitedFirst) {
  TwoThatHoldSome two;
  std::thread first([&] {
    EXPECT_FALSE(two.newer->has(7 * kMiB));
    two.newer.reset();
  });
  until_waiting(two.budget, 1);
  EXPECT_TRUE(two.older.has(5 * kMiB));
  first.join();
}

TEST(QueryBudget, WhoHoldsSomeGoesFirst) {
  Metrics metrics;
  QueryBudget budget({.bytes_max = 12 * kMiB, .queries_max = 3, .wait_max_ns = kLongNs}, metrics);
  Question has_none(budget);  // the oldest
  auto runs = std::make_unique<Question>(budget);
  Question has_some(budget);
  ASSERT_TRUE(runs->has(6 * kMiB));
  ASSERT_TRUE(has_some.has(4 * kMiB));
  std::thread oldest([&] { EXPECT_TRUE(has_none.has(6 * kMiB)); });
  until_waiting(budget, 1);
  EXPECT_TRUE(has_some.has(5 * kMiB));  // the last of the pool, past who waits
  runs.reset();
  oldest.join();
}

// Any number of questions that grow at random, many more than there is room for: each ends, and
// together they never have more than the budget.
TEST(QueryBudget, NobodyWaitsForEver) {
  Metrics metrics;
  QueryBudget budget({.bytes_max = 16 * kMiB, .queries_max = 4, .wait_max_ns = kLongNs}, metrics);
  std::atomic<int> done = 0;
  std::atomic<bool> ends = false;
  std::vector<std::thread> threads;
  for (uint32_t t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(t);
      for (int i = 0; i < 200; ++i) {
        Question one(budget);
        const int64_t wanted = static_cast<int64_t>(random() % 13) * kMiB;
        for (int64_t bytes = 0; bytes < wanted; bytes += 300'000) {
          const auto taken = one.has(bytes);
          if (taken) continue;
          EXPECT_EQ(taken.error().code, Code::limit) << taken.error().message;
          break;
        }
        ++done;
      }
    });
  }
  std::thread looks([&] {
    while (!ends) {
      EXPECT_LE(budget.usage().bytes, budget.bytes_max());
      std::this_thread::yield();
    }
  });
  for (std::thread& thread : threads) thread.join();
  ends = true;
  looks.join();
  EXPECT_EQ(done, 8 * 200);
  EXPECT_EQ(budget.usage().bytes, 0);
  EXPECT_EQ(budget.usage().queries, 0U);
}

}  // namespace
}  // namespace vivace
