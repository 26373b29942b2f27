// Limits that the configuration sets, on the road of a request: what is refused is told and
// counted, what is left is stored, and the next life knows the same verdict.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/testing/program.h"
#include "model/testing/otlp_bytes.h"
#include "storage/fault_storage.h"
#include "store/testing/waiting.h"
#include "wire/pack_testing.h"

namespace vivace {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr int64_t kSpanBytes = 30;  // of one of spans_of

class IngestLimits : public testing::Test {
 protected:
  void start() {
    program_.reset();
    program_ = std::make_unique<Program>(disk_, clock_, options_);
    ASSERT_TRUE(program_->start());
  }
  Result<receive::Outcome> send(const std::vector<SentSpan>& spans) {
    return program_->send({.tenant = "t", .body = to_otlp(spans)});
  }
  // A span of its own of each of these traces.
  std::vector<SentSpan> spans_of(const std::vector<uint64_t>& traces) {
    std::vector<SentSpan> spans;
    for (const uint64_t trace : traces) {
      SentSpan& span = spans.emplace_back();
      span.trace_id = make_trace_id(0, trace);
      span.span_id = make_span_id(++made_);
    }
    return spans;
  }
  size_t stored(uint64_t trace) { return program_->trace("t", make_trace_id(0, trace)).size(); }
  double counted(const std::string& name) { return metric(program_->metrics(), name); }
  // Of spans that were discarded for this reason.
  std::string discarded(const std::string& reason) {
    const std::string text = program_->metrics().render();
    const std::string key = "tempo_discarded_spans_total{reason=\"" + reason + "\",tenant=\"t\"} ";
    const size_t at = text.find(key);
    if (at == std::string::npos) return "";
    return text.substr(at + key.size(), text.find('\n', at) - at - key.size());
  }

  FaultStorage disk_{111};
  ManualClock clock_{1'700'000'000'000'000'000};
  ProgramOptions options_;
  std::unique_ptr<Program> program_;
  uint64_t made_ = 0;
};

TEST_F(IngestLimits, ARequestPastTheRateIsRefusedWhole) {
  const auto first = spans_of({1, 2, 3});
  const auto bytes = static_cast<int64_t>(to_otlp(first).size());
  options_.ingest.rate = {.bytes_per_s = bytes, .burst_bytes = bytes};
  start();
  ASSERT_TRUE(send(first));
  const auto next = spans_of({4, 5, 6});
  const auto refused = send(next);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::limit);
  EXPECT_THAT(refused.error().message, StartsWith("RATE_LIMITED: "));
  EXPECT_EQ(stored(4), 0U);
  EXPECT_EQ(discarded("rate_limited"), "3");
  EXPECT_EQ(counted("tempo_receiver_refused_spans"), 3);
  EXPECT_EQ(counted("tempo_distributor_spans_received_total"), 3) << "those that passed";
  EXPECT_EQ(counted("tempo_distributor_ingress_bytes_total"), 2 * static_cast<double>(bytes));
  EXPECT_TRUE(send(first)) << "it was acked before, and takes nothing";
  EXPECT_TRUE(send({})) << "a probe";
  clock_.advance(1'000'000'000);
  EXPECT_TRUE(send(next));
  EXPECT_EQ(stored(4), 1U);
}

TEST_F(IngestLimits, TheRateIsOfUnpackedBytes) {
  std::vector<SentSpan> spans = spans_of({1});
  spans[0].name = std::string(10'000, 'x');
  options_.ingest.rate = {.bytes_per_s = 1, .burst_bytes = 9'000};
  start();
  const auto refused = program_->send(
      {.tenant = "t", .encoding = ContentEncoding::gzip, .body = gzip(to_otlp(spans))});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("exceeds ingestion limit"));
}

TEST_F(IngestLimits, WhatIsNoRequestIsToldSoAtAnyRate) {
  options_.ingest.rate = {.bytes_per_s = 1, .burst_bytes = 1};
  start();
  const auto refused = program_->send({.tenant = "t", .body = "no protobuf"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::invalid_argument);
}

TEST_F(IngestLimits, SpansOfATraceThatIsTooLargeAreRefusedAndTheOthersStored) {
  options_.ingest.traces.trace_bytes_max = 2 * kSpanBytes;
  start();
  ASSERT_TRUE(send(spans_of({1})));
  const auto spans = spans_of({1, 2, 1, 3});
  for (int life = 0; life < 2; ++life) {  // the second time it was acked before
    const auto outcome = send(spans);
    ASSERT_TRUE(outcome);
    EXPECT_EQ(outcome->rejected_spans, 2);
    EXPECT_THAT(outcome->message, HasSubstr(life == 0 ? "TRACE_TOO_LARGE" : "past a limit"));
    EXPECT_EQ(stored(1), 1U);
    EXPECT_EQ(stored(2), 1U);
    EXPECT_EQ(stored(3), 1U);
    if (life == 0) start();
  }
}

TEST_F(IngestLimits, RefusedSpansAreCounted) {
  options_.ingest.traces = {.trace_bytes_max = 2 * kSpanBytes, .live_traces_max = 2};
  start();
  std::vector<SentSpan> spans = spans_of({1, 2, 1, 3, 1, 4});
  spans[1].span_id = {};
  const auto outcome = send(spans);
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->rejected_spans, 5);
  EXPECT_THAT(outcome->message, HasSubstr("1 spans refused: span ids"));
  EXPECT_THAT(outcome->message, HasSubstr("3 spans refused: TRACE_TOO_LARGE"));
  EXPECT_THAT(outcome->message, HasSubstr("1 spans refused: LIVE_TRACES_EXCEEDED"));
  EXPECT_EQ(discarded("trace_too_large"), "3");
  EXPECT_EQ(discarded("live_traces_exceeded"), "1");
  EXPECT_EQ(discarded("invalid_span_id"), "1");
  EXPECT_EQ(counted("tempo_receiver_refused_spans"), 4);
  EXPECT_EQ(counted("tempo_receiver_accepted_spans"), 1);
}

TEST_F(IngestLimits, ARequestOfNothingButRefusedSpansIsToldSoAndStoresNothing) {
  options_.ingest.traces.trace_bytes_max = 1;
  start();
  const auto outcome = send(spans_of({1, 2}));
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->rejected_spans, 2);
  EXPECT_EQ(program_->spans("t"), 0U);
}

TEST_F(IngestLimits, WhatCouldNotBeStoredDoesNotMakeItsTraceLarger) {
  options_.ingest.traces.trace_bytes_max = 2 * kSpanBytes;
  options_.store.head_bytes_max = 100'000;
  start();
  std::vector<SentSpan> spans = spans_of({1, 1});
  spans[0].resource = std::make_shared<SentResource>(
      SentResource{{{"k", {ValueType::bytes, 0, std::string(200'000, 'b')}}}, 0, ""});
  for (int i = 0; i < 3; ++i) {
    const auto refused = send(spans);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::too_large);
  }
  EXPECT_EQ(discarded("too_large"), "6");
  EXPECT_EQ(discarded("storage_full"), "");
  const auto outcome = send(spans_of({1, 1}));
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->rejected_spans, 0);
}

}  // namespace
}  // namespace vivace
