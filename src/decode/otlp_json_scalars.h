// The texts that OTLP's JSON form uses for numbers, ids and bytes (ingest contract, 4.6), read
// exactly or not at all. Pure functions; any thread.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

namespace vivace {

struct JsonInteger {
  bool negative = false;
  uint64_t magnitude = 0;

  template <class T>
  bool fits() const {
    constexpr auto kMax = static_cast<uint64_t>(std::numeric_limits<T>::max());
    if (!negative || magnitude == 0) return magnitude <= kMax;
    return std::numeric_limits<T>::is_signed && magnitude <= kMax + 1;
  }
  uint64_t bits() const { return negative ? 0 - magnitude : magnitude; }  // two's complement
};

// A decimal integer, with sign, point and exponent as JSON has them: "17", "-4", "20.0" and
// "1.7e18" are integers, "1.5" and "" are none.
std::optional<JsonInteger> parse_json_integer(std::string_view text);

// The nearest double; too large is none, too small is 0. `quoted` allows what a JSON number cannot
// say: "NaN", "Infinity", "-Infinity".
std::optional<double> parse_json_real(std::string_view text, bool quoted);

// Appends what the hexadecimal digits, of either case, stand for; false when they are none.
bool append_from_hex(std::string& out, std::string_view digits);

// The same for base64 (RFC 4648, section 4), with or without its padding.
bool append_from_base64(std::string& out, std::string_view text);

}  // namespace vivace
