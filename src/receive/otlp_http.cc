// The checks; what happens to the body is the sink's matter. Runs on io threads; answers go out
// from whichever thread the sink calls back on.
#include "receive/otlp_http.h"

#include <algorithm>
#include <memory>
#include <optional>

#include <fmt/format.h>

#include "receive/cors.h"
#include "receive/otlp_answers.h"
#include "receive/tenant.h"
#include "receive/text.h"

namespace vivace::receive {
namespace {

using net::Request;
using net::Responder;
using net::Response;

// By media type, without its parameters; empty for others.
std::optional<BodyFormat> body_format(const Request& request) {
  const std::string_view value = request.header("content-type");
  const std::string type = lower(trim(value.substr(0, value.find(';'))));
  if (type == kProtobufType) return BodyFormat::otlp_protobuf;
  if (type == kJsonType) return BodyFormat::otlp_json;
  return std::nullopt;
}

Response plain(int status, std::string text) {
  return {.status = status, .headers = {{"content-type", "text/plain"}}, .body = std::move(text)};
}

// Whether the body is there.
Result<void> check_body(net::BodyState state) {
  switch (state) {
    case net::BodyState::complete:
      return {};
    case net::BodyState::too_large:
      return fail(Code::invalid_argument, "http: request body too large");
    case net::BodyState::no_room:
      return fail(Code::limit, "too many request bodies in flight; try again later");
  }
  return {};
}

class OtlpHttp {
 public:
  OtlpHttp(OtlpHttpOptions options, Sink sink)
      : options_(std::move(options)), cors_(options_.cors), sink_(std::move(sink)) {}

  void handle(Request request, Responder responder) const {
    std::vector<net::Header> headers = headers_for(request);
    BodyFormat format{};
    auto received = read(request, format);
    if (!received) {
      return send(std::move(responder), std::move(received).error(), std::move(headers));
    }
    sink_(std::move(*received), [responder = std::move(responder), headers = std::move(headers),
                                 format, retry_after_s = options_.retry_after_s](
                                    Result<Outcome> outcome) mutable {
      send(std::move(responder),
           outcome ? success(format, *outcome) : refusal(format, outcome.error(), retry_after_s),
           std::move(headers));
    });
  }

 private:
  // What goes with the answer, whatever it is.
  std::vector<net::Header> headers_for(const Request& request) const {
    std::vector<net::Header> out;
    if (!cors_.is_preflight(request)) cors_.add_headers(request, out);
    for (const auto& [name, value] : options_.response_headers) {
      const bool is_set = std::ranges::find(out, name, &net::Header::name) != out.end();
      if (!is_set) out.push_back({name, value});
    }
    return out;
  }

  static void send(Responder responder, Response response, std::vector<net::Header> headers) {
    for (net::Header& header : headers) {
      const bool is_set = std::ranges::find(response.headers, header.name, &net::Header::name) !=
                          response.headers.end();
      if (!is_set) response.headers.push_back(std::move(header));
    }
    std::move(responder).send(std::move(response));
  }

  Result<ContentEncoding> content_encoding(const Request& request) const {
    const std::string_view sent = request.header("content-encoding");
    const auto encoding = content_encoding_of(lower(trim(sent)));
    if (encoding && is_taken(*encoding)) return *encoding;
    return fail(Code::invalid_argument, fmt::format("unsupported Content-Encoding: {}", sent));
  }

  bool is_taken(ContentEncoding encoding) const {
    const auto& names = options_.compression_algorithms;
    return names.empty() || std::ranges::any_of(names, [encoding](const std::string& name) {
             return content_encoding_of(name) == encoding;
           });
  }

  // The checks in their order; an answer when one fails.
  std::expected<Received, Response> read(Request& request, BodyFormat& format) const {
    const auto refused = [this, &format](const Error& error) {
      return std::unexpected(refusal(format, error, options_.retry_after_s));
    };
    if (request.path != options_.traces_path) {
      return std::unexpected(plain(404, "404 page not found\n"));
    }
    if (cors_.is_preflight(request)) return std::unexpected(cors_.preflight(request));
    const auto named = body_format(request);
    format = named.value_or(BodyFormat::otlp_json);
    const auto encoding = content_encoding(request);
    if (!encoding) {
      if (named) return refused(encoding.error());
      return std::unexpected(
          Response{.status = 500,
                   .headers = {{"content-type", std::string(kJsonType)}},
                   .body = R"({"code": 13, "message": "failed to marshal error message"})"});
    }
    if (request.method != "POST") {
      return std::unexpected(plain(405, "405 method not allowed, supported: [POST]"));
    }
    if (!named) {
      return std::unexpected(plain(
          415,
          "415 unsupported media type, supported: [application/json, application/x-protobuf]"));
    }
    if (const auto there = check_body(request.body_state); !there) return refused(there.error());
    auto tenant = tenant_of(request.header("x-scope-orgid"), options_.multitenancy);
    if (!tenant) return refused(tenant.error());
    return Received{.tenant = std::move(*tenant),
                    .encoding = settle(*encoding, request.body),
                    .format = format,
                    .body = std::move(request.body),
                    .body_room = std::move(request.body_room)};
  }

  const OtlpHttpOptions options_;
  const Cors cors_;
  const Sink sink_;
};

}  // namespace

net::Handler otlp_http_handler(OtlpHttpOptions options, Sink sink) {
  auto receiver = std::make_shared<const OtlpHttp>(std::move(options), std::move(sink));
  return [receiver = std::move(receiver)](Request request, Responder responder) {
    receiver->handle(std::move(request), std::move(responder));
  };
}

}  // namespace vivace::receive
