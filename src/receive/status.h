// What OTLP senders are told, over HTTP and over gRPC alike: the codes (ingest contract, 4.3), the
// message of a refusal and that of a success. Pure functions; any thread.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "receive/receive.h"

namespace vivace::receive {

int grpc_code(Code code);
int otlp_http_status(Code code);

// When the sender of a refused request should come again: after `retry_after_s` if it may pass
// then, else 0.
int64_t retry_after(const Error& error, int64_t retry_after_s);

// A google.rpc.Status, with a RetryInfo unless `retry_after_s` is 0.
std::string status_message(const Error& error, int64_t retry_after_s);

// An ExportTraceServiceResponse, whose partial_success is always there.
std::string export_response(const Outcome& outcome);

}  // namespace vivace::receive
