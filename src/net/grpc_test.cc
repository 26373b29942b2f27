// The gRPC layer through a handler with a fake client, and through a real HTTP/2 engine with frames
// cut anywhere: what reaches the method, and what the client is told when the call is wrong.
#include "net/grpc.h"

#include <array>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/engine_driver.h"
#include "net/http2_engine.h"
#include "net/testing/fake_exchange.h"

namespace vivace::net {
namespace {

using namespace std::chrono_literals;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr const char* kPath = "/pkg.Service/Method";

std::string trailer(const FakeAnswer& answer, std::string_view name) {
  for (const Header& h : answer.response.trailers) {
    if (h.name == name) return h.value;
  }
  return {};
}

Request call_of(std::string body, std::vector<Header> headers = {}) {
  Request request = fake_request(kPath, std::move(headers));
  request.method = "POST";
  request.http2 = true;
  request.body = std::move(body);
  if (!request.has_header("content-type")) {
    request.headers.push_back({"content-type", "application/grpc"});
  }
  return request;
}

class Grpc : public testing::Test {
 protected:
  Handler handler() {
    return grpc_handler({{kPath,
                          [this](GrpcCall call, GrpcResponder responder) {
                            calls.push_back(std::move(call));
                            if (drop) return;
                            std::move(responder).reply("answer");
                          }}},
                        options);
  }
  FakeAnswer send(Request request) { return ask(handler(), std::move(request)); }
  void expect_failure(const FakeAnswer& answer, int code, const std::string& message) {
    EXPECT_EQ(answer.status(), 200);
    EXPECT_EQ(answer.header("content-type"), "application/grpc");
    EXPECT_EQ(answer.body(), "") << "an error is trailers alone";
    EXPECT_EQ(trailer(answer, "grpc-status"), std::to_string(code));
    EXPECT_EQ(trailer(answer, "grpc-message"), message);
    EXPECT_THAT(calls, SizeIs(0));
  }

  GrpcOptions options{.message_bytes_max = 100, .limit_key = "the.key"};
  bool drop = false;
  std::vector<GrpcCall> calls;
};

TEST_F(Grpc, ACallIsAnsweredWithAFrameAndTrailers) {
  Budget bodies("bodies", 1000);
  Request request = call_of(grpc_frame("question"), {{"x-scope-orgid", "t"}});
  request.body_room = *bodies.try_reserve(20);
  const FakeAnswer answer = send(std::move(request));
  EXPECT_EQ(answer.status(), 200);
  EXPECT_EQ(answer.header("content-type"), "application/grpc");
  EXPECT_EQ(answer.header("grpc-accept-encoding"), "gzip,snappy,zstd");
  EXPECT_EQ(answer.body(), std::string("\0\0\0\0\6answer", 11));
  EXPECT_EQ(trailer(answer, "grpc-status"), "0");
  EXPECT_THAT(answer.response.trailers, SizeIs(1));
  ASSERT_THAT(calls, SizeIs(1));
  EXPECT_EQ(calls[0].message, "question");
  EXPECT_EQ(calls[0].encoding, ContentEncoding::identity);
  EXPECT_EQ(calls[0].header("x-scope-orgid"), "t");
  EXPECT_EQ(calls[0].header("x-other"), "");
  EXPECT_EQ(calls[0].room.bytes(), 20);
  EXPECT_FALSE(calls[0].timeout);
}

TEST_F(Grpc, AnEmptyMessageIsAMessage) {
  EXPECT_EQ(trailer(send(call_of(grpc_frame(""))), "grpc-status"), "0");
  ASSERT_THAT(calls, SizeIs(1));
  EXPECT_EQ(calls[0].message, "");
}

TEST_F(Grpc, MediaTypes) {
  for (const char* type : {"application/grpc", "application/grpc+proto", "Application/GRPC",
                           "application/grpc;charset=utf-8", "application/grpc+proto ; a=b"}) {
    EXPECT_EQ(trailer(send(call_of(grpc_frame(""), {{"content-type", type}})), "grpc-status"), "0")
        << type;
  }
  for (const char* type : {"application/grpc-web", "application/grpc+json",
                           "application/x-protobuf", "", "application/grp"}) {
    const FakeAnswer answer = send(call_of(grpc_frame(""), {{"content-type", type}}));
    EXPECT_EQ(answer.status(), 415) << type;
    EXPECT_EQ(trailer(answer, "grpc-status"), "");
  }
}

TEST_F(Grpc, WhatIsNotGrpcIsToldSoInHttp) {
  Request request = call_of(grpc_frame(""));
  request.method = "GET";
  EXPECT_EQ(send(std::move(request)).status(), 405);
  request = call_of(grpc_frame(""));
  request.http2 = false;
  const FakeAnswer answer = send(std::move(request));
  EXPECT_EQ(answer.status(), 400);
  EXPECT_THAT(answer.body(), HasSubstr("HTTP/2"));
  EXPECT_THAT(calls, SizeIs(0));
}

TEST_F(Grpc, OtherMethodsAreUnimplemented) {
  for (const auto& [path, message] : std::map<std::string, std::string>{
           {"/pkg.Service/Other", "unknown service pkg.Service or method Other"},
           {"/pkg.Other/Method", "unknown service pkg.Other or method Method"},
           {"/", "malformed method name: \"/\""},
           {"/Method", "malformed method name: \"/Method\""},
           {"pkg.Service/Method", "malformed method name: \"pkg.Service/Method\""},
           {"/pkg.Service/Method/", "unknown service pkg.Service/Method or method "}}) {
    Request request = call_of(grpc_frame(""));
    request.path = path;
    expect_failure(send(std::move(request)), 12, message);
  }
}

TEST_F(Grpc, Encodings) {
  std::string packed = grpc_frame("zipped");
  packed[0] = 1;
  send(call_of(packed, {{"grpc-encoding", "gzip"}}));
  ASSERT_THAT(calls, SizeIs(1));
  EXPECT_EQ(calls[0].encoding, ContentEncoding::gzip);
  EXPECT_EQ(calls[0].message, "zipped");
  calls.clear();

  for (const auto& [name, encoding] : std::map<std::string, ContentEncoding>{
           {"zstd", ContentEncoding::zstd}, {"snappy", ContentEncoding::snappy}}) {
    send(call_of(packed, {{"grpc-encoding", name}}));
    ASSERT_THAT(calls, SizeIs(1));
    EXPECT_EQ(calls[0].encoding, encoding);
    calls.clear();
  }

  send(call_of(grpc_frame("plain"), {{"grpc-encoding", "gzip"}}));
  ASSERT_THAT(calls, SizeIs(1));
  EXPECT_EQ(calls[0].encoding, ContentEncoding::identity) << "each frame says whether it is packed";
  calls.clear();

  constexpr const char* kNoEncoding = "grpc: compressed flag set with identity or empty encoding";
  expect_failure(send(call_of(packed)), 13, kNoEncoding);
  expect_failure(send(call_of(packed, {{"grpc-encoding", "identity"}})), 13, kNoEncoding);
  for (const std::string& frame : {packed, grpc_frame("plain")}) {
    expect_failure(send(call_of(frame, {{"grpc-encoding", "br"}})), 12,
                   "grpc: Decompressor is not installed for grpc-encoding \"br\"");
  }
  packed[0] = 2;
  expect_failure(send(call_of(packed)), 13, "grpc: received unexpected payload format 2");
}

TEST_F(Grpc, FramesThatDoNotFit) {
  const std::string frame = grpc_frame("question");
  expect_failure(send(call_of("")), 13, "grpc: the call has no message");
  for (size_t n = 1; n < frame.size(); n++) {
    expect_failure(send(call_of(frame.substr(0, n))), 13, "unexpected EOF");
  }
  constexpr const char* kMore = "grpc: a unary call carries one message, more came";
  expect_failure(send(call_of(frame + "x")), 13, kMore);
  expect_failure(send(call_of(frame + frame)), 13, kMore);
  Request request = call_of(frame);  // the rest was too much to keep
  request.body_state = BodyState::too_large;
  expect_failure(send(std::move(request)), 13, kMore);
}

TEST_F(Grpc, MessagesPastTheLimit) {
  EXPECT_EQ(trailer(send(call_of(grpc_frame(std::string(100, 'm')))), "grpc-status"), "0");
  calls.clear();
  constexpr const char* kText =
      "grpc: received message larger than max (101 vs. 100); the limit is the.key";
  const std::string frame = grpc_frame(std::string(101, 'm'));
  expect_failure(send(call_of(frame)), 8, kText);
  expect_failure(send(call_of(frame.substr(0, 5))), 8, kText);
  Request request = call_of(frame.substr(0, 16));
  request.body_state = BodyState::too_large;
  expect_failure(send(std::move(request)), 8, kText);
  request = call_of("", {{"content-length", "106"}});
  request.body_state = BodyState::too_large;
  expect_failure(send(std::move(request)), 8, kText);
  expect_failure(send(call_of(std::string("\0\xff\xff\xff\xff", 5) + frame)), 8,
                 "grpc: received message larger than max (4294967295 vs. 100); the limit is "
                 "the.key");
  options.limit_key = "";
  expect_failure(send(call_of(frame)), 8, "grpc: received message larger than max (101 vs. 100)");
}

TEST_F(Grpc, AFullBudgetIsToldAsTheOptionsSay) {
  options.no_room = {.code = 8, .message = "later", .details = "in a second"};
  Request request = call_of("");
  request.body_state = BodyState::no_room;
  const FakeAnswer answer = send(std::move(request));
  expect_failure(answer, 8, "later");
  EXPECT_EQ(trailer(answer, "grpc-status-details-bin"), "aW4gYSBzZWNvbmQ");
}

TEST_F(Grpc, ATimeoutGoesAlong) {
  send(call_of(grpc_frame(""), {{"grpc-timeout", "10S"}}));
  ASSERT_THAT(calls, SizeIs(1));
  EXPECT_EQ(calls[0].timeout, 10s);
  calls.clear();
  expect_failure(send(call_of(grpc_frame(""), {{"grpc-timeout", "0n"}})), 4,
                 "the deadline had passed on arrival");
  for (const char* bad : {"", "S", "10", "10s", "-1S", "1.5S", "123456789S", "S10", "1 S"}) {
    expect_failure(send(call_of(grpc_frame(""), {{"grpc-timeout", bad}})), 13,
                   std::string("malformed grpc-timeout: \"") + bad + "\"");
  }
}

TEST(GrpcTimeout, Units) {
  EXPECT_EQ(parse_grpc_timeout("1H"), 1h);
  EXPECT_EQ(parse_grpc_timeout("2M"), 2min);
  EXPECT_EQ(parse_grpc_timeout("3S"), 3s);
  EXPECT_EQ(parse_grpc_timeout("4m"), 4ms);
  EXPECT_EQ(parse_grpc_timeout("5u"), 5us);
  EXPECT_EQ(parse_grpc_timeout("6n"), 6ns);
  for (const char* largest : {"99999999H", "99999999M", "99999999S"}) {
    EXPECT_GT(parse_grpc_timeout(largest).value(), 24h * 365) << largest;
    EXPECT_GT(std::chrono::steady_clock::now() + *parse_grpc_timeout(largest),
              std::chrono::steady_clock::now())
        << "no overflow";
  }
}

TEST_F(Grpc, ACallThatIsDroppedFails) {
  drop = true;
  const FakeAnswer answer = send(call_of(grpc_frame("")));
  EXPECT_EQ(answer.status(), 200);
  EXPECT_EQ(trailer(answer, "grpc-status"), "13");
}

TEST(GrpcTrailers, MessagesArePercentEncoded) {
  const auto message = [](std::string text) {
    return grpc_trailers({.code = 3, .message = std::move(text)})[1].value;
  };
  EXPECT_EQ(message("a b~!\"#"), "a b~!\"#");
  EXPECT_EQ(message("100%"), "100%25");
  EXPECT_EQ(message("a\r\nb\t"), "a%0D%0Ab%09");
  EXPECT_EQ(message("\xc3\xa9\x7f"), "%C3%A9%7F");
  EXPECT_EQ(message(std::string("\0", 1)), "%00");
  EXPECT_LE(message(std::string(100'000, '%')).size(), 6144U) << "clients bound their headers";
}

TEST(GrpcTrailers, DetailsAreBase64WithoutPadding) {
  const auto details = [](std::string text) {
    return grpc_trailers({.code = 8, .details = std::move(text)})[1].value;
  };
  EXPECT_EQ(details("f"), "Zg");
  EXPECT_EQ(details("fo"), "Zm8");
  EXPECT_EQ(details("foo"), "Zm9v");
  EXPECT_EQ(details("foob"), "Zm9vYg");
  EXPECT_EQ(details("\xff\xfe\xfd"), "//79");
}

// ---- over the engine
// ------------------------------------------------------------------------------

std::string h2_frame(uint8_t type, uint8_t flags, std::string_view payload) {
  const auto n = static_cast<uint32_t>(payload.size());
  std::string frame;
  for (const uint32_t byte :
       std::to_array<uint32_t>({n >> 16, n >> 8, n, type, flags, 0, 0, 0, 1})) {
    frame.push_back(static_cast<char>(byte & 0xff));
  }
  if (type == 4) frame.back() = 0;  // SETTINGS are the connection's
  return frame.append(payload);
}

// HPACK: literals without indexing or Huffman.
std::string h2_headers(const std::vector<Header>& headers) {
  std::string block;
  for (const Header& h : headers) {
    block.push_back(0);
    for (const std::string& text : {h.name, h.value}) {
      block.push_back(static_cast<char>(text.size()));
      block += text;
    }
  }
  return block;
}

// A whole conversation up to the call's end, its body in DATA frames of `piece` bytes.
std::string conversation(std::string_view body, size_t piece) {
  std::string bytes = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + h2_frame(4, 0, "");
  bytes += h2_frame(1, 4,
                    h2_headers({{":method", "POST"},
                                {":scheme", "http"},
                                {":authority", "x"},
                                {":path", kPath},
                                {"te", "trailers"},
                                {"content-type", "application/grpc"}}));
  for (; body.size() > piece; body.remove_prefix(piece)) {
    bytes += h2_frame(0, 0, body.substr(0, piece));
  }
  return bytes + h2_frame(0, 1, body);
}

// The connection's part around an exchange: requests go to the handler at once.
std::string converse(std::string_view bytes, size_t first) {
  std::string message;
  const Handler handler = grpc_handler({{kPath,
                                         [&](GrpcCall call, GrpcResponder responder) {
                                           message = call.message;
                                           std::move(responder).reply("");
                                         }}},
                                       {});
  Http2Engine engine({});
  EngineDriver driver(engine, [&](const Request& request) -> std::optional<Response> {
    Request copy = fake_request(request.path, request.headers);
    copy.method = request.method;
    copy.http2 = request.http2;
    copy.body = request.body;
    return ask(handler, std::move(copy)).response;
  });
  driver.send(bytes.substr(0, first));
  driver.send(bytes.substr(first));
  EXPECT_THAT(driver.out, EndsWith("\x01"
                                   "0"))
      << "cut at " << first << ": grpc-status, a literal";
  return message;
}

TEST(GrpcOverHttp2, ConnectionsCutAnywhere) {
  const std::string bytes = conversation(grpc_frame("question"), 3);
  for (size_t i = 0; i <= bytes.size(); i++) EXPECT_EQ(converse(bytes, i), "question");
}

TEST(GrpcOverHttp2, AMessageInDataFramesOfAnySize) {
  const std::string message(300, 'm');
  const std::string body = grpc_frame(message);
  for (size_t piece = 1; piece <= body.size(); piece++) {
    EXPECT_EQ(converse(conversation(body, piece), 0), message) << piece;
  }
}

}  // namespace
}  // namespace vivace::net
