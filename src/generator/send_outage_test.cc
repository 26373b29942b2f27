// Answers of 500: to some series for ever, which holds nothing up, and by a receiver that is ill,
// which loses nothing.
#include <iterator>
#include <random>

#include <gtest/gtest.h>

#include "generator/send_queue_testing.h"

namespace vivace::generator {
namespace {

TEST_F(SendQueueTest, A500ForOneSeriesForEverHoldsNothingUp) {
  SendQueue& queue = open();
  SickReceiver receiver(queue);
  const std::vector<std::string> bad = {"x{n=\"0.7\"}", "x{n=\"0.8\"}", "x{n=\"0.91\"}"};
  queue.push(round(kNowMs, 2, 100, true));
  now_ns_ = receiver.run(bad, now_ns_, 120 * kSecond);
  EXPECT_TRUE(queue.is_empty());
  EXPECT_EQ(receiver.arrived.size(), 197U);
  EXPECT_EQ(metric("samples_failed_total"), 3);
  // It is known by the next round, which takes less.
  const int first = std::exchange(receiver.requests, 0);
  receiver.arrived.clear();
  queue.push(round(kNowMs + 15'000, 2, 100));
  now_ns_ = receiver.run(bad, now_ns_, 30 * kSecond);
  EXPECT_TRUE(queue.is_empty());
  EXPECT_EQ(receiver.arrived.size(), 197U);
  EXPECT_EQ(metric("samples_failed_total"), 6);
  EXPECT_LT(receiver.requests, first);
  // And once it is gone, everything is as it was.
  queue.push(round(kNowMs + 30'000, 1, 100));
  receiver.requests = 0;
  receiver.run({}, now_ns_, kSecond);
  EXPECT_EQ(receiver.requests, 1);
}

TEST_F(SendQueueTest, A500ForEverythingLosesNothing) {
  SendQueue& queue = open();
  SickReceiver receiver(queue);
  receiver.is_ill = true;
  for (int i = 0; i < 4; ++i) {
    queue.push(round(kNowMs + i * 15'000, 1, 100));
    now_ns_ = receiver.run({}, now_ns_, 600 * kSecond);
  }
  EXPECT_LT(receiver.requests, 600) << "once in 5 s";
  receiver.is_ill = false;
  receiver.run({}, now_ns_, 60 * kSecond);
  EXPECT_TRUE(queue.is_empty());
  EXPECT_EQ(receiver.arrived.size(), 100U);
  for (const auto& [key, times] : receiver.arrived) EXPECT_EQ(times, 4) << key;
  EXPECT_EQ(metric("samples_failed_total"), 0);
  EXPECT_EQ(metric("samples_dropped_total"), 0);
  EXPECT_EQ(metric("samples_pending"), 0);
}

// A receiver takes some of a round and is ill from then on, for so long: what is left arrives.
class OutageTest : public SendQueueTest {
 protected:
  void expect_nothing_lost(const Round& some, double samples, const std::string& what) {
    SCOPED_TRACE(what);
    const double before = metric("samples_total");
    const double failed = metric("samples_failed_total");
    SickReceiver receiver(*queue_);
    receiver.takes = 3;
    queue_->push(some);
    now_ns_ = receiver.run({}, now_ns_, 45 * kSecond);
    EXPECT_LT(receiver.requests, 3 + 9 + 45 / 5) << "pauses double";
    now_ns_ = receiver.run({}, now_ns_, 3600 * kSecond);
    EXPECT_FALSE(queue_->is_empty());
    receiver.takes = 1 << 30;
    now_ns_ = receiver.run({}, now_ns_, 60 * kSecond);
    EXPECT_TRUE(queue_->is_empty());
    EXPECT_EQ(metric("samples_total") - before, samples);
    EXPECT_EQ(metric("samples_failed_total"), failed);
    EXPECT_EQ(metric("samples_dropped_total"), 0);
    EXPECT_EQ(metric("samples_pending"), 0);
    EXPECT_EQ(static_cast<double>(receiver.arrived.size() + receiver.zeros.size()), samples);
  }
};

TEST_F(OutageTest, LosesNothingOfAPartThatIsLeft) {
  for (const int64_t shards : {1, 8}) {
    open({.min_shards = shards});
    expect_nothing_lost(round(kNowMs, 12, 20), 240, "bodies");
    expect_nothing_lost(round(kNowMs + 15'000, 12, 1), 12, "single series");
    Round zeros = round(kNowMs + 30'000, 12, 20, true);
    zeros.values.clear();
    expect_nothing_lost(zeros, 240, "zeros");
  }
}

TEST_F(OutageTest, LosesNothingAfterABadSeriesWasFound) {
  SendQueue& queue = open();
  SickReceiver receiver(queue);
  queue.push(round(kNowMs, 12, 20));
  now_ns_ = receiver.run({"x{n=\"4.7\"}"}, now_ns_, 60 * kSecond);
  ASSERT_EQ(metric("samples_failed_total"), 1);
  expect_nothing_lost(round(kNowMs + 15'000, 12, 20), 240, "bodies");
}

TEST_F(OutageTest, LosesNoZerosOfWhichNoneWasTaken) {
  SendQueue& queue = open();
  SickReceiver receiver(queue);
  receiver.is_ill = true;
  queue.push(round(kNowMs, 2, 10, true));
  now_ns_ = receiver.run({}, now_ns_, 3600 * kSecond);
  receiver.is_ill = false;
  receiver.run({}, now_ns_, 60 * kSecond);
  EXPECT_TRUE(queue.is_empty());
  EXPECT_EQ(receiver.zeros.size(), 20U);
  EXPECT_EQ(receiver.arrived.size(), 20U);
  EXPECT_EQ(metric("samples_total"), 40);
  EXPECT_EQ(metric("samples_dropped_total"), 0);
}

// Nothing else is left by which to see that the receiver is well.
TEST_F(SendQueueTest, A500ForTheLastOfARoundEnds) {
  SendQueue& queue = open();
  SickReceiver receiver(queue);
  queue.push(round(kNowMs, 1, 8));
  now_ns_ = receiver.run({"x{n=\"0.6\"}", "x{n=\"0.7\"}"}, now_ns_, 60 * kSecond);
  EXPECT_TRUE(queue.is_empty());
  EXPECT_EQ(receiver.arrived.size(), 6U);
  EXPECT_EQ(metric("samples_failed_total"), 2);
  EXPECT_EQ(metric("samples_total"), 6) << "what is sent twice counts once";
  EXPECT_EQ(metric("samples_pending"), 0);
}

TEST_F(SendQueueTest, A500ForAllZerosHoldsNoValuesUp) {
  SendQueue& queue = open();
  SickReceiver receiver(queue);
  receiver.likes_values = true;
  std::vector<std::string> bad;
  for (int i = 0; i < 200; ++i) bad.push_back(fmt::format("x{{n=\"0.{}\"}}", i));
  queue.push(round(kNowMs, 1, 200, true));
  now_ns_ = receiver.run(bad, now_ns_, 600 * kSecond);
  EXPECT_TRUE(queue.is_empty());
  EXPECT_EQ(receiver.arrived.size(), 200U);
  EXPECT_EQ(metric("samples_total"), 200);
  EXPECT_EQ(metric("samples_dropped_total"), 200);
  EXPECT_EQ(metric("samples_failed_total"), 0);
}

// The first value by which one could see that the receiver is well is of the bad series.
TEST_F(SendQueueTest, A500ForTheZeroAndTheValueOfANewSeriesEnds) {
  SendQueue& queue = open();
  SickReceiver receiver(queue);
  Round some = round(kNowMs, 1, 10);
  some.zeros = round(kNowMs, 1, 1, true).zeros;
  queue.push(std::move(some));
  now_ns_ = receiver.run({"x{n=\"0.0\"}"}, now_ns_, 120 * kSecond);
  EXPECT_TRUE(queue.is_empty());
  EXPECT_EQ(receiver.arrived.size(), 9U);
  EXPECT_EQ(metric("samples_dropped_total"), 1);
  EXPECT_EQ(metric("samples_failed_total"), 1);
}

TEST_F(SendQueueTest, WhatIsSentTwiceIsNotGivenUpTwice) {
  SendQueue& queue = open();
  queue.push(round(kNowMs, 2, 1));
  answer(next()->id, 204);
  for (int i = 0; i < 5; ++i, now_ns_ += 10 * kSecond) answer(next()->id, 500);
  const auto proof = next();
  ASSERT_TRUE(proof);
  EXPECT_EQ(proof->body->samples, 1U);
  Collected shown;
  read_body(*proof->body, shown);
  EXPECT_TRUE(shown.values.contains("x{n=\"0.0\"}")) << "what was taken";
  queue.give_up();
  EXPECT_EQ(metric("samples_pending"), 0);
  EXPECT_EQ(metric("samples_dropped_total"), 1);
}

TEST_F(SendQueueTest, A500ForManySeriesEnds) {
  SendQueue& queue = open();
  SickReceiver receiver(queue);
  std::vector<std::string> bad;
  for (int i = 0; i < 900; ++i) bad.push_back(fmt::format("x{{n=\"0.{}\"}}", i));
  queue.push(round(kNowMs, 2, 1000));
  now_ns_ = receiver.run(bad, now_ns_, 3600 * kSecond);
  EXPECT_TRUE(queue.is_empty());
  EXPECT_GE(receiver.arrived.size(), 1000U) << "those of the other body";
  EXPECT_GE(metric("samples_failed_total"), 900);
}

TEST_F(SendQueueTest, WhateverIsAnsweredASampleCountsOnce) {
  for (uint32_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    std::mt19937 random(seed);
    const auto below = [&](size_t n) { return random() % n; };
    constexpr int kAnswers[] = {204, 204, 500, 500, 500, 503, 0, 429, 400, 413, 401};
    SendQueue& queue = open({.bytes_max = seed % 3 == 0 ? 20'000 : 16 << 20,
                             .min_shards = 1 + static_cast<int64_t>(below(4))});
    std::vector<uint64_t> on_their_way;
    double pushed = 0;
    int likely = 500;  // for a while
    for (int step = 0; step < 2000 || !queue.is_empty(); ++step) {
      const bool ends = step >= 2000;
      if (!ends && below(100) == 0) {
        const int series = 1 + static_cast<int>(below(40));
        Round some = round(kNowMs + step * 15'000, 2, series, below(2) == 0);
        for (const auto* bodies : {&some.zeros, &some.values}) {
          for (const WriteBody& body : *bodies) pushed += body.samples;
        }
        queue.push(std::move(some));
      }
      if (below(50) == 0) likely = kAnswers[below(std::size(kAnswers))];
      if (const auto request = next()) on_their_way.push_back(request->id);
      if (on_their_way.empty() || below(2) == 0) {
        now_ns_ += kSecond;
        continue;
      }
      std::swap(on_their_way[below(on_their_way.size())], on_their_way.back());
      const int other = kAnswers[below(std::size(kAnswers))];
      answer(on_their_way.back(), ends ? 204 : below(4) == 0 ? other : likely);
      on_their_way.pop_back();
    }
    EXPECT_EQ(metric("samples_pending"), 0);
    EXPECT_EQ(shown("vivace_remote_write_pending_bytes"), 0);
    EXPECT_EQ(
        metric("samples_total") + metric("samples_failed_total") + metric("samples_dropped_total"),
        pushed);
  }
}

}  // namespace
}  // namespace vivace::generator
