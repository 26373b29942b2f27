// The promises of base/: budgets give back what they took, queues keep order and drain after close,
// log lines are quoted as logfmt wants, metrics render as text format 0.0.4.
#include <memory>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/budget.h"
#include "base/bytes.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/queue.h"
#include "base/result.h"

namespace vivace {
namespace {

Result<std::unique_ptr<int>> make(bool good) {
  if (!good) return fail(Code::io, "no");
  return std::make_unique<int>(7);
}

Result<int> use(bool good) {
  auto owned = TRY(make(good));
  return *owned;
}

TEST(Result, TryMovesTheValueOrReturnsTheError) {
  EXPECT_EQ(use(true).value(), 7);
  const auto failed = use(false);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Code::io);
  EXPECT_EQ(Error(failed.error()).in("disk").message, "disk: no");
}

TEST(Budget, RefusesPastTheMaximumAndGivesBack) {
  Budget budget("test", 100);
  auto a = budget.try_reserve(60);
  ASSERT_TRUE(a);
  EXPECT_FALSE(budget.try_reserve(41));
  EXPECT_TRUE(a->try_grow(40));
  EXPECT_FALSE(a->try_grow(1));
  a->shrink_to(10);
  EXPECT_EQ(budget.used(), 10);
  a->grow(200);
  EXPECT_EQ(budget.used(), 210);
  Reservation moved = std::move(*a);
  a.reset();
  EXPECT_EQ(budget.used(), 210);
  moved.release();
  EXPECT_EQ(budget.used(), 0);
}

TEST(Queue, KeepsOrderIsBoundedAndDrainsAfterClose) {
  Queue<int> queue(2);
  EXPECT_TRUE(queue.try_push(1));
  EXPECT_TRUE(queue.try_push(2));
  EXPECT_FALSE(queue.try_push(3));
  EXPECT_EQ(queue.pop(), 1);
  EXPECT_TRUE(queue.push(3));
  queue.close();
  EXPECT_FALSE(queue.push(4));
  EXPECT_THAT(queue.pop_all(), testing::ElementsAre(2, 3));
  EXPECT_FALSE(queue.pop());
}

TEST(Queue, WaitingProducerGoesOnWhenThereIsRoom) {
  Queue<int> queue(1);
  ASSERT_TRUE(queue.try_push(1));
  std::jthread producer([&] { EXPECT_TRUE(queue.push(2)); });
  EXPECT_EQ(queue.pop(), 1);
  EXPECT_EQ(queue.pop(), 2);
}

TEST(Log, QuotesWhatLogfmtCannotHoldBare) {
  const std::string line =
      log::render(log::Format::logfmt, log::Level::warn, 1'700'000'000'000'000'123, "a.cc:1",
                  "two words", {{"plain", 5}, {"eq", "a=b"}, {"quote", "\"x\"\n"}, {"none", ""}});
  EXPECT_EQ(line,
            "level=warn ts=2023-11-14T22:13:20.000000123Z caller=a.cc:1 msg=\"two words\" plain=5 "
            "eq=\"a=b\" quote=\"\\\"x\\\"\\n\" none=\"\"");
}

TEST(Log, JsonIsOneObjectALine) {
  EXPECT_EQ(log::render(log::Format::json, log::Level::info, 0, "a.cc:1", "m", {{"k", "v\x01"}}),
            R"({"level":"info","ts":"1970-01-01T00:00:00.000000000Z","caller":"a.cc:1",)"
            R"("msg":"m","k":"v\u0001"})");
}

TEST(Metrics, SameNameAndLabelsAreTheSameCounter) {
  Metrics metrics;
  metrics.counter("spans_total", "Spans.", {{"tenant", "a"}}).Increment(2);
  metrics.counter("spans_total", "Spans.", {{"tenant", "a"}}).Increment();
  const auto hook = metrics.on_scrape([&] { metrics.gauge("queue_length", "Waiting.").Set(4); });
  const std::string text = metrics.render();
  EXPECT_THAT(text, testing::HasSubstr("spans_total{tenant=\"a\"} 3"));
  EXPECT_THAT(metrics.render(), testing::HasSubstr("queue_length 4"));
}

TEST(Metrics, AHookRunsNoLongerThanItLives) {
  Metrics metrics;
  int runs = 0;
  {
    auto hook = metrics.on_scrape([&] { ++runs; });
    metrics.render();
    const auto moved = std::move(hook);
    metrics.render();
  }
  metrics.render();
  EXPECT_EQ(runs, 2);
}

TEST(Metrics, OfAScopeGoWithIt) {
  Metrics metrics;
  metrics.counter("spans_total", "Spans.", {{"tenant", "a"}}).Increment();
  {
    MetricsScope scope(metrics);
    scope.counter("spans_total", "Spans.", {{"tenant", "b"}}).Increment(2);
    scope.gauge("live", "Live.", {{"tenant", "b"}}).Set(3);
    scope.histogram("seconds", "Time.", {1}, {{"tenant", "b"}}).Observe(0.5);
    const MetricsScope moved = std::move(scope);
    EXPECT_THAT(metrics.render(), testing::HasSubstr("spans_total{tenant=\"b\"} 2"));
  }
  const std::string text = metrics.render();
  EXPECT_THAT(text, testing::HasSubstr("spans_total{tenant=\"a\"} 1"));
  EXPECT_THAT(text, testing::Not(testing::HasSubstr("tenant=\"b\"")));
  MetricsScope again(metrics);
  EXPECT_EQ(again.counter("spans_total", "Spans.", {{"tenant", "b"}}).Value(), 0);
}

TEST(Bytes, HexRoundTrip) {
  EXPECT_EQ(to_hex(std::string_view("\x00\xff\x1a", 3)), "00ff1a");
  EXPECT_EQ(hex_value('F'), 15);
  EXPECT_EQ(hex_value('g'), -1);
}

}  // namespace
}  // namespace vivace
