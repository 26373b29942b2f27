// Parameters as Tempo parses them, refused with Go's words, because clients show and match these
// messages. Pure functions; any thread.
#include "api/params.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

#include "net/http.h"

namespace vivace::api {
namespace {

std::unexpected<Error> bad(std::string message) {
  return fail(Code::invalid_argument, std::move(message));
}

constexpr std::string_view kParseInt = "ParseInt";

bool is_uuid(std::string_view text) {
  constexpr std::string_view kForm = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  if (text.size() != kForm.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (kForm[i] == '-' ? text[i] != '-' : hex_value(text[i]) < 0) return false;
  }
  return true;
}

}  // namespace

Result<int64_t> parse_integer(const Params& params, std::string_view name,
                              std::string_view function, int64_t otherwise) {
  const std::string_view text = params.get(name);
  if (text.empty()) return otherwise;
  int64_t value = 0;
  std::string_view digits = text;
  if (digits.starts_with('+') && !digits.starts_with("+-")) digits.remove_prefix(1);
  const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  const bool range = failed == std::errc::result_out_of_range;
  if (failed != std::errc() || end != digits.data() + digits.size()) {
    return bad(fmt::format("invalid {}: strconv.{}: parsing \"{}\": {}", name, function, text,
                           range ? "value out of range" : "invalid syntax"));
  }
  return value;
}

Params::Params(std::string_view query) : pairs_(net::parse_query(query)) {}

std::string_view Params::get(std::string_view name) const {
  const auto found = std::ranges::find(pairs_, name, &std::pair<std::string, std::string>::first);
  return found == pairs_.end() ? std::string_view() : std::string_view(found->second);
}

Result<TraceId> parse_trace_id(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (hex_value(text[i]) < 0) {
      return bad(fmt::format(
          "trace IDs can only contain hex characters: invalid character '{}' at position {}",
          text[i], i + 1));
    }
  }
  TraceId id;
  const size_t digits = id.bytes.size() * 2;
  if (text.size() > digits) return bad("trace IDs can't be larger than 128 bits");
  const std::string padded = std::string(digits - text.size(), '0') + std::string(text);
  for (size_t i = 0; i < id.bytes.size(); ++i) {
    id.bytes[i] =
        static_cast<uint8_t>(hex_value(padded[2 * i]) << 4 | hex_value(padded[2 * i + 1]));
  }
  return id;
}

Result<void> check_time_range(const Params& params) {
  const int64_t start = TRY(parse_integer(params, "start", kParseInt, 0));
  const int64_t end = TRY(parse_integer(params, "end", kParseInt, 0));
  if (start != 0 && end != 0 && end <= start) {
    return bad(fmt::format("http parameter start must be before end. received start={} end={}",
                           start, end));
  }
  return {};
}

Result<void> check_internal(const Params& params) {
  constexpr std::array<std::string_view, 5> kModes = {"", "all", "ingesters", "blocks", "external"};
  const std::string_view mode = params.get("mode");
  if (std::ranges::find(kModes, mode) == kModes.end()) {
    return bad(fmt::format("invalid value for mode {}", mode));
  }
  const std::string_view first = params.get("blockStart");
  if (!first.empty() && !is_uuid(first)) {
    return bad(fmt::format("invalid value for blockstart: {}", first));
  }
  const std::string_view last = params.get("blockEnd");
  if (!last.empty() && !is_uuid(last)) {
    return bad(fmt::format("invalid value for blockEnd: {}", last));
  }
  return {};
}

}  // namespace vivace::api
