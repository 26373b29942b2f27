// Integers are read as digits and an exponent, never by way of a double, which holds only 53 bits.
// See the header for what is let in; any thread.
#include "decode/otlp_json_scalars.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "base/bytes.h"

namespace vivace {
namespace {

constexpr int kDigitsMax = 20;  // of 64 bits

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Takes digits off the front of `text`.
std::string_view take_digits(std::string_view& text) {
  const auto end = std::ranges::find_if_not(text, is_digit);
  const std::string_view out(text.data(), static_cast<size_t>(end - text.begin()));
  text.remove_prefix(out.size());
  return out;
}

// Takes "e+18" off; false when it is malformed. An absurd exponent is as good as a large one.
bool take_exponent(std::string_view& text, int64_t& exponent) {
  exponent = 0;
  if (text.empty() || (text.front() != 'e' && text.front() != 'E')) return true;
  text.remove_prefix(1);
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  const std::string_view digits = take_digits(text);
  for (const char c : digits) exponent = std::min<int64_t>(exponent * 10 + (c - '0'), INT32_MAX);
  if (negative) exponent = -exponent;
  return !digits.empty();
}

bool append_digit(uint64_t& value, int digit) {
  return !__builtin_mul_overflow(value, uint64_t{10}, &value) &&
         !__builtin_add_overflow(value, static_cast<uint64_t>(digit), &value);
}

// The digits before and behind the point, times 10 to the exponent.
std::optional<uint64_t> scale(std::string_view whole, std::string_view fraction, int64_t exponent) {
  std::string digits(whole);
  digits += fraction;
  exponent -= static_cast<int64_t>(fraction.size());
  const size_t last = digits.find_last_not_of('0');
  if (last == digits.npos) return 0;
  exponent += static_cast<int64_t>(digits.size() - last - 1);
  digits.resize(last + 1);
  if (exponent < 0 || exponent > kDigitsMax) return std::nullopt;
  digits.append(static_cast<size_t>(exponent), '0');
  uint64_t value = 0;
  for (const char c : digits) {
    if (!append_digit(value, c - '0')) return std::nullopt;
  }
  return value;
}

int base64_value(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (is_digit(c)) return c - '0' + 52;
  if (c == '+') return 62;
  return c == '/' ? 63 : -1;
}

}  // namespace

std::optional<JsonInteger> parse_json_integer(std::string_view text) {
  JsonInteger out;
  out.negative = text.starts_with('-');
  if (out.negative) text.remove_prefix(1);
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, out.magnitude);
  if (error == std::errc() && at == end) return out;

  const std::string_view whole = take_digits(text);
  std::string_view fraction;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    fraction = take_digits(text);
    if (fraction.empty()) return std::nullopt;
  }
  int64_t exponent = 0;
  if (whole.empty() || !take_exponent(text, exponent) || !text.empty()) return std::nullopt;
  const auto magnitude = scale(whole, fraction, exponent);
  if (!magnitude) return std::nullopt;
  out.magnitude = *magnitude;
  return out;
}

std::optional<double> parse_json_real(std::string_view text, bool quoted) {
  if (quoted) {
    if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
    if (text == "Infinity") return std::numeric_limits<double>::infinity();
    if (text == "-Infinity") return -std::numeric_limits<double>::infinity();
  }
  double value = 0;
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  if (at != end) return std::nullopt;
  // from_chars does not say on which side a number is out of range.
  if (error == std::errc::result_out_of_range)
    value = std::strtod(std::string(text).c_str(), nullptr);
  else if (error != std::errc())
    return std::nullopt;
  // from_chars reads "inf" and "nan" too.
  if (!std::isfinite(value)) return std::nullopt;
  return value;
}

bool append_from_hex(std::string& out, std::string_view digits) {
  if (digits.size() % 2 != 0) return false;
  for (size_t i = 0; i < digits.size(); i += 2) {
    const int high = hex_value(digits[i]);
    const int low = hex_value(digits[i + 1]);
    if (high < 0 || low < 0) return false;
    out.push_back(static_cast<char>(high << 4 | low));
  }
  return true;
}

bool append_from_base64(std::string& out, std::string_view text) {
  if (text.size() % 4 == 0) {
    for (int padding = 0; padding < 2 && text.ends_with('='); ++padding) text.remove_suffix(1);
  }
  if (text.size() % 4 == 1) return false;
  uint32_t bits = 0;
  int held = 0;
  for (const char c : text) {
    const int value = base64_value(c);
    if (value < 0) return false;
    bits = bits << 6 | static_cast<uint32_t>(value);
    held += 6;
    if (held >= 8) {
      held -= 8;
      out.push_back(static_cast<char>(bits >> held));
    }
  }
  return true;
}

}  // namespace vivace
