// One call becomes one Received; its outcome becomes the call's status. Runs on io threads, the
// answer on whichever thread the sink calls back from.
#include "receive/otlp_grpc.h"

#include <memory>
#include <utility>

#include <fmt/format.h>

#include "receive/status.h"
#include "receive/tenant.h"

namespace vivace::receive {
namespace {

constexpr std::string_view kLimitKey =
    "max_recv_msg_size_mib of distributor.receivers.otlp.protocols.grpc";

// Too large is RESOURCE_EXHAUSTED here, and invalid over HTTP.
net::GrpcStatus status_of(const Error& error, int64_t retry_after_s) {
  net::GrpcStatus status{.code = error.code == Code::too_large ? 8 : grpc_code(error.code),
                         .message = error.message};
  const int64_t after_s = retry_after(error, retry_after_s);
  if (after_s > 0) status.details = status_message(error, after_s);
  return status;
}

net::GrpcOptions grpc_options(const OtlpGrpcOptions& options) {
  const Error no_room{Code::limit, "too many messages in flight; try again later"};
  return {.message_bytes_max = options.message_bytes_max,
          .limit_key = std::string(kLimitKey),
          .no_room = status_of(no_room, options.retry_after_s)};
}

// In grpc-go's words.
Error unreadable(const Error& error, size_t bytes_max) {
  if (error.code == Code::too_large) {
    return {Code::too_large,
            fmt::format("grpc: received message after decompression larger than max {}; the limit "
                        "is {}",
                        bytes_max, kLimitKey)};
  }
  return {Code::internal, "grpc: error unmarshalling request: " + error.message};
}

class TraceService {
 public:
  TraceService(const OtlpGrpcOptions& options, Sink sink)
      : options_(options), sink_(std::move(sink)) {}

  void take(net::GrpcCall call, net::GrpcResponder responder) const {
    const int64_t retry_after_s = options_.retry_after_s;
    auto tenant = tenant_of(call.header("x-scope-orgid"), options_.multitenancy);
    if (!tenant) return std::move(responder).fail(status_of(tenant.error(), retry_after_s));
    sink_({.tenant = std::move(*tenant),
           .encoding = call.encoding,
           .body = std::move(call.message),
           .body_room = std::move(call.room),
           .unpacked_bytes_max = static_cast<size_t>(options_.message_bytes_max),
           .unreadable = unreadable,
           .timeout = call.timeout,
           .stop = std::move(call.stop)},
          [responder = std::move(responder), retry_after_s](Result<Outcome> outcome) mutable {
            if (outcome) {
              std::move(responder).reply(export_response(*outcome));
            } else {
              std::move(responder).fail(status_of(outcome.error(), retry_after_s));
            }
          });
  }

 private:
  const OtlpGrpcOptions options_;
  const Sink sink_;
};

}  // namespace

net::Handler otlp_grpc_handler(const OtlpGrpcOptions& options, Sink sink) {
  auto service = std::make_shared<const TraceService>(options, std::move(sink));
  return net::grpc_handler({{std::string(kOtlpGrpcExport),
                             [service](net::GrpcCall call, net::GrpcResponder responder) {
                               service->take(std::move(call), std::move(responder));
                             }}},
                           grpc_options(options));
}

int64_t otlp_grpc_body_bytes_max(const OtlpGrpcOptions& options) {
  return net::grpc_body_bytes_max(grpc_options(options));
}

}  // namespace vivace::receive
