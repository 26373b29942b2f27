// Times are read in every format that any version of Tempo takes, and refused with Go's words,
// because clients show them. Pure functions; any thread.
#include "api/window.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "config/values.h"

namespace vivace::api {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;
constexpr size_t kSecondsDigits = 10;  // a longer integer is nanoseconds

std::unexpected<Error> bad(std::string message) {
  return fail(Code::invalid_argument, std::move(message));
}

// `count` digits at the front of `text`, which are taken off.
std::optional<int> take_digits(std::string_view& text, size_t count) {
  int value = 0;
  if (text.size() < count) return std::nullopt;
  for (size_t i = 0; i < count; ++i) {
    if (text[i] < '0' || text[i] > '9') return std::nullopt;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(count);
  return value;
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

// Digits behind the point, as nanoseconds; further ones are cut.
std::optional<int64_t> take_fraction(std::string_view& text) {
  if (!take(text, '.')) return 0;
  int64_t ns = 0;
  int64_t unit = kSecondNs / 10;
  size_t digits = 0;
  for (; digits < text.size() && text[digits] >= '0' && text[digits] <= '9'; ++digits) {
    ns += (text[digits] - '0') * unit;
    unit /= 10;
  }
  text.remove_prefix(digits);
  return digits == 0 ? std::nullopt : std::optional(ns);
}

// Seconds that the zone is ahead of UTC.
std::optional<int> take_zone(std::string_view& text) {
  if (take(text, 'Z') || take(text, 'z')) return 0;
  const bool ahead = take(text, '+');
  if (!ahead && !take(text, '-')) return std::nullopt;
  const auto hours = take_digits(text, 2);
  const bool colon = take(text, ':');
  const auto minutes = take_digits(text, 2);
  if (!hours || !colon || !minutes) return std::nullopt;
  return (ahead ? 1 : -1) * (*hours * 3600 + *minutes * 60);
}

// RFC 3339, such as 2023-11-14T22:13:20.5+01:00. Years from 1970 to 2261, which fit.
std::optional<int64_t> parse_rfc3339(std::string_view text) {
  const auto year = take_digits(text, 4);
  if (!year || !take(text, '-')) return std::nullopt;
  const auto month = take_digits(text, 2);
  if (!month || !take(text, '-')) return std::nullopt;
  const auto day = take_digits(text, 2);
  if (!day || (!take(text, 'T') && !take(text, 't'))) return std::nullopt;
  const auto hour = take_digits(text, 2);
  if (!hour || !take(text, ':')) return std::nullopt;
  const auto minute = take_digits(text, 2);
  if (!minute || !take(text, ':')) return std::nullopt;
  const auto second = take_digits(text, 2);
  if (!second) return std::nullopt;
  const auto fraction = take_fraction(text);
  const auto zone = take_zone(text);
  if (!fraction || !zone || !text.empty()) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok() || *year < 1970 || *year > 2261) return std::nullopt;
  if (*hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  const int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  const int64_t seconds = days * 86'400 + *hour * 3600 + *minute * 60 + *second - *zone;
  return seconds * kSecondNs + *fraction;
}

// As a number of seconds, with the sign that Go's ParseInt takes.
std::optional<int64_t> parse_integer(std::string_view text, bool& out_of_range) {
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  int64_t value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  out_of_range = failed == std::errc::result_out_of_range;
  if (failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<int64_t> parse_fractional(std::string_view text) {
  double value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
  // Milliseconds, because a double holds no nanoseconds of today.
  const double ms = std::round(value * 1e3);
  if (!(std::abs(ms) < 9e12)) return std::nullopt;
  return static_cast<int64_t>(ms) * 1'000'000;
}

// Nanoseconds.
std::optional<int64_t> parse_time(std::string_view text, bool& out_of_range) {
  if (const auto number = parse_integer(text, out_of_range)) {
    if (text.size() > kSecondsDigits) return *number;
    constexpr int64_t kSecondsMax = std::numeric_limits<int64_t>::max() / kSecondNs;
    return std::min(*number, kSecondsMax) * kSecondNs;
  }
  if (const auto time = parse_rfc3339(text)) return *time;
  if (text.find('.') == std::string_view::npos) return std::nullopt;
  return parse_fractional(text);
}

// 0 when the parameter is absent.
Result<int64_t> parse_time(const Params& params, std::string_view name) {
  const std::string_view text = params.get(name);
  if (text.empty()) return 0;
  bool out_of_range = false;
  if (const auto time = parse_time(text, out_of_range)) return *time;
  return bad(fmt::format("invalid {}: strconv.ParseInt: parsing \"{}\": {}", name, text,
                         out_of_range ? "value out of range" : "invalid syntax"));
}

Result<Window> since(std::string_view text, int64_t now_ns) {
  const auto duration_ns = config::parse_prometheus_duration(text);
  if (!duration_ns || *duration_ns <= 0) {
    return bad(fmt::format("invalid since: not a valid duration string: \"{}\"", text));
  }
  return Window{std::max<int64_t>(0, now_ns - *duration_ns), now_ns};
}

// `168h0m0s`, as Go prints a duration of whole seconds.
std::string go_seconds(int64_t ns) {
  const int64_t seconds = ns / kSecondNs;
  if (seconds >= 3600) {
    return fmt::format("{}h{}m{}s", seconds / 3600, seconds / 60 % 60, seconds % 60);
  }
  if (seconds >= 60) return fmt::format("{}m{}s", seconds / 60, seconds % 60);
  return fmt::format("{}s", seconds);
}

}  // namespace

std::optional<int64_t> parse_time_ns(std::string_view text) {
  bool out_of_range = false;
  return parse_time(text, out_of_range);
}

Result<std::optional<Window>> parse_window(const Params& params, int64_t now_ns,
                                           int64_t range_max_ns) {
  Window window{TRY(parse_time(params, "start")), TRY(parse_time(params, "end"))};
  const bool has_start = !params.get("start").empty();
  const bool has_end = !params.get("end").empty();
  if (has_start != has_end) {
    return bad(
        "error parsing date range: only one of start and end provided: "
        "must provide both or neither");
  }
  if (window.start_ns == 0 && window.end_ns == 0) {
    if (params.get("since").empty()) return std::nullopt;
    window = TRY(since(params.get("since"), now_ns));
  }
  const int64_t start_s = window.start_ns / kSecondNs;
  const int64_t end_s = window.end_ns / kSecondNs;
  if (window.end_ns <= window.start_ns) {
    return bad(fmt::format("http parameter start must be before end. received start={} end={}",
                           start_s, end_s));
  }
  const auto length_ns =
      static_cast<uint64_t>(window.end_ns) - static_cast<uint64_t>(window.start_ns);
  if (range_max_ns > 0 && length_ns > static_cast<uint64_t>(range_max_ns)) {
    return bad(fmt::format("range specified by start and end exceeds {}. received start={} end={}",
                           go_seconds(range_max_ns), start_s, end_s));
  }
  return window;
}

}  // namespace vivace::api
