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

// Whether the same request may pass later, so that its sender is told when to come again.
bool may_pass_later(Code code);

// A google.rpc.Status with a RetryInfo.
std::string retry_status(const Error& error, int64_t retry_after_s);

// An ExportTraceServiceResponse, whose partial_success is always there.
std::string export_response(const Outcome& outcome);

}  // namespace vivace::receive
