// Traces past a limit, by what came for them and when: refused trace by trace, whole.
#include "app/trace_limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "decode/otlp.h"
#include "model/testing/otlp_bytes.h"

namespace vivace {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr int64_t kSecond = 1'000'000'000;

class TraceLimitsTest : public testing::Test {
 protected:
  // A request with a span for each of these traces, of `span_bytes()` each; 0: without an id.
  std::unique_ptr<Batch> batch_of(const std::vector<uint64_t>& traces) {
    std::vector<SentSpan> spans;
    for (const uint64_t trace : traces) {
      SentSpan& span = spans.emplace_back();
      if (trace != 0) span.trace_id = make_trace_id(0, trace);
      span.span_id = make_span_id(++made_);
    }
    return *decode_otlp(to_otlp(spans), {});
  }
  int64_t span_bytes() { return batch_of({1})->spans[0].bytes; }

  std::vector<uint32_t> refused(TraceLimits& limits, const std::vector<uint64_t>& traces,
                                const std::string& tenant = "t") {
    return limits.judge(tenant, *batch_of(traces)).refused;
  }

  ManualClock clock_;
  uint64_t made_ = 0;
};

TEST_F(TraceLimitsTest, AreOffUnlessTheyAreSet) {
  TraceLimits limits({}, clock_);
  EXPECT_THAT(refused(limits, {1, 2, 3}), IsEmpty());
}

TEST_F(TraceLimitsTest, KnowHowLargeASpanWas) {
  SentSpan span;
  span.trace_id = make_trace_id(0, 1);
  span.span_id = make_span_id(1);
  span.name = std::string(100, 'n');
  const uint32_t bytes = (*decode_otlp(to_otlp(std::vector{span}), {}))->spans[0].bytes;
  span.name.clear();
  EXPECT_EQ(bytes - (*decode_otlp(to_otlp(std::vector{span}), {}))->spans[0].bytes, 102U);
}

TEST_F(TraceLimitsTest, RefuseWhatMakesATraceTooLarge) {
  TraceLimits limits({.trace_bytes_max = 3 * span_bytes()}, clock_);
  EXPECT_THAT(refused(limits, {1, 2, 1}), IsEmpty());
  EXPECT_THAT(refused(limits, {1, 1, 2}), ElementsAre(0, 1)) << "of that request, all of the trace";
  EXPECT_THAT(refused(limits, {1, 2}), ElementsAre(0)) << "and what comes after it";
  EXPECT_TRUE(limits.is_too_large("t", make_trace_id(0, 1)));
  EXPECT_FALSE(limits.is_too_large("t", make_trace_id(0, 2)));
  EXPECT_FALSE(limits.is_too_large("another", make_trace_id(0, 1)));
  EXPECT_FALSE(limits.is_too_large("t", make_trace_id(0, 9)));
  EXPECT_THAT(refused(limits, {1}, "another"), IsEmpty());
  const auto verdict = limits.judge("t", *batch_of({2, 3, 1}));
  EXPECT_THAT(verdict.refused, ElementsAre(0, 2));
  EXPECT_EQ(verdict.too_large, 2U);
  EXPECT_EQ(verdict.too_many, 0U);
}

TEST_F(TraceLimitsTest, CountSpansThatWereRefusedBefore) {
  TraceLimits limits({.trace_bytes_max = 1}, clock_);
  EXPECT_THAT(refused(limits, {0, 1, 0, 0, 2, 0}), ElementsAre(1, 4));
}

TEST_F(TraceLimitsTest, ForgetTheSizeOfATraceThatIsIdle) {
  TraceLimits limits({.trace_bytes_max = span_bytes()}, clock_);
  EXPECT_THAT(refused(limits, {1}), IsEmpty());
  for (int i = 0; i < 4; ++i) {
    clock_.advance(900 * kSecond);
    EXPECT_THAT(refused(limits, {1}), ElementsAre(0)) << "it was not idle for half an hour";
  }
  clock_.advance(1800 * kSecond);
  EXPECT_THAT(refused(limits, {1}), IsEmpty());
}

TEST_F(TraceLimitsTest, TakeBackWhatWasNotStored) {
  TraceLimits limits({.trace_bytes_max = 2 * span_bytes()}, clock_);
  for (int i = 0; i < 5; ++i) {
    const auto batch = batch_of({1, 1});
    ASSERT_THAT(limits.judge("t", *batch).refused, IsEmpty());
    limits.take_back("t", *batch);
  }
  EXPECT_THAT(refused(limits, {1, 1}), IsEmpty());
  EXPECT_THAT(refused(limits, {1}), ElementsAre(0));
}

TEST_F(TraceLimitsTest, RefuseNewTracesWhenManyAreLive) {
  TraceLimits limits({.live_traces_max = 2, .idle_ns = 10 * kSecond}, clock_);
  EXPECT_THAT(refused(limits, {1, 2, 1}), IsEmpty());
  EXPECT_THAT(refused(limits, {1, 3, 2, 3}), ElementsAre(1, 3));
  EXPECT_THAT(refused(limits, {3}, "another"), IsEmpty());
  clock_.advance(10 * kSecond);
  const auto verdict = limits.judge("t", *batch_of({2, 4, 4}));
  EXPECT_THAT(verdict.refused, ElementsAre(1, 2)) << "1 may still be live";
  EXPECT_EQ(verdict.too_many, 2U);
  EXPECT_EQ(verdict.too_large, 0U);
  clock_.advance(10 * kSecond);
  EXPECT_THAT(refused(limits, {2, 4, 5}), ElementsAre(2)) << "1 is not";
}

TEST_F(TraceLimitsTest, ForgetTenantsWithoutLiveTraces) {
  TraceLimits limits({.live_traces_max = 2, .idle_ns = 5 * kSecond}, clock_);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_THAT(refused(limits, {1}, "made-up-" + std::to_string(i)), IsEmpty());
  }
  EXPECT_EQ(limits.tenants(), 1000U);
  clock_.advance(10 * kSecond);
  EXPECT_THAT(refused(limits, {1}), IsEmpty());
  EXPECT_EQ(limits.tenants(), 1U);
}

TEST_F(TraceLimitsTest, RefuseNewTracesWhenAllTenantsHaveManyLiveOnes) {
  TraceLimits limits({.live_traces_max = 3, .idle_ns = 5 * kSecond}, clock_, 4);
  EXPECT_THAT(refused(limits, {1, 2}, "a"), IsEmpty());
  EXPECT_THAT(refused(limits, {1, 2}, "b"), IsEmpty());
  EXPECT_THAT(refused(limits, {1, 2, 3}, "a"), ElementsAre(2)) << "those that are live may grow";
  EXPECT_THAT(refused(limits, {1}, "c"), ElementsAre(0));
  const TraceLimitOptions large{.live_traces_max = 5, .idle_ns = 5 * kSecond};
  EXPECT_THAT(limits.judge("d", *batch_of({1, 2}), large).refused, ElementsAre(1))
      << "its own limit is larger than that of all";
  clock_.advance(10 * kSecond);
  EXPECT_THAT(refused(limits, {1}, "c"), IsEmpty());
}

TEST_F(TraceLimitsTest, ForgetOldSizesWhenThereAreVeryManyTraces) {
  TraceLimits limits({.trace_bytes_max = span_bytes()}, clock_);
  EXPECT_THAT(refused(limits, {1}), IsEmpty());
  EXPECT_THAT(refused(limits, {1}), ElementsAre(0));
  for (uint64_t from = 2; from < 300'000; from += 1000) {
    std::vector<uint64_t> traces(1000);
    for (uint64_t i = 0; i < traces.size(); ++i) traces[i] = from + i;
    ASSERT_THAT(refused(limits, traces), IsEmpty());
  }
  EXPECT_THAT(refused(limits, {1}), IsEmpty());
}

}  // namespace
}  // namespace vivace
