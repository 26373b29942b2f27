// The answers of OTLP/HTTP, in the form in which the request came: an ExportTraceServiceResponse,
// or the google.rpc.Status of a refusal (ingest contract, 4.2). Pure functions; any thread.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "net/http.h"
#include "receive/receive.h"

namespace vivace::receive {

constexpr std::string_view kProtobufType = "application/x-protobuf";
constexpr std::string_view kJsonType = "application/json";

net::Response success(BodyFormat format, const Outcome& outcome);

// Those that may pass later say when: `retry_after_s`.
net::Response refusal(BodyFormat format, const Error& error, int64_t retry_after_s);

}  // namespace vivace::receive
