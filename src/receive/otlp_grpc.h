// OTLP over gRPC (opentelemetry.io/docs/specs/otlp, "OTLP/gRPC"): the trace service's Export, as a
// unary call over HTTP/2 without TLS. Metrics and logs have no service here: 12.
//
// Refusals carry gRPC's codes; those that may pass later carry a RetryInfo, without which senders
// drop what was refused with RESOURCE_EXHAUSTED. A message that cannot be read is INTERNAL and one
// that is too large RESOURCE_EXHAUSTED without RetryInfo, as with grpc-go: senders drop both.
#pragma once

#include <cstdint>
#include <string_view>

#include "net/grpc.h"
#include "receive/receive.h"

namespace vivace::receive {

constexpr std::string_view kOtlpGrpcExport =
    "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

struct OtlpGrpcOptions {
  int64_t message_bytes_max = 4 << 20;  // as sent, and again unpacked
  bool multitenancy = false;            // then x-scope-orgid names the tenant, and must be there
  int64_t retry_after_s = 1;            // told to clients that are refused for now; 0: not
};

// For the listener: its handler, and the limit that its bodies need. `sink` must outlive the
// server.
net::Handler otlp_grpc_handler(const OtlpGrpcOptions& options, Sink sink);
int64_t otlp_grpc_body_bytes_max(const OtlpGrpcOptions& options);

}  // namespace vivace::receive
