// The rules of sending, with a clock that is stepped and answers that are made up.
#include "generator/send_queue.h"

#include <random>

#include <gtest/gtest.h>

#include "generator/send_queue_testing.h"

namespace vivace::generator {
namespace {

TEST_F(SendQueueTest, TellsHowOldTheOldestSampleIsAndWhatWentWrongLast) {
  SendQueue& queue = open();
  const auto age = [this] { return shown("vivace_remote_write_oldest_sample_age_seconds"); };
  const auto error = [this](const std::string& what) {
    return shown("vivace_remote_write_last_error_" + what);
  };
  EXPECT_EQ(error("timestamp_seconds"), 0);
  queue.push(round(kNowMs - 20'000, 1, 2, true));
  queue.push(round(kNowMs - 5'000, 1, 2));
  auto request = next();
  ASSERT_TRUE(request);
  EXPECT_TRUE(request->body->is_zeros);
  EXPECT_EQ(age(), 20) << "zeros are of the minute before, and do not count";
  answer(request->id, 204);
  request = next();
  ASSERT_TRUE(request);
  EXPECT_FALSE(next());
  EXPECT_EQ(age(), 20) << "on its way";
  queue.answered(request->id, {.status = 503, .message = "busy", .unix_ns = 7 * kSecond}, now_ns_);
  EXPECT_EQ(error("status"), 503);
  EXPECT_EQ(error("timestamp_seconds"), 7);
  EXPECT_FALSE(next()) << "a pause";
  EXPECT_EQ(age(), 20);
  now_ns_ += kSecond;
  request = next();
  ASSERT_TRUE(request);
  answer(request->id, 200);
  request = next();
  ASSERT_TRUE(request);
  EXPECT_EQ(age(), 5);
  queue.answered(request->id, {.status = 0, .message = "refused", .unix_ns = 9 * kSecond}, now_ns_);
  EXPECT_EQ(error("status"), 0);
  EXPECT_EQ(error("timestamp_seconds"), 9);
  now_ns_ += kSecond;
  request = next();
  ASSERT_TRUE(request);
  answer(request->id, 200);
  EXPECT_FALSE(next());
  EXPECT_EQ(age(), 0);
  EXPECT_EQ(error("timestamp_seconds"), 9) << "it was, and is told";
}

TEST_F(SendQueueTest, ZerosThatTheReceiverKnowsAreNoError) {
  SendQueue& queue = open();
  queue.push(round(kNowMs, 1, 1, true));
  const auto request = next();
  ASSERT_TRUE(request && request->body->is_zeros);
  queue.answered(request->id, {.status = 400, .message = "old", .unix_ns = kSecond}, now_ns_);
  EXPECT_EQ(shown("vivace_remote_write_last_error_timestamp_seconds"), 0);
}

TEST_F(SendQueueTest, StagesDoNotOvertake) {
  SendQueue& queue = open({.min_shards = 4});
  queue.push(round(kNowMs, 2, 1, true));
  const auto a = next();
  const auto b = next();
  ASSERT_TRUE(a && b);
  EXPECT_TRUE(a->body->is_zeros);
  EXPECT_TRUE(b->body->is_zeros);
  EXPECT_FALSE(next()) << "values wait for the zeros";
  answer(b->id, 200);
  EXPECT_FALSE(next());
  answer(a->id, 200);
  const auto c = next();
  ASSERT_TRUE(c);
  EXPECT_FALSE(c->body->is_zeros);
  const auto d = next();
  answer(c->id, 204);
  answer(d->id, 200);
  EXPECT_TRUE(queue.is_empty());
  EXPECT_EQ(metric("samples_total"), 4);
  EXPECT_EQ(metric("samples_pending"), 0);
}

TEST_F(SendQueueTest, TriesAgainWithPausesThatDouble) {
  SendQueue& queue = open({.min_backoff_ns = kSecond, .max_backoff_ns = 5 * kSecond});
  queue.push(round(kNowMs, 1, 3));
  for (const int64_t pause_s : {1, 2, 4, 5, 5}) {
    const auto request = next();
    ASSERT_TRUE(request);
    answer(request->id, pause_s == 2 ? 0 : 503);
    EXPECT_FALSE(next());
    EXPECT_EQ(queue.ready_ns(), now_ns_ + pause_s * kSecond);
    now_ns_ += pause_s * kSecond;
  }
  auto request = next();
  ASSERT_TRUE(request);
  EXPECT_EQ(request->body->attempts, 5U);
  answer(request->id, 503, 30 * kSecond);
  EXPECT_EQ(queue.ready_ns(), now_ns_ + 30 * kSecond);
  now_ns_ += 30 * kSecond;
  request = next();
  answer(request->id, 200);
  EXPECT_TRUE(queue.is_empty());
  EXPECT_EQ(metric("samples_total"), 3);
  EXPECT_EQ(metric("samples_retried_total"), 18);
  EXPECT_EQ(metric("samples_failed_total"), 0);
}

TEST_F(SendQueueTest, TooManyRequestsIsRetriedUnlessToldOtherwise) {
  for (const bool retries : {true, false}) {
    SendQueue& queue = open({.retry_on_http_429 = retries});
    queue.push(round(kNowMs, 1, 2));
    answer(next()->id, 429);
    EXPECT_EQ(queue.is_empty(), !retries);
  }
  EXPECT_EQ(metric("samples_failed_total"), 2);
}

TEST_F(SendQueueTest, ABadSeriesCostsNoOther) {
  SendQueue& queue = open();
  queue.push(round(kNowMs, 1, 2000));
  std::mt19937 random(3);
  const std::string bad = fmt::format("x{{n=\"0.{}\"}}", random() % 2000);
  std::map<std::string, int> arrived;
  int requests = 0;
  while (const auto request = next()) {
    Collected shown;
    read_body(*request->body, shown);
    ASSERT_EQ(shown.values.size(), request->body->samples);
    ++requests;
    const bool refused = shown.values.contains(bad);
    if (!refused) {
      for (const auto& [key, value] : shown.values) ++arrived[key];
    }
    answer(request->id, refused ? 400 : 200);
  }
  EXPECT_TRUE(queue.is_empty());
  EXPECT_EQ(arrived.size(), 1999U);
  EXPECT_LE(requests, 24);
  EXPECT_EQ(metric("samples_total"), 1999);
  EXPECT_EQ(metric("samples_failed_total"), 1);
}

TEST_F(SendQueueTest, WhenAllIsBadTheSplittingEnds) {
  SendQueue& queue = open();
  queue.push(round(kNowMs, 1, 2000));
  int requests = 0;
  while (const auto request = next()) {
    ++requests;
    answer(request->id, 400);
  }
  EXPECT_TRUE(queue.is_empty());
  EXPECT_LE(requests, 130);
  EXPECT_EQ(metric("samples_failed_total"), 2000);
}

TEST_F(SendQueueTest, OtherRefusalsAreNotSplit) {
  SendQueue& queue = open();
  queue.push(round(kNowMs, 1, 2000));
  answer(next()->id, 401);
  EXPECT_TRUE(queue.is_empty());
  EXPECT_EQ(metric("samples_failed_total"), 2000);
}

TEST_F(SendQueueTest, RefusedZerosAreNoFailure) {
  SendQueue& queue = open();
  queue.push(round(kNowMs, 1, 1, true));
  answer(next()->id, 400);
  answer(next()->id, 200);
  EXPECT_TRUE(queue.is_empty());
  EXPECT_EQ(metric("samples_failed_total"), 0);
  EXPECT_EQ(metric("samples_total"), 1);
}

TEST_F(SendQueueTest, MemoryIsBoundedAndTheNewestStay) {
  SendQueue& queue = open({.bytes_max = 20'000, .min_backoff_ns = kSecond});
  for (int i = 0; i < 500; ++i) {
    queue.push(round(kNowMs + i * 15'000, 1, 50));
    if (const auto request = next()) answer(request->id, 0);
    now_ns_ += 15 * kSecond;
    ASSERT_LE(metric("samples_pending"), 20'000);
  }
  int64_t last_ms = 0;
  int64_t first_ms = 0;
  while (const auto request = next()) {
    if (first_ms == 0) first_ms = request->body->time_ms;
    EXPECT_GT(request->body->time_ms, last_ms);
    last_ms = request->body->time_ms;
    answer(request->id, 200);
  }
  EXPECT_GT(first_ms, kNowMs + 100 * 15'000);
  EXPECT_EQ(last_ms, kNowMs + 499 * 15'000);
  EXPECT_GT(metric("samples_dropped_total"), 0);
  EXPECT_EQ(metric("samples_dropped_total") + metric("samples_total"), 500 * 50);
}

TEST_F(SendQueueTest, OldSamplesAreNotSentWhenAskedSo) {
  SendQueue& queue = open({.sample_age_limit_ns = 60 * kSecond});
  queue.push(round(kNowMs - 61'000, 1, 5));
  queue.push(round(kNowMs - 59'000, 1, 5));
  const auto request = next();
  ASSERT_TRUE(request);
  EXPECT_EQ(request->body->time_ms, kNowMs - 59'000);
  EXPECT_EQ(metric("samples_dropped_total"), 5);
}

TEST_F(SendQueueTest, AQueueThatIsBehindSendsMoreAtOnce) {
  SendQueue& queue = open({.max_shards = 8});
  queue.push(round(kNowMs, 20, 1));
  EXPECT_TRUE(next());
  EXPECT_FALSE(next()) << "one at a time";
  for (int i = 1; i < 20; ++i) queue.push(round(kNowMs + i * 15'000, 20, 1));
  int at_once = 1;
  while (next()) ++at_once;
  EXPECT_EQ(at_once, 8);
}

}  // namespace
}  // namespace vivace::generator
