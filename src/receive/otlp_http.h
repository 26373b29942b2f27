// OTLP over HTTP (opentelemetry.io/docs/specs/otlp, "OTLP/HTTP"): POST of an
// export request as protobuf. Checks come in the order of Tempo's receiver, so
// that a wrong request gets the same answer: path, Content-Encoding, method,
// Content-Type, body. Refusals after the media type is known are google.rpc
// Status messages in the sender's encoding; `limit` and `unavailable` carry
// Retry-After.
#pragma once

#include <cstdint>
#include <string>

#include "net/http.h"
#include "receive/receive.h"

namespace vivace::receive {

struct OtlpHttpOptions {
  std::string traces_path = "/v1/traces";
  bool multitenancy = false;  // then X-Scope-OrgID names the tenant, and must be there
  int64_t retry_after_s = 1;  // told to clients that are refused for now
};

// The handler of the listener. `sink` must outlive the server.
net::Handler otlp_http_handler(OtlpHttpOptions options, Sink sink);

}  // namespace vivace::receive
