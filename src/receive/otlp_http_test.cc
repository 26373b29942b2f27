// Each row of the contract's table of answers (ingest, 4.2 and 4.3), through the handler with a
// sink that answers as told: what reaches the sink, what the sender is told, and in which order the
// checks come when a request is wrong in several ways.
#include "receive/otlp_http.h"

#include <memory>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <protozero/pbf_writer.hpp>

#include "net/testing/fake_exchange.h"
#include "receive/status.h"

namespace vivace::receive {
namespace {

using net::FakeAnswer;
using net::FakeExchange;
using net::Header;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr const char* kProtobuf = "application/x-protobuf";

net::Request post(std::string body, std::vector<Header> headers = {{"content-type", kProtobuf}}) {
  net::Request out = net::fake_request("/v1/traces", std::move(headers));
  out.method = "POST";
  out.body = std::move(body);
  return out;
}

// google.rpc.Status: code 1, message 2, details 3 with one Any of a RetryInfo.
std::string status_bytes(int32_t code, const std::string& message, int64_t retry_after_s) {
  std::string out;
  protozero::pbf_writer writer(out);
  writer.add_int32(1, code);
  writer.add_string(2, message);
  if (retry_after_s == 0) return out;
  protozero::pbf_writer any(writer, 3);
  any.add_string(1, "type.googleapis.com/google.rpc.RetryInfo");
  protozero::pbf_writer retry_info(any, 2);
  protozero::pbf_writer duration(retry_info, 1);
  duration.add_int64(1, retry_after_s);
  return out;
}

class OtlpHttp : public testing::Test {
 protected:
  FakeAnswer send(net::Request request) {
    const net::Handler handler = otlp_http_handler(options, [this](Received got, Done done) {
      received.push_back(std::move(got));
      done(outcome);
    });
    return net::ask(handler, std::move(request));
  }
  // A Status in the sender's encoding.
  void expect_refusal(const FakeAnswer& answer, int http, int32_t code, const std::string& message,
                      int64_t retry_after_s = 0) {
    EXPECT_EQ(answer.status(), http);
    EXPECT_EQ(answer.header("content-type"), kProtobuf);
    EXPECT_EQ(answer.body(), status_bytes(code, message, retry_after_s));
    EXPECT_EQ(answer.header("retry-after"),
              retry_after_s == 0 ? "" : std::to_string(retry_after_s));
  }

  OtlpHttpOptions options;
  Result<Outcome> outcome = Outcome();
  std::vector<Received> received;
};

TEST_F(OtlpHttp, ABodyGoesToTheSinkAsItCame) {
  const FakeAnswer answer = send(post("any bytes"));
  EXPECT_EQ(answer.status(), 200);
  EXPECT_EQ(answer.header("content-type"), kProtobuf);
  EXPECT_EQ(answer.body(), std::string("\x0a\x00", 2)) << "an empty but present partial_success";
  EXPECT_EQ(answer.header("retry-after"), "");
  ASSERT_THAT(received, SizeIs(1));
  EXPECT_EQ(received[0].tenant, "single-tenant");
  EXPECT_EQ(received[0].encoding, ContentEncoding::identity);
  EXPECT_EQ(received[0].body, "any bytes");
}

TEST_F(OtlpHttp, AnEmptyBodyIsARequestOfNoSpans) {
  EXPECT_EQ(send(post("")).body(), std::string("\x0a\x00", 2));
  EXPECT_THAT(received, SizeIs(1));
}

TEST_F(OtlpHttp, TheBodysShareOfTheBudgetGoesAlong) {
  Budget bodies("bodies", 100);
  net::Request request = post("0123456789");
  request.body_room = *bodies.try_reserve(10);
  send(std::move(request));
  ASSERT_THAT(received, SizeIs(1));
  EXPECT_EQ(received[0].body_room.bytes(), 10);
  EXPECT_EQ(bodies.used(), 10);
  received.clear();
  EXPECT_EQ(bodies.used(), 0);
}

TEST_F(OtlpHttp, PathsThatAreNotConfiguredDoNotExist) {
  for (const char* path : {"/", "/v1/metrics", "/v1/logs", "/v1/traces/", "/v1", "/V1/traces"}) {
    net::Request request = post("x", {});
    request.path = path;
    const FakeAnswer answer = send(std::move(request));
    EXPECT_EQ(answer.status(), 404) << path;
    EXPECT_EQ(answer.header("content-type"), "text/plain");
    EXPECT_EQ(answer.body(), "404 page not found\n");
  }
  options.traces_path = "/otel";
  EXPECT_EQ(send(post("x")).status(), 404);
  net::Request request = post("x");
  request.path = "/otel";
  EXPECT_EQ(send(std::move(request)).status(), 200);
  EXPECT_THAT(received, SizeIs(1));
}

TEST_F(OtlpHttp, AQueryBehindThePathIsIgnored) {
  net::Request request = post("x");
  request.query = "token=1";
  EXPECT_EQ(send(std::move(request)).status(), 200);
}

TEST_F(OtlpHttp, OtherMethodsAreRefused) {
  for (const char* method : {"GET", "PUT", "HEAD", "OPTIONS", "DELETE", "post"}) {
    net::Request request = post("x");
    request.method = method;
    const FakeAnswer answer = send(std::move(request));
    EXPECT_EQ(answer.status(), 405) << method;
    EXPECT_EQ(answer.header("content-type"), "text/plain");
    EXPECT_EQ(answer.body(), "405 method not allowed, supported: [POST]");
  }
  EXPECT_THAT(received, IsEmpty());
}

TEST_F(OtlpHttp, OtherMediaTypesAreRefused) {
  for (const char* type : {"", "text/plain", "application/protobuf", "application/x-protobuf2",
                           ";application/x-protobuf", "application/x-thrift"}) {
    const FakeAnswer answer = send(post("x", {{"content-type", type}}));
    EXPECT_EQ(answer.status(), 415) << type;
    EXPECT_EQ(answer.header("content-type"), "text/plain");
    EXPECT_EQ(answer.body(),
              "415 unsupported media type, supported: [application/json, application/x-protobuf]");
  }
  EXPECT_EQ(send(post("x", {})).status(), 415);
  EXPECT_THAT(received, IsEmpty());
}

TEST_F(OtlpHttp, MediaTypesMayHaveParametersAndAnyCase) {
  for (const char* type : {"application/x-protobuf; charset=utf-8", "Application/X-Protobuf",
                           " application/x-protobuf\t;x", "application/x-protobuf;"}) {
    EXPECT_EQ(send(post("x", {{"content-type", type}})).status(), 200) << type;
  }
}

TEST_F(OtlpHttp, ContentEncodings) {
  const auto send_encoded = [this](const char* encoding) {
    return send(post("x", {{"content-type", kProtobuf}, {"content-encoding", encoding}}));
  };
  for (const char* encoding : {"gzip", "GZIP", "x-gzip", " gzip "}) {
    EXPECT_EQ(send_encoded(encoding).status(), 200);
    EXPECT_EQ(received.back().encoding, ContentEncoding::gzip) << encoding;
  }
  for (const char* encoding : {"", "identity", "Identity"}) {
    EXPECT_EQ(send_encoded(encoding).status(), 200);
    EXPECT_EQ(received.back().encoding, ContentEncoding::identity) << encoding;
  }
  received.clear();
  for (const char* encoding : {"br", "gzip, gzip", "Brotli"}) {
    expect_refusal(send_encoded(encoding), 400, 3,
                   std::string("unsupported Content-Encoding: ") + encoding);
  }
  EXPECT_THAT(received, IsEmpty());
}

TEST_F(OtlpHttp, AnUnknownEncodingOfAnUnknownTypeHasNoFormToBeToldIn) {
  for (const std::vector<Header>& headers :
       {std::vector<Header>{{"content-encoding", "br"}},
        std::vector<Header>{{"content-encoding", "br"}, {"content-type", "text/plain"}}}) {
    const FakeAnswer answer = send(post("x", headers));
    EXPECT_EQ(answer.status(), 500);
    EXPECT_EQ(answer.header("content-type"), "application/json");
    EXPECT_EQ(answer.body(), R"({"code": 13, "message": "failed to marshal error message"})");
  }
}

TEST_F(OtlpHttp, ChecksComeInTheirOrder) {
  // Wrong in every way; each answer mends what it named.
  net::Request wrong = post("x", {{"content-encoding", "br"}});
  wrong.path = "/nope";
  wrong.method = "GET";
  wrong.body_state = net::BodyState::too_large;
  options.multitenancy = true;
  const auto again = [&](auto mend) {
    mend(wrong);
    net::Request copy = post(wrong.body, wrong.headers);
    copy.path = wrong.path;
    copy.method = wrong.method;
    copy.body_state = wrong.body_state;
    return send(std::move(copy)).status();
  };
  EXPECT_EQ(again([](auto&) {}), 404);
  EXPECT_EQ(again([](auto& q) { q.path = "/v1/traces"; }), 500);
  EXPECT_EQ(again([](auto& q) { q.headers[0].value = "gzip"; }), 405);
  EXPECT_EQ(again([](auto& q) { q.method = "POST"; }), 415);
  EXPECT_EQ(again([](auto& q) { q.headers.push_back({"content-type", kProtobuf}); }), 400);
  EXPECT_EQ(again([](auto& q) { q.body_state = net::BodyState::no_room; }), 429);
  EXPECT_EQ(again([](auto& q) { q.body_state = net::BodyState::complete; }), 400);
  EXPECT_THAT(received, IsEmpty());
  EXPECT_EQ(again([](auto& q) { q.headers.push_back({"x-scope-orgid", "a"}); }), 200);
}

TEST_F(OtlpHttp, BodiesThatDidNotFit) {
  net::Request request = post("");
  request.body_state = net::BodyState::too_large;
  FakeAnswer answer = send(std::move(request));
  expect_refusal(answer, 400, 3, "http: request body too large");  // it will never fit

  request = post("");
  request.body_state = net::BodyState::no_room;
  options.retry_after_s = 7;
  answer = send(std::move(request));
  expect_refusal(answer, 429, 8, "too many request bodies in flight; try again later", 7);
  EXPECT_THAT(received, IsEmpty());
}

TEST_F(OtlpHttp, SpansThatWereRefusedAreTold) {
  outcome = Outcome{.rejected_spans = 3, .message = "3 spans refused: why"};
  const FakeAnswer answer = send(post("x"));
  EXPECT_EQ(answer.status(), 200);
  std::string expected;
  {
    protozero::pbf_writer writer(expected);
    protozero::pbf_writer partial(writer, 1);
    partial.add_int64(1, 3);
    partial.add_string(2, "3 spans refused: why");
  }
  EXPECT_EQ(answer.body(), expected);
}

struct Row {
  Code code;
  int grpc;
  int http;
  bool retry;
};

// Table 4.3. A body that is too large stays a 400, and a disk that fails may work next time.
constexpr Row kRows[] = {
    {Code::invalid_argument, 3, 400, false},
    {Code::too_large, 3, 400, false},
    {Code::unauthenticated, 16, 401, false},
    {Code::not_found, 5, 500, false},
    {Code::corrupt, 15, 503, false},
    {Code::io, 14, 503, true},
    {Code::limit, 8, 429, true},
    {Code::cancelled, 1, 503, false},
    {Code::deadline_exceeded, 4, 503, false},
    {Code::unavailable, 14, 503, true},
    {Code::unimplemented, 12, 404, false},
    {Code::internal, 13, 500, false},
};

TEST_F(OtlpHttp, ErrorsOfThePipelineByTheirCodes) {
  options.retry_after_s = 5;
  for (const Row& row : kRows) {
    EXPECT_EQ(grpc_code(row.code), row.grpc);
    EXPECT_EQ(otlp_http_status(row.code), row.http);
    outcome = fail(row.code, "what went wrong");
    const FakeAnswer answer = send(post("x"));
    expect_refusal(answer, row.http, row.grpc, "what went wrong", row.retry ? 5 : 0);
  }
}

TEST_F(OtlpHttp, NobodyIsToldWhenToComeAgainIfThatIsOff) {
  options.retry_after_s = 0;
  outcome = fail(Code::limit, "later");
  expect_refusal(send(post("x")), 429, 8, "later");
}

TEST_F(OtlpHttp, WithoutMultitenancyTheHeaderMeansNothing) {
  send(post("x", {{"content-type", kProtobuf}, {"x-scope-orgid", "not/valid"}}));
  ASSERT_THAT(received, SizeIs(1));
  EXPECT_EQ(received[0].tenant, "single-tenant");
}

TEST_F(OtlpHttp, MultitenancyNeedsTheHeader) {
  options.multitenancy = true;
  expect_refusal(send(post("x")), 400, 3, "no org id");
  expect_refusal(send(post("x", {{"content-type", kProtobuf}, {"x-scope-orgid", ""}})), 400, 3,
                 "no org id");
  for (const std::string& bad : {std::string("a/b"), std::string(".."), std::string("a|b"),
                                 std::string("a b"), std::string(151, 'x')}) {
    expect_refusal(send(post("x", {{"content-type", kProtobuf}, {"x-scope-orgid", bad}})), 400, 3,
                   "tenant ID '" + bad + "' is not valid");
  }
  EXPECT_THAT(received, IsEmpty());
  for (const std::string& good :
       {std::string("a"), std::string("A-1_b.c*'()!"), std::string(150, 'x')}) {
    EXPECT_EQ(send(post("x", {{"content-type", kProtobuf}, {"x-scope-orgid", good}})).status(),
              200);
    EXPECT_EQ(received.back().tenant, good);
  }
}

TEST(OtlpHttpSink, AnswersLaterAndOnce) {
  Done later;
  const net::Handler handler =
      otlp_http_handler({}, [&](Received, Done done) { later = std::move(done); });
  const auto exchange = std::make_shared<FakeExchange>();
  handler(post("x"), net::Responder(exchange));
  EXPECT_FALSE(exchange->answered());
  later(Outcome());
  EXPECT_EQ(exchange->wait().status(), 200);
}

TEST(OtlpHttpSink, OneThatForgetsToAnswerAnswers500) {
  const net::Handler handler = otlp_http_handler({}, [](Received, Done) {});
  EXPECT_EQ(net::ask(handler, post("x")).status(), 500);
}

}  // namespace
}  // namespace vivace::receive
