// The road of a request: what it is answered, what becomes of its spans, and what the log makes of
// them in the next life.
#include "app/ingest.h"

#include <algorithm>
#include <map>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/testing/program.h"
#include "decode/otlp_json_testing.h"
#include "decode/otlp_testing.h"
#include "model/testing/otlp_bytes.h"
#include "storage/fault_storage.h"
#include "store/testing/waiting.h"
#include "wire/pack_testing.h"

namespace vivace {
namespace {

using testing::HasSubstr;

// What is left of texts under a limit: keys and strings of resources, scopes and spans are cut.
// For texts of one-byte characters.
SentAttributes cut(SentAttributes attributes, size_t limit) {
  for (SentAttribute& attribute : attributes) {
    attribute.key = attribute.key.substr(0, limit);
    if (attribute.value.type == ValueType::string) {
      attribute.value.text = attribute.value.text.substr(0, limit);
    }
  }
  return attributes;
}
SentSpan cut(SentSpan span, size_t limit) {
  SentResource resource = *span.resource;
  resource.attributes = cut(resource.attributes, limit);
  span.resource = std::make_shared<SentResource>(std::move(resource));
  SentScope scope = *span.scope;
  scope.attributes = cut(scope.attributes, limit);
  span.scope = std::make_shared<SentScope>(std::move(scope));
  span.attributes = cut(span.attributes, limit);
  return span;
}

// Has every value type in every place, and a text that a limit of `limit` cuts.
SentSpan full_span(RandomSpans& random, size_t limit) {
  SentSpan span = random.span();
  SentAttributes every;
  for (size_t type = 0; type < kValueTypes; ++type) {
    SentValue value;
    do value = random.value();
    while (value.type != static_cast<ValueType>(type));
    every.push_back({"every " + std::to_string(type), value});
  }
  every.push_back({"long", {ValueType::string, 0, std::string(limit + random.number(3), 'l')}});
  every.push_back({std::string(limit + 5, 'k'), {ValueType::bytes, 0, std::string(3000, 'b')}});
  for (const SentAttribute& attribute : every) span.attributes.push_back(attribute);
  span.events.push_back({1, "event", every, 2});
  span.links.push_back({make_trace_id(3, 4), make_span_id(5), "state", every, 6, 7});
  SentResource resource = random.resource();
  resource.attributes.insert(resource.attributes.end(), every.begin(), every.end());
  span.resource = std::make_shared<SentResource>(std::move(resource));
  SentScope scope = random.scope();
  scope.attributes = every;
  span.scope = std::make_shared<SentScope>(std::move(scope));
  return span;
}

class IngestTest : public testing::Test {
 protected:
  void start() {
    program_.reset();
    program_ = std::make_unique<Program>(disk_, clock_, options_);
    const auto started = program_->start();
    ASSERT_TRUE(started) << started.error().message;
  }
  Result<receive::Outcome> send(const std::vector<SentSpan>& spans) {
    return program_->send({.tenant = "t", .body = to_otlp(spans)});
  }
  // Every one of `expected` is found by its trace id, and nothing else is there.
  void expect_spans(const std::vector<SentSpan>& expected) {
    std::map<TraceId, std::vector<const SentSpan*>> traces;
    for (const SentSpan& span : expected) traces[span.trace_id].push_back(&span);
    for (auto& [id, spans] : traces) {
      const std::vector<SentSpan> got = program_->trace("t", id);
      ASSERT_EQ(got.size(), spans.size());
      for (const SentSpan& one : got) {
        const auto sent = std::ranges::find_if(
            spans, [&](const SentSpan* s) { return s->span_id == one.span_id; });
        ASSERT_NE(sent, spans.end()) << "not sent, or there twice";
        ASSERT_EQ(difference(one, **sent), "");
        spans.erase(sent);
      }
    }
    ASSERT_EQ(program_->spans("t"), expected.size());
  }

  FaultStorage disk_{101};
  ManualClock clock_{1'700'000'000'000'000'000};
  ProgramOptions options_;
  std::unique_ptr<Program> program_;
};

TEST_F(IngestTest, BringsBack1000SpansWithEveryFieldInEveryLife) {
  constexpr uint64_t kSeed = 102;
  SCOPED_TRACE(kSeed);
  constexpr uint32_t kLimit = 2048;
  RandomSpans random(kSeed);
  options_.ingest.attribute_bytes_max = kLimit;
  start();
  std::vector<SentSpan> expected;
  while (expected.size() < 1000) {
    std::vector<SentSpan> spans = random.request(random.number(40));
    if (random.chance(50)) spans.push_back(full_span(random, kLimit));
    ASSERT_TRUE(send(spans));
    for (const SentSpan& span : spans) expected.push_back(cut(span, kLimit));
  }
  expect_spans(expected);
  start();
  expect_spans(expected);
  options_.ingest.attribute_bytes_max = 20;  // what was decided stays so; new spans are cut more
  start();
  expect_spans(expected);
  const SentSpan shorter = full_span(random, 20);
  ASSERT_TRUE(send({shorter}));
  expected.push_back(cut(shorter, 20));
  expect_spans(expected);
  options_.ingest.attribute_bytes_max = 0;
  start();
  expect_spans(expected);
}

TEST_F(IngestTest, RefusesSpansWithEmptyIdsAloneAndSaysSo) {
  start();
  RandomSpans random(103);
  std::vector<SentSpan> spans(6);
  for (SentSpan& span : spans) span = random.span();
  spans[1].trace_id = {};
  spans[3].span_id = {};
  spans[4].trace_id = {};
  spans[4].span_id = {};
  for (int time = 0; time < 3; ++time) {  // the same answer to the same bytes, also after a restart
    const auto outcome = send(spans);
    ASSERT_TRUE(outcome);
    EXPECT_EQ(outcome->rejected_spans, 3);
    EXPECT_THAT(outcome->message, HasSubstr("2 spans refused: trace ids"));
    EXPECT_THAT(outcome->message, HasSubstr("1 spans refused: span ids"));
    expect_spans({spans[0], spans[2], spans[5]});
    if (time == 1) start();
  }
  const auto none = send({spans[1], spans[3]});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Code::invalid_argument);
  expect_spans({spans[0], spans[2], spans[5]});
}

TEST_F(IngestTest, RefusesWhatIsNoRequest) {
  options_.ingest.body_bytes_max = 10'000;
  start();
  const auto code_of = [&](ContentEncoding encoding, std::string body) {
    const auto outcome = program_->send({"t", encoding, std::move(body)});
    return outcome ? std::nullopt : std::optional(outcome.error().code);
  };
  using enum ContentEncoding;
  EXPECT_EQ(code_of(identity, "garbage"), Code::invalid_argument);
  EXPECT_EQ(code_of(gzip, "garbage"), Code::invalid_argument);
  EXPECT_EQ(code_of(gzip, vivace::gzip(std::string(10'001, '\0'))), Code::too_large);
  EXPECT_EQ(code_of(identity, ""), std::nullopt) << "a request without spans is fine";
  EXPECT_EQ(code_of(gzip, vivace::gzip("")), std::nullopt);
  EXPECT_EQ(metric(program_->metrics(), "vivace_wal_bytes"), 0) << "none of these is logged";
  RandomSpans random(104);
  const SentSpan span = random.span();
  EXPECT_EQ(code_of(gzip, vivace::gzip(to_otlp({&span, 1}))), std::nullopt);
  expect_spans({span});
}

// The log keeps packed bodies as they came, and JSON as the protobuf that it became: both are there
// in the next life, and are known when they are sent again.
TEST_F(IngestTest, TakesEveryFormOfARequest) {
  start();
  using enum ContentEncoding;
  std::vector<Program::Sent> requests;
  for (const auto format : {receive::BodyFormat::otlp_protobuf, receive::BodyFormat::otlp_json}) {
    for (const auto encoding : {identity, gzip, zstd, zlib, deflate, snappy, snappy_block, lz4}) {
      const uint64_t id = requests.size() + 1;
      const plain::Request request = {{.scopes = {{.spans = {{.trace_id = plain::trace_id(id),
                                                              .span_id = plain::span_id(id)}}}}}};
      const bool is_json = format == receive::BodyFormat::otlp_json;
      const std::string body =
          is_json ? plain::JsonWriter().request(request) : plain::encode(request);
      requests.push_back({"t", encoding, pack(encoding, body), format});
    }
  }
  for (int life = 0; life < 2; ++life) {
    for (const Program::Sent& request : requests) {
      const auto outcome = program_->send(request);
      ASSERT_TRUE(outcome) << outcome.error().message;
    }
    for (uint64_t id = 1; id <= requests.size(); ++id) {
      const auto spans = program_->trace("t", make_trace_id(0, id));
      ASSERT_EQ(spans.size(), 1U);
      EXPECT_EQ(spans[0].span_id, make_span_id(id));
    }
    EXPECT_EQ(program_->spans("t"), requests.size());
    EXPECT_EQ(metric(program_->metrics(), "vivace_repeated_spans_total"), 0);
    start();
  }
}

TEST_F(IngestTest, RefusesWhatIsNoJson) {
  options_.ingest.body_bytes_max = 10'000;
  start();
  const auto error_of = [&](ContentEncoding encoding, std::string body) {
    const auto outcome =
        program_->send({"t", encoding, std::move(body), receive::BodyFormat::otlp_json});
    return outcome ? "none" : outcome.error().message;
  };
  using enum ContentEncoding;
  EXPECT_THAT(error_of(identity, ""), HasSubstr("JSON: "));
  EXPECT_EQ(error_of(identity, R"({"resourceSpans":5})"),
            "resourceSpans: expected an array of objects");
  EXPECT_EQ(error_of(gzip, "{}"), "gzip: invalid header");
  EXPECT_EQ(error_of(gzip, vivace::gzip(std::string(10'001, ' '))), "http: request body too large");
  EXPECT_EQ(error_of(zstd, pack(zstd, "{}")), "none");
  program_->stop();
  EXPECT_EQ(program_->bodies().used(), 0) << "every share of the budget is given back";
}

TEST_F(IngestTest, CountsWhatItStoredAndRefused) {
  start();
  RandomSpans random(105);
  std::vector<SentSpan> spans(4);
  for (SentSpan& span : spans) span = random.span();
  spans[0].trace_id = {};
  const std::string body = to_otlp(spans);
  ASSERT_TRUE(send(spans));
  ASSERT_TRUE(send(spans));  // again: nothing new
  Metrics& metrics = program_->metrics();
  EXPECT_EQ(metric(metrics, "tempo_distributor_spans_received_total"), 4);
  EXPECT_EQ(metric(metrics, "tempo_distributor_bytes_received_total"), body.size());
  EXPECT_EQ(metric(metrics, "tempo_discarded_spans_total"), 1);
  EXPECT_EQ(metric(metrics, "tempo_receiver_accepted_spans"), 3);
  EXPECT_EQ(metric(metrics, "vivace_repeated_spans_total"), 0);
  std::ranges::reverse(spans);
  ASSERT_TRUE(send(spans));  // the same spans in other bytes
  EXPECT_EQ(metric(metrics, "vivace_repeated_spans_total"), 3);
  disk_.fail_syncs(1);
  ASSERT_FALSE(send({random.span(), random.span()}));
  EXPECT_EQ(metric(metrics, "tempo_receiver_refused_spans"), 2);
}

TEST_F(IngestTest, SaysWhenThereIsNoRoom) {
  options_.store.head_bytes_max = 200'000;
  start();
  RandomSpans random(106);
  std::vector<SentSpan> expected;
  Result<receive::Outcome> outcome;
  for (int i = 0; i < 10'000 && outcome; ++i) {
    const SentSpan span = random.span();
    outcome = send({span});
    if (outcome) expected.push_back(span);
  }
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, Code::limit);
  expect_spans(expected);
}

TEST_F(IngestTest, AnswersEverybodyAtOnceAndGivesAllRoomBack) {
  start();
  constexpr int kClients = 4;
  constexpr int kRequests = 100;
  std::vector<std::vector<SentSpan>> sent(kClients);
  std::vector<std::thread> clients;
  for (size_t c = 0; c < kClients; ++c) {
    clients.emplace_back([&, c] {
      RandomSpans random(200 + c);
      for (int i = 0; i < kRequests; ++i) {
        const std::vector<SentSpan> spans = random.request(1 + random.number(5));
        ASSERT_TRUE(send(spans));
        // Acked is visible, here and now.
        const std::vector<SentSpan> trace = program_->trace("t", spans[0].trace_id);
        ASSERT_TRUE(std::ranges::any_of(
            trace, [&](const SentSpan& span) { return span.span_id == spans[0].span_id; }));
        sent[c].insert(sent[c].end(), spans.begin(), spans.end());
      }
    });
  }
  for (std::thread& client : clients) client.join();
  std::vector<SentSpan> expected;
  for (const auto& spans : sent) expected.insert(expected.end(), spans.begin(), spans.end());
  expect_spans(expected);
  program_->stop();
  EXPECT_EQ(program_->bodies().used(), 0);
  const auto late = send({sent[0][0]});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::unavailable);
  EXPECT_EQ(program_->bodies().used(), 0);
}

}  // namespace
}  // namespace vivace
