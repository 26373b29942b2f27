// Unary gRPC calls (grpc.io, "gRPC over HTTP2") as a layer over Request and Response, whatever
// carried them: a call is a POST whose body is one frame, its answer a body of one frame and the
// status in the trailers.
//
//   frame:  compressed 1 byte (0, 1) | length 4 bytes, big-endian | message
//
//   auto handler = net::grpc_handler({{"/pkg.Service/Method", method}}, options);
//   TRY(server.listen({..., .body_bytes_max = net::grpc_body_bytes_max(options)}, handler));
//
// Messages are handed on as they came, still packed: io threads unpack nothing. Answers are never
// packed, which every client takes. A message past the limit is refused by its length as sent; who
// unpacks it checks that size too. Errors that are found here carry grpc-go's code and text, since
// that is what clients and their users know.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/budget.h"
#include "net/http.h"
#include "wire/compression.h"

namespace vivace::net {

// The codes that this layer gives itself (google.rpc.Code).
enum class GrpcCode : uint8_t {
  ok = 0,
  deadline_exceeded = 4,
  resource_exhausted = 8,
  unimplemented = 12,
  internal = 13,
  unavailable = 14
};

struct GrpcStatus {
  int code = 0;
  std::string message = {};
  std::string details = {};  // a google.rpc.Status for grpc-status-details-bin; empty: none
};

struct GrpcCall {
  std::vector<Header> metadata;
  ContentEncoding encoding = ContentEncoding::identity;  // of `message`
  std::string message;
  Reservation room;  // the message's share of the budget
  // How long the client waits, from about now; none when it did not say.
  std::optional<std::chrono::nanoseconds> timeout;
  std::stop_token stop;  // requested when the client gave up

  // The first value of that (lower-case) name; empty when absent.
  std::string_view header(std::string_view name) const;
};

// Move-only owner of one call's answer; one that dies unanswered answers `internal`.
class GrpcResponder {
 public:
  explicit GrpcResponder(Responder responder) : responder_(std::move(responder)) {}
  GrpcResponder(GrpcResponder&&) noexcept = default;
  GrpcResponder& operator=(GrpcResponder&&) = delete;
  ~GrpcResponder();

  // `message` is a serialized protobuf message.
  void reply(std::string_view message) &&;
  void fail(const GrpcStatus& status) &&;

 private:
  Responder responder_;
};

// Runs as a Handler does: on the io thread, and must not block.
using GrpcMethod = std::function<void(GrpcCall, GrpcResponder)>;

struct GrpcOptions {
  int64_t message_bytes_max = 4 << 20;
  std::string limit_key = {};  // the setting that raises it, named to whoever sends more
  // What a call is refused with when the budget for bodies stayed full.
  GrpcStatus no_room = {.code = 8, .message = "too many messages in flight; try again later"};
};

// The handler of a listener that serves these methods, by path.
Handler grpc_handler(std::map<std::string, GrpcMethod, std::less<>> methods, GrpcOptions options);

// A listener's limit that lets through the largest message in its frame.
inline int64_t grpc_body_bytes_max(const GrpcOptions& options) {
  return options.message_bytes_max + 5;
}

// The pieces, for tests and for whoever streams.

// The trailers of a status. Messages are percent-encoded, details base64 without padding.
std::vector<Header> grpc_trailers(const GrpcStatus& status);
// One frame, not packed.
std::string grpc_frame(std::string_view message);
// The value of a grpc-timeout header: up to eight digits and one of H M S m u n. None when it is
// malformed.
std::optional<std::chrono::nanoseconds> parse_grpc_timeout(std::string_view text);

}  // namespace vivace::net
