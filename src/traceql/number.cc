// Reading of numbers and durations. The texts of errors name the functions of the language's first
// implementation (strconv): clients have seen them for years, and some match on them.
#include "traceql/number.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>

#include <fmt/format.h>

namespace vivace::traceql {
namespace {

constexpr uint64_t kNsMax = std::numeric_limits<int64_t>::max();

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

size_t skip_digits(std::string_view text, size_t at) {
  while (at < text.size() && (is_digit(text[at]) || text[at] == '_')) ++at;
  return at;
}

bool has_base_prefix(std::string_view text) {
  constexpr std::string_view kBases = "xXoObB";
  return text.size() > 1 && text[0] == '0' && kBases.find(text[1]) != std::string_view::npos;
}

struct Unit {
  std::string_view name;
  uint64_t ns;
};

constexpr uint64_t kSecond = 1'000'000'000;
constexpr std::array<Unit, 7> kCalendar = {{{"y", 365 * 86400 * kSecond},
                                            {"w", 7 * 86400 * kSecond},
                                            {"d", 86400 * kSecond},
                                            {"h", 3600 * kSecond},
                                            {"m", 60 * kSecond},
                                            {"s", kSecond},
                                            {"ms", 1'000'000}}};
constexpr std::array<Unit, 7> kClock = {{{"h", 3600 * kSecond},
                                         {"m", 60 * kSecond},
                                         {"s", kSecond},
                                         {"ms", 1'000'000},
                                         {"us", 1'000},
                                         {"µs", 1'000},
                                         {"ns", 1}}};

// Cuts digits off the front; nothing if there are none or they pass 64 bits.
std::optional<uint64_t> take_whole(std::string_view& text) {
  uint64_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return value;
}

std::string_view take_unit(std::string_view& text) {
  size_t size = 0;
  while (size < text.size() && !is_digit(text[size]) && text[size] != '.') ++size;
  const std::string_view unit = text.substr(0, size);
  text.remove_prefix(size);
  return unit;
}

bool add_checked(uint64_t& sum, uint64_t count, uint64_t unit_ns) {
  if (count > kNsMax / unit_ns || count * unit_ns > kNsMax - sum) return false;
  sum += count * unit_ns;
  return true;
}

std::optional<Duration> read_calendar(std::string_view text) {
  uint64_t sum = 0;
  size_t next = 0;  // units must fall
  while (!text.empty()) {
    const auto count = take_whole(text);
    if (!count) return std::nullopt;
    const std::string_view name = take_unit(text);
    while (next < kCalendar.size() && kCalendar[next].name != name) ++next;
    if (next == kCalendar.size() || !add_checked(sum, *count, kCalendar[next].ns)) {
      return std::nullopt;
    }
    ++next;
  }
  return Duration{static_cast<int64_t>(sum)};
}

// The part after the point, cut to nanoseconds: digits past what 64 bits hold weigh nothing.
uint64_t fraction_ns(std::string_view digits, uint64_t unit_ns) {
  uint64_t value = 0;
  double scale = 1;
  for (const char c : digits) {
    if (value > (kNsMax - 9) / 10) break;
    value = value * 10 + static_cast<uint64_t>(c - '0');
    scale *= 10;
  }
  return static_cast<uint64_t>(static_cast<double>(value) * (static_cast<double>(unit_ns) / scale));
}

std::optional<Duration> read_clock(std::string_view text) {
  uint64_t sum = 0;
  while (!text.empty()) {
    const bool whole = is_digit(text[0]);
    std::optional<uint64_t> count = 0;
    if (whole) count = take_whole(text);
    if (!count) return std::nullopt;
    std::string_view fraction;
    if (text.starts_with('.')) {
      text.remove_prefix(1);
      size_t digits = 0;
      while (digits < text.size() && is_digit(text[digits])) ++digits;
      fraction = text.substr(0, digits);
      text.remove_prefix(digits);
    }
    const std::string_view name = take_unit(text);
    const Unit* unit = nullptr;
    for (const Unit& known : kClock) {
      if (known.name == name) unit = &known;
    }
    if (unit == nullptr || (!whole && fraction.empty())) return std::nullopt;
    const uint64_t part = fraction_ns(fraction, unit->ns);
    if (!add_checked(sum, *count, unit->ns) || !add_checked(sum, part, 1)) return std::nullopt;
  }
  return Duration{static_cast<int64_t>(sum)};
}

}  // namespace

NumberShape shape_of_number(std::string_view text) {
  if (has_base_prefix(text)) {
    size_t at = 2;
    while (at < text.size() && (is_digit(text[at]) || is_letter(text[at]) || text[at] == '_')) ++at;
    return {at, false};
  }
  NumberShape shape{skip_digits(text, 0), false};
  if (shape.size < text.size() && text[shape.size] == '.') {
    shape = {skip_digits(text, shape.size + 1), true};
  }
  if (shape.size < text.size() && (text[shape.size] == 'e' || text[shape.size] == 'E')) {
    size_t at = shape.size + 1;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    shape = {skip_digits(text, at), true};
  }
  return shape;
}

std::expected<Datum, std::string> read_number(std::string_view text, bool real) {
  const std::string_view call = real ? "ParseFloat" : "Atoi";
  const auto refuse = [&](std::string_view why) {
    return std::unexpected(fmt::format("strconv.{}: parsing \"{}\": {}", call, text, why));
  };
  const char* const end = text.data() + text.size();
  if (has_base_prefix(text) || text.find('_') != std::string_view::npos) {
    return refuse("invalid syntax");
  }
  if (!real) {
    const size_t bad = text.starts_with('0') ? text.find_first_of("89") : std::string_view::npos;
    if (bad != std::string_view::npos) {
      return std::unexpected(fmt::format("invalid digit '{}' in octal literal", text[bad]));
    }
    int64_t value = 0;
    const auto read = std::from_chars(text.data(), end, value);
    if (read.ec != std::errc()) return refuse("value out of range");
    return datum<int64_t>(value);
  }
  if (!is_digit(text.back()) && text.back() != '.')
    return std::unexpected("exponent has no digits");
  double value = 0;
  const auto read = std::from_chars(text.data(), end, value);
  if (read.ec == std::errc::result_out_of_range) {  // from_chars says this of both ends
    value = std::strtod(std::string(text).c_str(), nullptr);
    if (std::isinf(value)) return refuse("value out of range");
  }
  return datum<double>(value);
}

std::optional<Duration> read_duration(std::string_view text) {
  if (auto calendar = read_calendar(text)) return calendar;
  return read_clock(text);
}

}  // namespace vivace::traceql
