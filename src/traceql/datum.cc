// Values as text. The forms of numbers and durations are part of the language: they name series and
// groups, so two queries that mean the same value must print it alike.
#include "traceql/datum.h"

#include <array>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

namespace vivace::traceql {
namespace {

constexpr std::array<std::string_view, 3> kStatusWords = {"error", "ok", "unset"};
constexpr std::array<std::string_view, 6> kKindWords = {"unspecified", "internal", "client",
                                                        "server",      "producer", "consumer"};

// "123456" with the point after `before` of them; zeros fill up on either side.
std::string plain_digits(std::string_view digits, int before) {
  if (before <= 0)
    return "0." + std::string(static_cast<size_t>(-before), '0') + std::string(digits);
  const auto whole = static_cast<size_t>(before);
  if (digits.size() <= whole) {
    return std::string(digits) + std::string(whole - digits.size(), '0');
  }
  return std::string(digits.substr(0, whole)) + "." + std::string(digits.substr(whole));
}

// `value` in units of `unit` ns, without trailing zeros: 1500 in us is 1.5.
std::string in_unit(uint64_t value, uint64_t unit) {
  std::string text = fmt::format("{}", value / unit);
  uint64_t rest = value % unit;
  if (rest == 0) return text;
  text += '.';
  while (rest != 0) {
    unit /= 10;
    text += static_cast<char>('0' + rest / unit);
    rest %= unit;
  }
  return text;
}

template <class T>
std::string item_text(const T& item) {
  return datum_text(datum<T>(item));
}

struct TextOf {
  std::string operator()(std::monostate) const { return "nil"; }
  std::string operator()(int64_t value) const { return fmt::format("{}", value); }
  std::string operator()(double value) const {
    std::string text = real_text(value);
    if (std::isfinite(value) && text.find_first_of(".e") == std::string::npos) text += ".0";
    return text;
  }
  std::string operator()(const std::string& value) const { return "`" + value + "`"; }
  std::string operator()(bool value) const { return value ? "true" : "false"; }
  std::string operator()(Duration value) const { return duration_text(value); }
  std::string operator()(Status value) const { return std::string(status_text(value)); }
  std::string operator()(Kind value) const { return std::string(kind_text(value)); }
  template <class T>
  std::string operator()(const std::vector<T>& values) const {
    std::string text = "[";
    for (size_t i = 0; i < values.size(); ++i) {
      text.append(i == 0 ? "" : ", ").append(item_text<T>(values[i]));
    }
    return text + "]";
  }
};

}  // namespace

std::string datum_text(const Datum& value) { return std::visit(TextOf(), value.payload); }

std::string real_text(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";

  std::array<char, 40> buffer;
  const auto written = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                     std::chars_format::scientific);
  const std::string_view text(buffer.data(), static_cast<size_t>(written.ptr - buffer.data()));
  const size_t e = text.find('e');
  int exponent = 0;
  const size_t number = e + (text[e + 1] == '+' ? 2 : 1);
  std::from_chars(text.data() + number, text.data() + text.size(), exponent);
  if (exponent < -4 || exponent >= 6) return std::string(text);

  std::string digits;
  for (const char c : text.substr(0, e)) {
    if (c >= '0' && c <= '9') digits += c;
  }
  return (text[0] == '-' ? "-" : "") + plain_digits(digits, exponent + 1);
}

std::string duration_text(Duration value) {
  constexpr uint64_t kSecond = 1'000'000'000;
  const bool negative = value.ns < 0;
  const uint64_t ns =
      negative ? 0 - static_cast<uint64_t>(value.ns) : static_cast<uint64_t>(value.ns);
  const std::string sign = negative ? "-" : "";
  if (ns == 0) return "0s";
  if (ns < 1'000) return fmt::format("{}{}ns", sign, ns);
  if (ns < 1'000'000) return sign + in_unit(ns, 1'000) + "µs";
  if (ns < kSecond) return sign + in_unit(ns, 1'000'000) + "ms";

  const uint64_t seconds = ns / kSecond;
  std::string text = in_unit(seconds % 60 * kSecond + ns % kSecond, kSecond) + "s";
  if (seconds >= 60) text.insert(0, fmt::format("{}m", seconds / 60 % 60));
  if (seconds >= 3600) text.insert(0, fmt::format("{}h", seconds / 3600));
  return sign + text;
}

std::string_view status_text(Status value) { return kStatusWords[static_cast<size_t>(value)]; }
std::string_view kind_text(Kind value) { return kKindWords[static_cast<size_t>(value)]; }

}  // namespace vivace::traceql
