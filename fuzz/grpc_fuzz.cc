// A gRPC call of any bytes: three lines (path, grpc-timeout, grpc-encoding), the rest is the body.
// The first byte: bit 0, over HTTP/1.1; bit 1, the body was too large and only its start is left;
// bit 2, the budget was full; bit 3, another media type; bit 4, the call is of the method that
// exists, whatever the path says.
//
// Each call is answered once. What reaches the method is one message within the limit, as the frame
// said; what does not is told in trailers that HTTP can carry and that decode to words of ours.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/grpc.h"

namespace vivace::net {
namespace {

constexpr int64_t kMessageBytesMax = 64;
constexpr const char* kPath = "/pkg.Service/Method";

class OneAnswer final : public Exchange {
 public:
  void respond(Response response) override {
    ASSERT(!answer);
    answer = std::move(response);
  }
  void begin(Response) override { ASSERT(false); }
  bool write(std::string) override { return false; }
  void end(std::vector<Header>) override { ASSERT(false); }

  std::optional<Response> answer;
};

std::string take_line(std::string_view& input) {
  const size_t end = std::min(input.find('\n'), input.size());
  std::string line(input.substr(0, end));
  input.remove_prefix(std::min(end + 1, input.size()));
  return line;
}

void check_trailers(const Response& answer, bool called) {
  ASSERT(!answer.trailers.empty() && answer.trailers[0].name == "grpc-status");
  ASSERT((answer.trailers[0].value == "0") == called);
  for (const Header& h : answer.trailers) {
    for (const char c : h.value) ASSERT(c >= ' ' && c <= '~');
    std::string decoded;
    if (h.name == "grpc-message") ASSERT(percent_decode(h.value, decoded) && !decoded.empty());
  }
}

void fuzz(std::string_view input) {
  if (input.empty()) return;
  const auto mode = static_cast<uint8_t>(input.front());
  input.remove_prefix(1);
  Request request;
  request.method = "POST";
  request.http2 = (mode & 1) == 0;
  request.path = take_line(input);
  if ((mode & 16) != 0) request.path = kPath;
  request.headers.push_back({"content-type", (mode & 8) == 0 ? "application/grpc" : "text/plain"});
  const std::string timeout = take_line(input);
  if (!timeout.empty()) request.headers.push_back({"grpc-timeout", timeout});
  const std::string encoding = take_line(input);
  if (!encoding.empty()) request.headers.push_back({"grpc-encoding", encoding});
  request.body = input;
  if ((mode & 2) != 0) {
    request.body_state = BodyState::too_large;
    request.body.resize(std::min(request.body.size(), kBodyStartBytes));
  }
  if ((mode & 4) != 0) request.body_state = BodyState::no_room;
  const std::string sent = request.body;

  bool called = false;
  const Handler handler =
      grpc_handler({{kPath,
                     [&](GrpcCall call, GrpcResponder responder) {
                       called = true;
                       ASSERT(static_cast<int64_t>(call.message.size()) <= kMessageBytesMax);
                       ASSERT(sent.substr(1) == grpc_frame(call.message).substr(1));
                       ASSERT((sent[0] == 0) == (call.encoding == ContentEncoding::identity));
                       ASSERT(!call.timeout || call.timeout->count() > 0);
                       std::move(responder).reply("answer");
                     }}},
                   {.message_bytes_max = kMessageBytesMax});
  const auto exchange = std::make_shared<OneAnswer>();
  handler(std::move(request), Responder(exchange));
  ASSERT(exchange->answer);
  if (exchange->answer->status == 200) {
    check_trailers(*exchange->answer, called);
    ASSERT((exchange->answer->body == grpc_frame("answer")) == called);
  } else {
    ASSERT(!called && (mode & 9) != 0);
  }
}

}  // namespace
}  // namespace vivace::net

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  vivace::net::fuzz({reinterpret_cast<const char*>(data), size});
  return 0;
}
