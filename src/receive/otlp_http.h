// OTLP over HTTP (opentelemetry.io/docs/specs/otlp, "OTLP/HTTP"): POST of an export request as
// protobuf or JSON. Checks come in the order of Tempo's receiver, so that a wrong request gets the
// same answer: path, CORS preflight, Content-Encoding, method, Content-Type, body. Refusals after
// the media type is known are google.rpc Status messages in the sender's encoding; `limit` and
// `unavailable` carry Retry-After.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "config/config.h"
#include "net/http.h"
#include "receive/receive.h"

namespace vivace::receive {

struct OtlpHttpOptions {
  std::string traces_path = "/v1/traces";
  bool multitenancy = false;  // then X-Scope-OrgID names the tenant, and must be there
  int64_t retry_after_s = 1;  // told to clients that are refused for now; 0: not
  config::Cors cors = {};
  // The Content-Encodings that are taken, "" for none; empty: all that can be unpacked.
  std::vector<std::string> compression_algorithms = {};
  // Go with every answer that does not set them itself; names in lower case.
  std::map<std::string, std::string> response_headers = {};
};

// The handler of the listener. `sink` must outlive the server.
net::Handler otlp_http_handler(OtlpHttpOptions options, Sink sink);

}  // namespace vivace::receive
