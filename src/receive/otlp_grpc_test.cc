// OTLP over gRPC through the handler with a sink that answers as told: what reaches the sink, and
// which status and details a sender gets for each outcome (ingest contract, 3, 4.3 and 5.2).
#include "receive/otlp_grpc.h"

#include <memory>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/testing/fake_exchange.h"
#include "receive/status.h"

namespace vivace::receive {
namespace {

using net::FakeAnswer;
using net::Header;
using ::testing::IsEmpty;
using ::testing::SizeIs;

net::Request call_of(const std::string& message, std::vector<Header> headers = {}) {
  net::Request out = net::fake_request(kOtlpGrpcExport, std::move(headers));
  out.method = "POST";
  out.http2 = true;
  out.headers.push_back({"content-type", "application/grpc"});
  out.body = net::grpc_frame(message);
  return out;
}

std::string trailer(const FakeAnswer& answer, std::string_view name) {
  for (const Header& h : answer.response.trailers) {
    if (h.name == name) return h.value;
  }
  return {};
}

// The details as a client unpacks them.
std::string details_of(const FakeAnswer& answer) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  unsigned bits = 0;
  int held = 0;
  for (const char c : trailer(answer, "grpc-status-details-bin")) {
    bits = bits << 6 | static_cast<unsigned>(kAlphabet.find(c));
    held += 6;
    if (held < 8) continue;
    held -= 8;
    out.push_back(static_cast<char>(bits >> held & 0xff));
  }
  return out;
}

class OtlpGrpc : public testing::Test {
 protected:
  FakeAnswer send(net::Request request) {
    const net::Handler handler = otlp_grpc_handler(options, [this](Received got, Done done) {
      received.push_back(std::move(got));
      done(outcome);
    });
    return net::ask(handler, std::move(request));
  }

  OtlpGrpcOptions options;
  Result<Outcome> outcome = Outcome();
  std::vector<Received> received;
};

TEST_F(OtlpGrpc, AMessageGoesToTheSinkAsItCame) {
  Budget bodies("bodies", 1000);
  std::stop_source stop;
  net::Request request =
      call_of("any bytes", {{"grpc-timeout", "5S"}, {"x-scope-orgid", "not/valid"}});
  request.body_room = *bodies.try_reserve(30);
  request.stop = stop.get_token();
  const FakeAnswer answer = send(std::move(request));
  EXPECT_EQ(trailer(answer, "grpc-status"), "0");
  EXPECT_EQ(answer.body(), std::string("\0\0\0\0\2\x0a\0", 7)) << "an empty partial_success";
  ASSERT_THAT(received, SizeIs(1));
  EXPECT_EQ(received[0].tenant, "single-tenant");
  EXPECT_EQ(received[0].encoding, ContentEncoding::identity);
  EXPECT_EQ(received[0].body, "any bytes");
  EXPECT_EQ(received[0].body_room.bytes(), 30);
  EXPECT_EQ(received[0].unpacked_bytes_max, 4U << 20);
  EXPECT_EQ(received[0].timeout, std::chrono::seconds(5));
  EXPECT_FALSE(received[0].stop.stop_requested());
  stop.request_stop();
  EXPECT_TRUE(received[0].stop.stop_requested());
}

TEST_F(OtlpGrpc, PackedMessagesStayPacked) {
  net::Request request = call_of("zipped", {{"grpc-encoding", "gzip"}});
  request.body[0] = 1;
  send(std::move(request));
  ASSERT_THAT(received, SizeIs(1));
  EXPECT_EQ(received[0].encoding, ContentEncoding::gzip);
  EXPECT_EQ(received[0].body, "zipped");
}

TEST_F(OtlpGrpc, RefusedSpansAreAPartialSuccess) {
  outcome = Outcome{.rejected_spans = 3, .message = "why"};
  const FakeAnswer answer = send(call_of("x"));
  EXPECT_EQ(trailer(answer, "grpc-status"), "0");
  EXPECT_EQ(answer.body(), net::grpc_frame("\x0a\x07\x08\x03\x12\x03why"));
}

TEST_F(OtlpGrpc, MetricsAndLogsHaveNoService) {
  for (const char* signal : {"metrics.v1.MetricsService", "logs.v1.LogsService"}) {
    net::Request request = call_of("x");
    request.path = std::string("/opentelemetry.proto.collector.") + signal + "/Export";
    EXPECT_EQ(trailer(send(std::move(request)), "grpc-status"), "12") << signal;
  }
  EXPECT_THAT(received, IsEmpty());
}

struct Row {
  Code code;
  const char* status;
  bool retry;
};
constexpr Row kRows[] = {
    {Code::invalid_argument, "3", false},
    {Code::too_large, "8", false},
    {Code::unauthenticated, "16", false},
    {Code::corrupt, "15", false},
    {Code::io, "14", true},
    {Code::limit, "8", true},
    {Code::cancelled, "1", false},
    {Code::deadline_exceeded, "4", false},
    {Code::unavailable, "14", true},
    {Code::internal, "13", false},
};

TEST_F(OtlpGrpc, ErrorsOfThePipelineByTheirCodes) {
  options.retry_after_s = 5;
  for (const Row& row : kRows) {
    outcome = fail(row.code, "what went wrong");
    const FakeAnswer answer = send(call_of("x"));
    EXPECT_EQ(answer.body(), "");
    EXPECT_EQ(trailer(answer, "grpc-status"), row.status);
    EXPECT_EQ(trailer(answer, "grpc-message"), "what went wrong");
    EXPECT_EQ(details_of(answer), row.retry ? status_message(outcome.error(), 5) : "")
        << row.status;
  }
}

TEST_F(OtlpGrpc, NobodyIsToldWhenToComeAgainIfThatIsOff) {
  options.retry_after_s = 0;
  outcome = fail(Code::limit, "later");
  const FakeAnswer answer = send(call_of("x"));
  EXPECT_EQ(trailer(answer, "grpc-status"), "8");
  EXPECT_EQ(trailer(answer, "grpc-status-details-bin"), "");
}

TEST(StatusMessage, Bytes) {
  EXPECT_EQ(status_message({Code::limit, "m"}, 0), "\x08\x08\x12\x01m");
  EXPECT_EQ(status_message({Code::limit, "m"}, 7),
            "\x08\x08\x12\x01m\x1a\x30\x0a\x28type.googleapis.com/google.rpc.RetryInfo"
            "\x12\x04\x0a\x02\x08\x07");
}

TEST_F(OtlpGrpc, AFullBudgetSaysWhenToComeAgain) {
  net::Request request = call_of("x");
  request.body = "";
  request.body_state = net::BodyState::no_room;
  const FakeAnswer answer = send(std::move(request));
  EXPECT_EQ(trailer(answer, "grpc-status"), "8");
  EXPECT_EQ(details_of(answer),
            status_message({Code::limit, "too many messages in flight; try again later"}, 1));
}

TEST_F(OtlpGrpc, LimitsAreToldWithTheirKey) {
  options.message_bytes_max = 10;
  EXPECT_EQ(otlp_grpc_body_bytes_max(options), 15);
  const FakeAnswer answer = send(call_of("01234567890"));
  EXPECT_EQ(trailer(answer, "grpc-status"), "8");
  EXPECT_EQ(trailer(answer, "grpc-status-details-bin"), "") << "senders must not repeat it";
  EXPECT_EQ(trailer(answer, "grpc-message"),
            "grpc: received message larger than max (11 vs. 10); the limit is "
            "max_recv_msg_size_mib of distributor.receivers.otlp.protocols.grpc");
  EXPECT_THAT(received, IsEmpty());
}

TEST_F(OtlpGrpc, UnreadableMessagesInGrpcsWords) {
  send(call_of("x"));
  ASSERT_THAT(received, SizeIs(1));
  const Error wrong = received[0].unreadable({Code::invalid_argument, "bad id"}, 10);
  EXPECT_EQ(wrong.code, Code::internal);
  EXPECT_EQ(wrong.message, "grpc: error unmarshalling request: bad id");
  const Error large = received[0].unreadable({Code::too_large, "whatever"}, 10);
  EXPECT_EQ(large.code, Code::too_large);
  EXPECT_THAT(large.message, testing::StartsWith(
                                 "grpc: received message after decompression larger than max 10;"));
}

TEST_F(OtlpGrpc, MultitenancyNeedsTheMetadata) {
  options.multitenancy = true;
  const FakeAnswer answer = send(call_of("x"));
  EXPECT_EQ(trailer(answer, "grpc-status"), "3");
  EXPECT_EQ(trailer(answer, "grpc-message"), "no org id");
  EXPECT_EQ(trailer(send(call_of("x", {{"x-scope-orgid", "a/b"}})), "grpc-status"), "3");
  EXPECT_THAT(received, IsEmpty());
  EXPECT_EQ(trailer(send(call_of("x", {{"x-scope-orgid", "a"}})), "grpc-status"), "0");
  ASSERT_THAT(received, SizeIs(1));
  EXPECT_EQ(received[0].tenant, "a");
}

}  // namespace
}  // namespace vivace::receive
