// The text forms of single values; see values.h. Durations are computed in whole nanoseconds with
// an overflow check at every step, so that the largest one that Go can print reads back exactly.
// Called by check.cc and flags.cc while the program starts.
#include "config/values.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include <fmt/format.h>

namespace vivace::config {
namespace {

constexpr int64_t kMicrosecond = 1'000;
constexpr int64_t kMillisecond = 1'000'000;
constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kMinute = 60 * kSecond;
constexpr int64_t kHour = 60 * kMinute;
constexpr int64_t kDay = 24 * kHour;

struct Unit {
  std::string_view name;
  int64_t ns;
};

// A unit that starts another one's name comes after it.
constexpr std::array kGoUnits = std::to_array<Unit>({{"ns", 1},
                                                     {"us", kMicrosecond},
                                                     {"µs", kMicrosecond},
                                                     {"μs", kMicrosecond},
                                                     {"ms", kMillisecond},
                                                     {"s", kSecond},
                                                     {"m", kMinute},
                                                     {"h", kHour}});

constexpr std::array kPrometheusUnits = std::to_array<Unit>({{"y", 365 * kDay},
                                                             {"w", 7 * kDay},
                                                             {"d", kDay},
                                                             {"h", kHour},
                                                             {"m", kMinute},
                                                             {"s", kSecond},
                                                             {"ms", kMillisecond}});

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Takes the digits at the front; nothing when there are none or the number is too large.
std::optional<int64_t> take_digits(std::string_view& text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || !is_digit(text.front()) || error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return value;
}

// The part after the point, in ns; digits beyond a nanosecond are cut off, as Go does.
int64_t take_fraction(std::string_view& text, int64_t& scale) {
  int64_t value = 0;
  scale = 1;
  while (!text.empty() && is_digit(text.front())) {
    if (scale <= 100'000'000'000'000) {
      value = value * 10 + (text.front() - '0');
      scale *= 10;
    }
    text.remove_prefix(1);
  }
  return value;
}

bool add_scaled(int64_t& total, int64_t count, int64_t ns) {
  int64_t product = 0;
  return !__builtin_mul_overflow(count, ns, &product) &&
         !__builtin_add_overflow(total, product, &total);
}

// One `12.5s` of a Go duration.
bool take_go_term(std::string_view& text, int64_t& total) {
  const bool has_whole = !text.empty() && is_digit(text.front());
  const auto whole = has_whole ? take_digits(text) : std::optional<int64_t>(0);
  if (!whole) return false;
  int64_t fraction = 0;
  int64_t scale = 1;
  if (!text.empty() && text.front() == '.') {
    text.remove_prefix(1);
    const size_t before = text.size();
    fraction = take_fraction(text, scale);
    if (!has_whole && text.size() == before) return false;
  } else if (!has_whole) {
    return false;
  }
  size_t length = 0;
  while (length < text.size() && text[length] != '.' && !is_digit(text[length])) ++length;
  const auto* const unit = std::ranges::find(kGoUnits, text.substr(0, length), &Unit::name);
  if (unit == kGoUnits.end()) return false;
  text.remove_prefix(length);
  const auto part = static_cast<int64_t>(static_cast<__int128>(fraction) * unit->ns / scale);
  return add_scaled(total, *whole, unit->ns) && add_scaled(total, part, 1);
}

std::optional<int64_t> parse_plain_integer(std::string_view text, int base) {
  uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value, base);
  if (text.empty() || error != std::errc() || stopped != end) return std::nullopt;
  if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return std::nullopt;
  return static_cast<int64_t>(value);
}

std::optional<int64_t> parse_unsigned(std::string_view text) {
  if (text.size() > 2 && text[0] == '0') {
    const char kind = static_cast<char>(text[1] | 0x20);
    if (kind == 'x') return parse_plain_integer(text.substr(2), 16);
    if (kind == 'o') return parse_plain_integer(text.substr(2), 8);
    if (kind == 'b') return parse_plain_integer(text.substr(2), 2);
  }
  if (text.size() > 1 && text[0] == '0' && is_digit(text[1])) {
    return parse_plain_integer(text.substr(1), 8);
  }
  return parse_plain_integer(text, 10);
}

bool takes_sign(std::string_view& text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  return negative;
}

}  // namespace

std::optional<bool> parse_bool(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  if (lower == "true" || lower == "yes" || lower == "on" || lower == "y") return true;
  if (lower == "false" || lower == "no" || lower == "off" || lower == "n") return false;
  return std::nullopt;
}

std::optional<int64_t> parse_integer(std::string_view text) {
  std::string digits(text);
  if (!digits.starts_with('_') && !digits.ends_with('_')) std::erase(digits, '_');
  std::string_view rest = digits;
  const bool negative = takes_sign(rest);
  if (rest.empty() || !is_digit(rest.front())) return std::nullopt;
  if (const auto value = parse_unsigned(rest)) return negative ? -*value : *value;
  const auto number = rest.find_first_of(".eE") == rest.npos ? std::nullopt : parse_number(digits);
  if (!number || std::abs(*number) > 9e18 || *number != std::trunc(*number)) return std::nullopt;
  return static_cast<int64_t>(*number);
}

std::optional<double> parse_number(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const char* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || error != std::errc() || stopped != end) return std::nullopt;
  if (!std::isfinite(value)) return std::nullopt;
  return value;
}

std::optional<int64_t> parse_duration(std::string_view text) {
  const bool negative = takes_sign(text);
  if (text == "0") return 0;
  if (text.empty()) return std::nullopt;
  int64_t total = 0;
  while (!text.empty()) {
    if (!take_go_term(text, total)) return std::nullopt;
  }
  return negative ? -total : total;
}

std::optional<int64_t> parse_prometheus_duration(std::string_view text) {
  if (text == "0") return 0;
  if (text.empty()) return std::nullopt;
  int64_t total = 0;
  const auto* next = kPrometheusUnits.begin();
  while (!text.empty()) {
    const auto count = take_digits(text);
    if (!count) return std::nullopt;
    size_t length = 0;
    while (length < text.size() && !is_digit(text[length])) ++length;
    const auto* const unit = std::find_if(next, kPrometheusUnits.end(), [&](const Unit& u) {
      return u.name == text.substr(0, length);
    });
    if (unit == kPrometheusUnits.end()) return std::nullopt;
    if (!add_scaled(total, *count, unit->ns)) return std::nullopt;
    text.remove_prefix(length);
    next = unit + 1;
  }
  return total;
}

std::string format_duration(int64_t ns) {
  if (ns == 0) return "0s";
  if (ns < 0)
    return "-" + format_duration(ns == std::numeric_limits<int64_t>::min() ? -(ns + 1) : -ns);
  std::string out;
  for (const Unit& unit : {Unit{"h", kHour}, Unit{"m", kMinute}, Unit{"s", kSecond},
                           Unit{"ms", kMillisecond}, Unit{"us", kMicrosecond}, Unit{"ns", 1}}) {
    if (ns >= unit.ns) out += fmt::format("{}{}", ns / unit.ns, unit.name);
    ns %= unit.ns;
  }
  return out;
}

std::optional<int64_t> parse_bytes(std::string_view text) {
  constexpr auto kUnits = std::to_array<Unit>(
      {{"KiB", 1LL << 10}, {"MiB", 1LL << 20}, {"GiB", 1LL << 30}, {"TiB", 1LL << 40}});
  int64_t scale = 1;
  for (const Unit& unit : kUnits) {
    if (!text.ends_with(unit.name)) continue;
    text.remove_suffix(unit.name.size());
    scale = unit.ns;
  }
  const auto count = parse_integer(text);
  int64_t bytes = 0;
  if (!count || *count < 0 || __builtin_mul_overflow(*count, scale, &bytes)) return std::nullopt;
  return bytes;
}

std::optional<Address> parse_address(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == text.npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  if (host.starts_with('[')) {
    if (host.size() < 4 || !host.ends_with(']')) return std::nullopt;
    host = host.substr(1, host.size() - 2);
    if (host.find_first_of("[]/ ") != host.npos) return std::nullopt;
  } else if (host.find_first_of(":[]/ ") != host.npos) {
    return std::nullopt;
  }
  const auto number = parse_plain_integer(port, 10);
  if (!number || port.size() > 5 || *number > 65535) return std::nullopt;
  return Address{std::string(host), static_cast<uint16_t>(*number)};
}

}  // namespace vivace::config
