// The checks and the answers of OTLP over HTTP; what happens to the body is the
// sink's matter. Runs on io threads: nothing here looks at more than the head
// of a request.
#include "receive/otlp_http.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>
#include <protozero/pbf_writer.hpp>

#include "receive/status.h"
#include "receive/tenant.h"

namespace vivace::receive {
namespace {

using net::Request;
using net::Responder;
using net::Response;

constexpr std::string_view kProtobuf = "application/x-protobuf";
constexpr std::string_view kJson = "application/json";

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return out;
}

std::string_view trim(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// The media type without its parameters.
std::string media_type(const Request& request) {
  const std::string_view value = request.header("content-type");
  return lower(trim(value.substr(0, value.find(';'))));
}

Result<ContentEncoding> content_encoding(const Request& request) {
  const std::string name = lower(trim(request.header("content-encoding")));
  if (name.empty() || name == "identity") return ContentEncoding::identity;
  if (name == "gzip" || name == "x-gzip") return ContentEncoding::gzip;
  return fail(Code::invalid_argument,
              fmt::format("unsupported Content-Encoding: {}", request.header("content-encoding")));
}

Response plain(int status, std::string text) {
  return {.status = status, .headers = {{"content-type", "text/plain"}}, .body = std::move(text)};
}

// A google.rpc.Status: code 1, message 2.
Response refusal(const Error& error, int64_t retry_after_s) {
  Response out{.status = otlp_http_status(error.code),
               .headers = {{"content-type", std::string(kProtobuf)}},
               .body = {}};
  if (may_pass_later(error.code)) {
    out.headers.push_back({"retry-after", fmt::format("{}", retry_after_s)});
  }
  protozero::pbf_writer status(out.body);
  status.add_int32(1, grpc_code(error.code));
  status.add_string(2, error.message);
  return out;
}

Response success(const Outcome& outcome) {
  return {.headers = {{"content-type", std::string(kProtobuf)}}, .body = export_response(outcome)};
}

// What is wrong with a request before its body is looked at; empty when nothing
// is.
std::optional<Response> check(const Request& request, const OtlpHttpOptions& options,
                              Result<ContentEncoding>& encoding) {
  if (request.path != options.traces_path) return plain(404, "404 page not found\n");
  const std::string type = media_type(request);
  encoding = content_encoding(request);
  if (!encoding) {
    if (type == kProtobuf) return refusal(encoding.error(), options.retry_after_s);
    return Response{.status = 500,
                    .headers = {{"content-type", std::string(kJson)}},
                    .body = R"({"code": 13, "message": "failed to marshal error message"})"};
  }
  if (request.method != "POST") return plain(405, "405 method not allowed, supported: [POST]");
  if (type != kProtobuf) {
    return plain(415, "415 unsupported media type, supported: [application/x-protobuf]");
  }
  switch (request.body_state) {
    case net::BodyState::complete:
      return std::nullopt;
    case net::BodyState::too_large:
      return refusal({Code::invalid_argument, "http: request body too large"},
                     options.retry_after_s);
    case net::BodyState::no_room:
      return refusal({Code::limit, "too many request bodies in flight; try again later"},
                     options.retry_after_s);
  }
  return std::nullopt;
}

}  // namespace

net::Handler otlp_http_handler(OtlpHttpOptions options, Sink sink) {
  return
      [options = std::move(options), sink = std::move(sink)](Request request, Responder responder) {
        Result<ContentEncoding> encoding;
        if (auto wrong = check(request, options, encoding)) {
          return std::move(responder).send(std::move(*wrong));
        }
        auto tenant = tenant_of(request.header("x-scope-orgid"), options.multitenancy);
        if (!tenant) {
          return std::move(responder).send(refusal(tenant.error(), options.retry_after_s));
        }
        sink({.tenant = std::move(*tenant),
              .encoding = *encoding,
              .body = std::move(request.body),
              .body_room = std::move(request.body_room)},
             [responder = std::move(responder),
              retry_after_s = options.retry_after_s](Result<Outcome> outcome) mutable {
               std::move(responder).send(outcome ? success(*outcome)
                                                 : refusal(outcome.error(), retry_after_s));
             });
      };
}

}  // namespace vivace::receive
