// The forms a request may come in and its answer goes out in: JSON (ingest contract, 4.2), every
// Content-Encoding (4.4), and what the config narrows or adds.
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/testing/fake_exchange.h"
#include "receive/otlp_http.h"
#include "wire/pack_testing.h"

namespace vivace::receive {
namespace {

using net::FakeAnswer;
using net::Header;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr const char* kJson = "application/json";
constexpr const char* kProtobuf = "application/x-protobuf";

class OtlpHttpForms : public testing::Test {
 protected:
  FakeAnswer send(const std::vector<Header>& headers, const std::string& body = "{}",
                  net::BodyState state = net::BodyState::complete) {
    const net::Handler handler = otlp_http_handler(options, [this](Received got, Done done) {
      received.push_back(std::move(got));
      done(outcome);
    });
    net::Request request = net::fake_request("/v1/traces", headers);
    request.method = "POST";
    request.body = body;
    request.body_state = state;
    return net::ask(handler, std::move(request));
  }
  FakeAnswer send_encoded(const std::string& encoding, const std::string& body = "x",
                          const char* type = kProtobuf) {
    return send({{"content-type", type}, {"content-encoding", encoding}}, body);
  }

  OtlpHttpOptions options;
  Result<Outcome> outcome = Outcome();
  std::vector<Received> received;
};

TEST_F(OtlpHttpForms, JsonIsHandedOnAsItCame) {
  for (const char* type : {kJson, "Application/JSON; charset=utf-8"}) {
    const FakeAnswer answer = send({{"content-type", type}}, R"({"resourceSpans":[]})");
    EXPECT_EQ(answer.status(), 200);
    EXPECT_EQ(answer.header("content-type"), kJson);
    EXPECT_EQ(answer.body(), R"({"partialSuccess":{}})");
    EXPECT_EQ(received.back().format, BodyFormat::otlp_json);
    EXPECT_EQ(received.back().body, R"({"resourceSpans":[]})");
  }
  send({{"content-type", kProtobuf}});
  EXPECT_EQ(received.back().format, BodyFormat::otlp_protobuf);
}

TEST_F(OtlpHttpForms, JsonIsToldWhatWasRefusedInJson) {
  outcome = Outcome{.rejected_spans = 3, .message = "3 \"spans\" refused\n"};
  EXPECT_EQ(send({{"content-type", kJson}}).body(),
            R"({"partialSuccess":{"rejectedSpans":"3","errorMessage":"3 \"spans\" refused\n"}})");

  options.retry_after_s = 5;
  outcome = fail(Code::limit, "the head is full");
  const FakeAnswer answer = send({{"content-type", kJson}});
  EXPECT_EQ(answer.status(), 429);
  EXPECT_EQ(answer.header("content-type"), kJson);
  EXPECT_EQ(answer.header("retry-after"), "5");
  EXPECT_EQ(
      answer.body(),
      R"({"code":8,"message":"the head is full",)"
      R"("details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"5s"}]})");
}

TEST_F(OtlpHttpForms, EveryRefusalOfJsonIsJson) {
  const auto expect = [](const FakeAnswer& answer, int status, const std::string& body) {
    EXPECT_EQ(answer.status(), status);
    EXPECT_EQ(answer.header("content-type"), kJson);
    EXPECT_EQ(answer.body(), body);
  };
  expect(send_encoded("br", "{}", kJson), 400,
         R"({"code":3,"message":"unsupported Content-Encoding: br"})");
  expect(send({{"content-type", kJson}}, "", net::BodyState::too_large), 400,
         R"({"code":3,"message":"http: request body too large"})");
  expect(send({{"content-type", kJson}}, "", net::BodyState::no_room), 429,
         R"({"code":8,"message":"too many request bodies in flight; try again later",)"
         R"("details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"1s"}]})");
  options.multitenancy = true;
  expect(send({{"content-type", kJson}}), 400, R"({"code":3,"message":"no org id"})");
  EXPECT_THAT(received, IsEmpty());
}

TEST_F(OtlpHttpForms, EncodingsOfEveryNameAndCase) {
  using enum ContentEncoding;
  const std::vector<std::pair<const char*, ContentEncoding>> names = {
      {"", identity},     {"identity", identity}, {"gzip", gzip},       {"x-gzip", gzip},
      {"GZip", gzip},     {"zstd", zstd},         {"ZSTD", zstd},       {"zlib", zlib},
      {"snappy", snappy}, {" lz4 ", lz4},         {"deflate", deflate}, {"Snappy", snappy},
  };
  for (const auto& [name, encoding] : names) {
    EXPECT_EQ(send_encoded(name, pack(encoding, "body")).status(), 200) << name;
    EXPECT_EQ(received.back().encoding, encoding) << name;
  }
  send_encoded("deflate", pack(zlib, "body"));
  EXPECT_EQ(received.back().encoding, zlib) << "what HTTP means by deflate";
  send_encoded("snappy", pack(snappy_block, "body"));
  EXPECT_EQ(received.back().encoding, snappy_block);
}

TEST_F(OtlpHttpForms, TheConfigNarrowsTheEncodings) {
  options.compression_algorithms = {"", "gzip", "deflate"};
  for (const char* name : {"", "identity", "gzip", "x-gzip", "GZIP", "deflate"}) {
    EXPECT_EQ(send_encoded(name).status(), 200) << name;
  }
  received.clear();
  for (const char* name : {"zstd", "zlib", "snappy", "lz4"}) {
    EXPECT_EQ(
        send_encoded(name, "x", kJson).body(),
        std::string(R"({"code":3,"message":"unsupported Content-Encoding: )") + name + R"("})");
  }
  options.compression_algorithms = {"zstd"};
  EXPECT_EQ(send_encoded("zstd").status(), 200);
  EXPECT_EQ(send_encoded("").status(), 400) << "bodies must be compressed";
  EXPECT_EQ(send({{"content-type", kProtobuf}}).status(), 400);
  EXPECT_THAT(received, SizeIs(1));
}

TEST_F(OtlpHttpForms, ResponseHeadersGoWithEveryAnswer) {
  options.response_headers = {{"x-frame-options", "deny"}, {"content-type", "text/html"}};
  const std::vector<FakeAnswer> answers = {
      send({{"content-type", kJson}}),
      send({{"content-type", "text/html"}}),
      send_encoded("br"),
      send({{"content-type", kJson}}, "", net::BodyState::too_large),
  };
  for (const FakeAnswer& answer : answers) {
    EXPECT_EQ(answer.header("x-frame-options"), "deny");
    EXPECT_NE(answer.header("content-type"), "text/html") << "what an answer says of itself stays";
  }
}

}  // namespace
}  // namespace vivace::receive
