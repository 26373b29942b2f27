// What makes a POST a gRPC call, in the order in which it can go wrong: HTTP/2 and media type, the
// timeout, the method, the encoding, the frame. Runs on io threads; looks at five bytes of the
// body.
#include "net/grpc.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "net/http_text.h"

namespace vivace::net {
namespace {

using std::chrono::nanoseconds;

constexpr size_t kFrameHeadBytes = 5;
constexpr size_t kMessageBytesMax = 2048;  // clients bound what headers they take
constexpr std::string_view kGrpc = "application/grpc";

struct Encoding {
  std::string_view name;
  ContentEncoding encoding;
};
// As grpc-encoding names them.
constexpr auto kEncodings = std::to_array<Encoding>({
    {"identity", ContentEncoding::identity},
    {"gzip", ContentEncoding::gzip},
    {"snappy", ContentEncoding::snappy},  // framed, as grpc-go's is
    {"zstd", ContentEncoding::zstd},
});

std::string accepted_encodings() {
  std::string names;
  for (const Encoding& e : kEncodings) {
    if (e.encoding == ContentEncoding::identity) continue;
    if (!names.empty()) names += ',';
    names += e.name;
  }
  return names;
}

std::vector<Header> grpc_headers() {
  return {{"content-type", std::string(kGrpc)}, {"grpc-accept-encoding", accepted_encodings()}};
}

GrpcStatus failure(GrpcCode code, std::string message) {
  return {.code = std::to_underlying(code), .message = std::move(message)};
}

// application/grpc, alone or with +proto or parameters. Other codecs are not spoken.
bool is_grpc(std::string_view content_type) {
  const std::string_view type = content_type.substr(0, content_type.find_first_of("; \t"));
  return equals_ignoring_case(type, kGrpc) || equals_ignoring_case(type, "application/grpc+proto");
}

Response plain(int status, std::string text) {
  return {.status = status, .headers = {{"content-type", kPlainText}}, .body = std::move(text)};
}

// An answer that is not gRPC's, for those who do not speak it.
std::optional<Response> refuse_foreign(const Request& request) {
  if (!request.http2) {
    return plain(400,
                 "this port takes gRPC, which needs HTTP/2; OTLP over HTTP has its own port\n");
  }
  if (request.method != "POST") return plain(405, "a gRPC call is a POST\n");
  if (!is_grpc(request.header("content-type"))) {
    return plain(415, "this port takes gRPC: the content-type must be application/grpc\n");
  }
  return std::nullopt;
}

uint32_t frame_length(std::string_view frame) {
  uint32_t length = 0;
  for (size_t i = 1; i < kFrameHeadBytes; i++) {
    length = length << 8 | static_cast<uint8_t>(frame[i]);
  }
  return length;
}

GrpcStatus unknown_method(std::string_view path) {
  const size_t slash = path.rfind('/');
  if (!path.starts_with('/') || slash == 0) {
    return failure(GrpcCode::unimplemented, fmt::format("malformed method name: \"{}\"", path));
  }
  return failure(GrpcCode::unimplemented,
                 fmt::format("unknown service {} or method {}", path.substr(1, slash - 1),
                             path.substr(slash + 1)));
}

class Service {
 public:
  Service(std::map<std::string, GrpcMethod, std::less<>> methods, GrpcOptions options)
      : methods_(std::move(methods)), options_(std::move(options)) {}

  void serve(Request request, Responder responder) const {
    if (auto foreign = refuse_foreign(request)) {
      return std::move(responder).send(std::move(*foreign));
    }
    GrpcResponder answer(std::move(responder));
    GrpcCall call;
    if (auto wrong = read_head(request, call)) return std::move(answer).fail(*wrong);
    const auto method = methods_.find(request.path);
    if (method == methods_.end()) return std::move(answer).fail(unknown_method(request.path));
    if (auto wrong = read_message(request, call)) return std::move(answer).fail(*wrong);
    call.metadata = std::move(request.headers);
    call.stop = std::move(request.stop);
    method->second(std::move(call), std::move(answer));
  }

 private:
  static std::optional<GrpcStatus> read_head(const Request& request, GrpcCall& call) {
    if (!request.has_header("grpc-timeout")) return std::nullopt;
    const std::string_view text = request.header("grpc-timeout");
    const auto timeout = parse_grpc_timeout(text);
    if (!timeout) {
      return failure(GrpcCode::internal, fmt::format("malformed grpc-timeout: \"{}\"", text));
    }
    call.timeout = timeout;
    if (timeout->count() > 0) return std::nullopt;
    return failure(GrpcCode::deadline_exceeded, "the deadline had passed on arrival");
  }

  std::optional<GrpcStatus> read_message(Request& request, GrpcCall& call) const {
    const std::string_view name = request.header("grpc-encoding");
    const auto* const encoding = std::ranges::find(kEncodings, name, &Encoding::name);
    if (encoding == kEncodings.end() && !name.empty()) {
      return failure(
          GrpcCode::unimplemented,
          fmt::format("grpc: Decompressor is not installed for grpc-encoding \"{}\"", name));
    }
    if (auto wrong = check_frame(request)) return wrong;
    if (request.body.front() == 1) {
      if (encoding == kEncodings.end() || encoding->encoding == ContentEncoding::identity) {
        return failure(GrpcCode::internal,
                       "grpc: compressed flag set with identity or empty encoding");
      }
      call.encoding = encoding->encoding;
    }
    request.body.erase(0, kFrameHeadBytes);
    call.message = std::move(request.body);
    call.room = std::move(request.body_room);
    return std::nullopt;
  }

  std::optional<GrpcStatus> check_frame(const Request& request) const {
    if (request.body_state == BodyState::no_room) return options_.no_room;
    const bool too_large = request.body_state == BodyState::too_large;
    if (request.body.size() < kFrameHeadBytes) {
      if (too_large) return message_too_large(declared_length(request));
      return failure(GrpcCode::internal,
                     request.body.empty() ? "grpc: the call has no message" : "unexpected EOF");
    }
    const auto flag = static_cast<uint8_t>(request.body.front());
    if (flag > 1) {
      return failure(GrpcCode::internal,
                     fmt::format("grpc: received unexpected payload format {}", flag));
    }
    const uint32_t length = frame_length(request.body);
    if (length > options_.message_bytes_max) return message_too_large(length);
    const size_t rest = request.body.size() - kFrameHeadBytes;
    if (too_large || rest > length) {
      return failure(GrpcCode::internal, "grpc: a unary call carries one message, more came");
    }
    if (rest < length) return failure(GrpcCode::internal, "unexpected EOF");
    return std::nullopt;
  }

  // Of a body that was refused by its content-length, before a byte of it came.
  static int64_t declared_length(const Request& request) {
    const std::string_view text = request.header("content-length");
    int64_t length = 0;
    std::from_chars(text.data(), text.data() + text.size(), length);
    return length - static_cast<int64_t>(kFrameHeadBytes);
  }

  GrpcStatus message_too_large(int64_t length) const {
    std::string text = fmt::format("grpc: received message larger than max ({} vs. {})", length,
                                   options_.message_bytes_max);
    if (!options_.limit_key.empty()) text += fmt::format("; the limit is {}", options_.limit_key);
    return failure(GrpcCode::resource_exhausted, std::move(text));
  }

  const std::map<std::string, GrpcMethod, std::less<>> methods_;
  const GrpcOptions options_;
};

// A trailer's value is visible ASCII and spaces; all else, and '%', is %XX.
std::string percent_encode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (c >= ' ' && c <= '~' && c != '%') {
      out.push_back(c);
    } else {
      fmt::format_to(std::back_inserter(out), "%{:02X}", static_cast<uint8_t>(c));
    }
  }
  return out;
}

std::string base64_without_padding(std::string_view bytes) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve(bytes.size() * 4 / 3 + 1);
  uint32_t bits = 0;
  int held = 0;
  for (const char c : bytes) {
    bits = (bits << 8 | static_cast<uint8_t>(c)) & 0xffff;
    for (held += 8; held >= 6;) {
      held -= 6;
      out.push_back(kAlphabet[bits >> held & 63]);
    }
  }
  if (held > 0) out.push_back(kAlphabet[bits << (6 - held) & 63]);
  return out;
}

}  // namespace

std::string_view GrpcCall::header(std::string_view name) const {
  const auto at = std::ranges::find(metadata, name, &Header::name);
  return at == metadata.end() ? std::string_view() : at->value;
}

GrpcResponder::~GrpcResponder() {
  if (!responder_.owes_answer()) return;
  std::move(*this).fail(failure(GrpcCode::internal, "the call was dropped without an answer"));
}

void GrpcResponder::reply(std::string_view message) && {
  std::move(responder_)
      .send(
          {.headers = grpc_headers(), .body = grpc_frame(message), .trailers = grpc_trailers({})});
}

void GrpcResponder::fail(const GrpcStatus& status) && {
  std::move(responder_).send({.headers = grpc_headers(), .trailers = grpc_trailers(status)});
}

Handler grpc_handler(std::map<std::string, GrpcMethod, std::less<>> methods, GrpcOptions options) {
  return [service = Service(std::move(methods), std::move(options))](Request request,
                                                                     Responder responder) {
    service.serve(std::move(request), std::move(responder));
  };
}

std::vector<Header> grpc_trailers(const GrpcStatus& status) {
  std::vector<Header> trailers = {{"grpc-status", std::to_string(status.code)}};
  if (!status.message.empty()) {
    const std::string_view text = std::string_view(status.message).substr(0, kMessageBytesMax);
    trailers.push_back({"grpc-message", percent_encode(text)});
  }
  if (!status.details.empty()) {
    trailers.push_back({"grpc-status-details-bin", base64_without_padding(status.details)});
  }
  return trailers;
}

std::string grpc_frame(std::string_view message) {
  const auto length = static_cast<uint32_t>(message.size());
  std::string frame(1, '\0');
  frame.reserve(kFrameHeadBytes + message.size());
  for (int shift = 24; shift >= 0; shift -= 8) {
    frame.push_back(static_cast<char>(length >> shift & 0xff));
  }
  return frame.append(message);
}

std::optional<nanoseconds> parse_grpc_timeout(std::string_view text) {
  constexpr size_t kDigitsMax = 8;
  if (text.size() < 2 || text.size() > kDigitsMax + 1) return std::nullopt;
  int64_t value = 0;
  const char* const unit = text.data() + text.size() - 1;
  const auto [end, failed] = std::from_chars(text.data(), unit, value);
  if (failed != std::errc() || end != unit || value < 0) return std::nullopt;
  switch (*unit) {
    case 'H':  // eight digits of hours would overflow: 10,000 hours are as good as for ever
      return std::chrono::hours(std::min<int64_t>(value, 10'000));
    case 'M':
      return std::chrono::minutes(value);
    case 'S':
      return std::chrono::seconds(value);
    case 'm':
      return std::chrono::milliseconds(value);
    case 'u':
      return std::chrono::microseconds(value);
    case 'n':
      return nanoseconds(value);
    default:
      return std::nullopt;
  }
}

}  // namespace vivace::net
