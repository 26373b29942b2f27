// What is done to a trace on its way out: span ids that Zipkin shares, the limit of bytes, gzip,
// and pieces of long answers to clients that stay or leave.
#include <gmock/gmock.h>

#include "api/testing/api_fixture.h"
#include "api/trace_proto.h"
#include "wire/compression.h"
#include "wire/json.h"

namespace vivace::api {
namespace {

using net::FakeAnswer;
using net::FakeExchange;
using ::testing::ElementsAre;
using ::testing::Gt;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr int32_t kServer = 2;
constexpr int32_t kClient = 3;

class TraceLimits : public ApiTest {
 protected:
  // "name kind id<parent" of each span, in order.
  std::vector<std::string> family() {
    std::vector<std::string> out;
    const auto batch =
        decode_otlp(get("/api/traces/1", {{"accept", "application/protobuf"}}).body(), {});
    EXPECT_TRUE(batch);
    for (const BatchSpan& s : (*batch)->spans) {
      out.push_back(fmt::format("{} {} {:x}<{:x}", s.name, s.kind, std::byteswap(s.span_id.raw),
                                std::byteswap(s.parent_id.raw)));
    }
    return out;
  }
};

plain::Span member(const std::string& name, int32_t kind, uint64_t id, uint64_t parent) {
  plain::Span out = plain::span(id);
  out.name = name;
  out.kind = kind;
  if (parent != 0) out.parent_id = plain::span_id(parent);
  out.start_ns = static_cast<uint64_t>(name[0]);
  return out;
}

TEST_F(TraceLimits, AServerThatSharesItsClientsIdGetsItsOwn) {
  data.push(plain::request_of({member("a", kClient, 0x10, 0), member("b", kServer, 0x10, 0),
                               member("c", 1, 0x20, 0x10), member("d", kClient, 0x30, 0x10),
                               member("e", 1, 0x40, 0x20)}));
  EXPECT_THAT(family(), ElementsAre("a 3 10<0", "b 2 1<10", "c 1 20<1", "d 3 30<1", "e 1 40<20"));
  const std::string json = get("/api/traces/1").body();
  EXPECT_THAT(json, HasSubstr(R"("spanId":"AAAAAAAAAAE=","parentSpanId":"AAAAAAAAABA=")"));
}

TEST_F(TraceLimits, NewIdsAreNoneOfTheTraces) {
  data.push(plain::request_of({member("a", kClient, 0x10, 0), member("b", kServer, 0x10, 0),
                               member("c", 1, 1, 0x10), member("d", 1, 2, 1),
                               member("e", kClient, 0x50, 2), member("f", kServer, 0x50, 2),
                               member("g", 1, 4, 0x50)}));
  EXPECT_THAT(family(), ElementsAre("a 3 10<0", "b 2 3<10", "c 1 1<3", "d 1 2<1", "e 3 50<2",
                                    "f 2 5<50", "g 1 4<5"));
}

TEST_F(TraceLimits, IdsThatNoClientSharesStay) {
  data.push(plain::request_of({member("a", kServer, 0x10, 0), member("b", 1, 0x10, 0x20),
                               member("c", 4, 0x10, 0), member("d", 1, 0x30, 0x10)}));
  EXPECT_THAT(family(), ElementsAre("a 2 10<0", "b 1 10<20", "c 4 10<0", "d 1 30<10"));
}

// One span in a request with nothing else takes ten bytes more than the span itself.
int64_t bytes_of(const plain::Span& span) {
  const std::string body = plain::encode(plain::request_of({span}));
  EXPECT_LT(body.size(), 128U);
  return static_cast<int64_t>(body.size()) - 10;
}

auto at_most(int64_t bytes) {
  return [bytes](const std::string& /*tenant*/) { return bytes; };
}

TEST_F(TraceLimits, ATraceOfTheLimitsSizeIsWhole) {
  options.trace_bytes_max = at_most(bytes_of(plain::span(1)) + bytes_of(plain::span(2)));
  data.push(plain::request_of({plain::span(1), plain::span(2)}));
  EXPECT_EQ(get("/api/traces/1").status(), 200);
  EXPECT_THAT(get("/api/v2/traces/1").body(), Not(HasSubstr("PARTIAL")));
}

TEST_F(TraceLimits, ALongerTraceIsRefusedInV1AndCutInV2) {
  const int64_t bytes_max = bytes_of(plain::span(1)) + bytes_of(plain::span(2)) - 1;
  options.trace_bytes_max = at_most(bytes_max);
  data.push(plain::request_of({plain::span(1), plain::span(2)}));
  const std::string limit = std::to_string(bytes_max);
  for (const char* accept : {"application/json", "application/protobuf"}) {
    const FakeAnswer v1 = get("/api/traces/1", {{"accept", accept}});
    EXPECT_EQ(v1.status(), 422);
    EXPECT_EQ(v1.header("content-type"), "text/plain; charset=utf-8");
    EXPECT_EQ(v1.body(), "trace exceeds max size (max bytes: " + limit + ")");
  }
  const std::string message =
      "Trace exceeds maximum size of " + limit + " bytes, a partial trace is returned";
  EXPECT_EQ(get("/api/v2/traces/1").body(),
            R"({"trace":{"resourceSpans":[{"resource":{},"scopeSpans":[{"scope":{},"spans":[)"
            R"({"traceId":"AAAAAAAAAAAAAAAAAAAAAQ==","spanId":"AAAAAAAAAAE=","status":{}})"
            R"(]}]}]},"metrics":{},"status":"PARTIAL","message":")" +
                message + "\"}");
  std::string expected;
  {
    protozero::pbf_writer writer(expected);
    writer.add_bytes(1, plain::encode(plain::request_of({plain::span(1)})));
    writer.add_message(2, "", 0);
    writer.add_enum(3, 1);
    writer.add_string(4, message);
  }
  EXPECT_EQ(get("/api/v2/traces/1", {{"accept", "application/protobuf"}}).body(), expected);
}

TEST_F(TraceLimits, ALimitThatNoSpanFitsIntoLeavesNone) {
  options.trace_bytes_max = at_most(1);
  data.push(plain::request_of({plain::span(1)}));
  EXPECT_EQ(get("/api/traces/1").status(), 422);
  EXPECT_EQ(get("/api/v2/traces/1").body(),
            R"({"trace":{},"metrics":{},"status":"PARTIAL","message":)"
            R"("Trace exceeds maximum size of 1 bytes, a partial trace is returned"})");
}

TEST_F(TraceLimits, ATraceIsCutAcrossScopesAndResources) {
  plain::Request request(3);
  uint64_t id = 0;
  for (plain::ResourceSpans& one : request) {
    one.attributes = {{"r", plain::integer(static_cast<int64_t>(id))}};
    for (const char* name : {"a", "b"}) {
      plain::ScopeSpans scope{.name = name};
      for (int i = 0; i < 2; ++i) {
        scope.spans.push_back(plain::span(++id));
        scope.spans.back().start_ns = id;
      }
      one.scopes.push_back(scope);
    }
  }
  data.push(request);
  const auto ids = [](const FakeAnswer& answer) {
    size_t count = 0;
    for (size_t at = 0; (at = answer.body().find("spanId", at)) != std::string::npos; ++at) ++count;
    return count;
  };
  plain::Span span = plain::span(1);
  span.start_ns = 1;
  for (size_t fitting = 1; fitting <= 12; ++fitting) {
    ApiOptions limited = options;
    limited.trace_bytes_max = at_most(bytes_of(span) * static_cast<int64_t>(fitting));
    Api other(limited, {.clock = &clock, .metrics = &metrics}, *queries);
    other.set_store(&data.store());
    other.set_phase(Phase::ready);
    const FakeAnswer answer = net::ask(other.handler(), net::fake_request("/api/v2/traces/1"));
    EXPECT_EQ(ids(answer), fitting);
    EXPECT_EQ(answer.body().find("PARTIAL") == std::string::npos, fitting == 12);
  }
}

class TraceGzip : public TraceLimits {
 protected:
  // One span whose v1 JSON has exactly `size` bytes.
  void push_answer_of(size_t size) {
    plain::Span span = plain::span(1, {{"k", plain::text("")}});
    data.push(plain::request_of({span}));
    const size_t least = get("/api/traces/1").body().size();
    span.trace_id = plain::trace_id(2);
    span.attributes[0].value.text.assign(size - least, 'x');
    data.push(plain::request_of({span}));
    ASSERT_EQ(get("/api/traces/2").body().size(), size);
  }
};

TEST_F(TraceGzip, SmallAnswersStayPlain) {
  push_answer_of(1023);
  const FakeAnswer answer = get("/api/traces/2", {{"accept-encoding", "gzip"}});
  EXPECT_EQ(answer.header("content-encoding"), "");
  EXPECT_EQ(answer.body(), get("/api/traces/2").body());
  EXPECT_EQ(answer.header("vary"), "Accept-Encoding");
}

TEST_F(TraceGzip, AnswersOfAKibibyteArePackedForWhoAsks) {
  push_answer_of(1024);
  const std::string plain = get("/api/traces/2").body();
  for (const char* accept : {"gzip", "gzip, deflate, br", "br;q=1, gzip;q=0.5", "deflate,gzip"}) {
    const FakeAnswer answer = get("/api/traces/2", {{"accept-encoding", accept}});
    EXPECT_EQ(answer.header("content-encoding"), "gzip") << accept;
    EXPECT_EQ(answer.header("content-type"), "application/json");
    EXPECT_EQ(answer.header("vary"), "Accept-Encoding");
    EXPECT_EQ(gunzip(answer.body(), 10'000).value(), plain);
  }
  for (const char* accept : {"", "br", "deflate", "gzip;q=0", "identity"}) {
    const FakeAnswer answer = get("/api/traces/2", {{"accept-encoding", accept}});
    EXPECT_EQ(answer.header("content-encoding"), "") << accept;
    EXPECT_EQ(answer.body(), plain);
  }
  for (const char* path : {"/api/traces/2", "/api/v2/traces/2"}) {
    const net::Header proto{"accept", "application/protobuf"};
    const FakeAnswer packed = get(path, {proto, {"accept-encoding", "gzip"}});
    EXPECT_EQ(packed.header("content-encoding"), packed.body().size() < 1024 ? "" : "gzip");
  }
}

class LongTrace : public TraceLimits {
 protected:
  static constexpr uint64_t kSpans = 9000;  // more than kPieceSpans, in JSON some megabytes

  LongTrace() {
    plain::Request request(1);
    request[0].attributes = {{"service.name", plain::text("long")}};
    request[0].scopes.resize(1);
    for (uint64_t i = 1; i <= kSpans; ++i) {
      plain::Span span = plain::span(i, {{"n", plain::integer(static_cast<int64_t>(i))},
                                         {"fill", plain::text(std::string(200, 'f'))}});
      span.start_ns = i;
      request[0].scopes[0].spans.push_back(std::move(span));
    }
    lines = plain::show(request);
    data.push(request);
  }

  // Its v1 JSON, put together by hand.
  static std::string expected_json() {
    std::string out = R"({"batches":[{"resource":{"attributes":[{"key":"service.name",)"
                      R"("value":{"stringValue":"long"}}]},"scopeSpans":[{"scope":{},"spans":[)";
    for (uint64_t i = 1; i <= kSpans; ++i) {
      std::string id;
      append_json_base64(id, plain::span_id(i));
      out +=
          fmt::format(R"({}{{"traceId":"AAAAAAAAAAAAAAAAAAAAAQ==","spanId":{},)"
                      R"("startTimeUnixNano":"{}","attributes":[{{"key":"n","value":)"
                      R"({{"intValue":"{}"}}}},{{"key":"fill","value":{{"stringValue":"{}"}}}}],)"
                      R"("status":{{}}}})",
                      i == 1 ? "" : ",", id, i, i, std::string(200, 'f'));
    }
    return out + "]}]}]}";
  }

  std::vector<std::string> lines;
};

TEST_F(LongTrace, ComesInPiecesThatAreTheWhole) {
  const FakeAnswer v1 = get("/api/traces/1");
  EXPECT_TRUE(v1.streamed);
  EXPECT_THAT(v1.parts, SizeIs(Gt(1U)));
  EXPECT_EQ(v1.header("content-type"), "application/json");
  EXPECT_EQ(v1.header("vary"), "Accept-Encoding");
  const std::string expected = expected_json();
  EXPECT_TRUE(v1.body() == expected);

  const FakeAnswer v2 = get("/api/v2/traces/1");
  EXPECT_TRUE(v2.streamed);
  const std::string inner = expected.substr(11, expected.size() - 12);
  EXPECT_TRUE(v2.body() == "{\"trace\":{\"resourceSpans\":" + inner + "},\"metrics\":{}}");
  EXPECT_THAT(metrics.render(), HasSubstr("route=\"api_traces_traceid\",status_code=\"200\""));
}

TEST_F(LongTrace, ProtobufComesInPiecesToo) {
  const net::Header proto{"accept", "application/protobuf"};
  const FakeAnswer v1 = get("/api/traces/1", {proto});
  EXPECT_TRUE(v1.streamed);
  const auto batch = decode_otlp(v1.body(), {});
  ASSERT_TRUE(batch);
  EXPECT_EQ((*batch)->resources.size(), (kSpans + kPieceSpans - 1) / kPieceSpans);
  EXPECT_TRUE(plain::show(**batch) == lines);

  const FakeAnswer v2 = get("/api/v2/traces/1", {proto});
  EXPECT_TRUE(v2.streamed);
  std::string expected;
  protozero::pbf_writer writer(expected);
  writer.add_bytes(1, v1.body());
  writer.add_message(2, "", 0);
  EXPECT_TRUE(v2.body() == expected);
}

TEST_F(LongTrace, IsPackedForWhoAsks) {
  for (const char* accept : {"application/json", "application/protobuf"}) {
    const std::string plain = get("/api/v2/traces/1", {{"accept", accept}}).body();
    const FakeAnswer packed =
        get("/api/v2/traces/1", {{"accept", accept}, {"accept-encoding", "gzip"}});
    EXPECT_EQ(packed.header("content-encoding"), "gzip");
    EXPECT_EQ(packed.header("vary"), "Accept-Encoding");
    EXPECT_LT(packed.body().size(), plain.size() / 5);
    const auto unpacked = gunzip(packed.body(), plain.size());
    ASSERT_TRUE(unpacked);
    EXPECT_TRUE(*unpacked == plain);
  }
}

TEST_F(LongTrace, AClientThatLeavesEndsTheWork) {
  for (const char* path : {"/api/traces/1", "/api/v2/traces/1"}) {
    for (const char* accept : {"application/json", "application/protobuf"}) {
      const auto exchange = std::make_shared<FakeExchange>();
      exchange->leave_at(0);
      api().handler()(net::fake_request(path, {{"accept", accept}}), net::Responder(exchange));
      const FakeAnswer answer = exchange->wait();
      EXPECT_THAT(answer.parts, SizeIs(1));
    }
  }
  get("/api/traces/zz");  // behind them on the one worker
  EXPECT_THAT(metrics.render(),
              HasSubstr("tempo_query_frontend_queries_total{op=\"traces\",result=\"canceled\","
                        "tenant=\"single-tenant\"} 4\n"));
}

TEST_F(LongTrace, AClientThatIsKnownToHaveLeftEndsItToo) {
  std::stop_source gone;
  gone.request_stop();
  net::Request request = net::fake_request("/api/traces/1");
  request.stop = gone.get_token();
  const FakeAnswer answer = net::ask(api().handler(), std::move(request));
  EXPECT_THAT(answer.parts, IsEmpty());
  get("/api/traces/zz");  // behind it on the one worker
  EXPECT_THAT(metrics.render(), HasSubstr("result=\"canceled\""));
}

}  // namespace
}  // namespace vivace::api
