// JSON is written here, protobuf mostly in status.h, which gRPC shares. Field numbers and names are
// those of the contract; see otlp_answers.h. Any thread.
#include "receive/otlp_answers.h"

#include <fmt/format.h>
#include <protozero/pbf_writer.hpp>

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

std::string status_protobuf(const Error& error) {
  std::string out;
  protozero::pbf_writer status(out);
  status.add_int32(1, grpc_code(error.code));
  status.add_string(2, error.message);
  return out;
}

std::string status_json(const Error& error) {
  std::string out = fmt::format(R"({{"code":{},"message":)", grpc_code(error.code));
  append_json_string(out, error.message);
  return out += '}';
}

}  // namespace

net::Response success(BodyFormat format, const Outcome& outcome) {
  const bool is_json = format == BodyFormat::otlp_json;
  return answer(format, 200, is_json ? success_json(outcome) : export_response(outcome));
}

net::Response refusal(BodyFormat format, const Error& error, int64_t retry_after_s) {
  const bool is_json = format == BodyFormat::otlp_json;
  net::Response out = answer(format, otlp_http_status(error.code),
                             is_json ? status_json(error) : status_protobuf(error));
  if (may_pass_later(error.code)) {
    out.headers.push_back({"retry-after", fmt::to_string(retry_after_s)});
  }
  return out;
}

}  // namespace vivace::receive
