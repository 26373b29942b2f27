// JSON is written here, protobuf mostly in status.h, which gRPC shares. Field numbers and names are
// those of the contract; see otlp_answers.h. Any thread.
#include "receive/otlp_answers.h"

#include <fmt/format.h>

#include "receive/status.h"
#include "wire/json.h"

namespace vivace::receive {
namespace {

net::Response answer(BodyFormat format, int status, std::string body) {
  const bool is_json = format == BodyFormat::otlp_json;
  return {.status = status,
          .headers = {{"content-type", std::string(is_json ? kJsonType : kProtobufType)}},
          .body = std::move(body)};
}

std::string success_json(const Outcome& outcome) {
  std::string out = R"({"partialSuccess":{)";
  if (outcome.rejected_spans != 0) {
    out += R"("rejectedSpans":)";
    append_json_int64(out, outcome.rejected_spans);
    out += R"(,"errorMessage":)";
    append_json_string(out, outcome.message);
  }
  return out += "}}";
}

std::string status_json(const Error& error, int64_t retry_after_s) {
  std::string out = fmt::format(R"({{"code":{},"message":)", grpc_code(error.code));
  append_json_string(out, error.message);
  if (retry_after_s > 0) {
    out += fmt::format(R"(,"details":[{{"@type":"type.googleapis.com/google.rpc.RetryInfo",)"
                       R"("retryDelay":"{}s"}}])",
                       retry_after_s);
  }
  return out += '}';
}

}  // namespace

net::Response success(BodyFormat format, const Outcome& outcome) {
  const bool is_json = format == BodyFormat::otlp_json;
  return answer(format, 200, is_json ? success_json(outcome) : export_response(outcome));
}

net::Response refusal(BodyFormat format, const Error& error, int64_t retry_after_s) {
  const bool is_json = format == BodyFormat::otlp_json;
  const int64_t after_s = retry_after(error, retry_after_s);
  net::Response out =
      answer(format, otlp_http_status(error.code),
             is_json ? status_json(error, after_s) : status_message(error, after_s));
  if (after_s > 0) out.headers.push_back({"retry-after", fmt::to_string(after_s)});
  return out;
}

}  // namespace vivace::receive
