// Numbers and durations as the language writes them. Signs are operators, not part of a number. The
// lexer calls these on the text that begins with a digit.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "traceql/datum.h"

namespace vivace::traceql {

// How far a number reaches from the start of `text`, which begins with a digit, or a point and a
// digit. Forms that are refused later (`0x10`, `1_000`) are read to their end, as one number.
struct NumberShape {
  size_t size = 0;
  bool real = false;
};
NumberShape shape_of_number(std::string_view text);

// The value of such a text, or why it has none.
std::expected<Datum, std::string> read_number(std::string_view text, bool real);

// Calendar style (whole numbers, units falling from y to ms: `1d12h`), else clock style (decimals,
// h to ns in any order: `1m1.5s`). Nothing if it is neither, or out of 64-bit nanoseconds.
std::optional<Duration> read_duration(std::string_view text);

}  // namespace vivace::traceql
