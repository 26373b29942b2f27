// UTF-8 (RFC 3629), strictly: what is overlong, a surrogate or past the last code point is no
// character. For whoever passes texts on to readers that refuse anything else: JSON output and the
// labels of series.
#pragma once

#include <cstdint>
#include <string_view>

namespace vivace {

// The length of the valid UTF-8 sequence at the start of `text` (RFC 3629), or 0.
inline size_t utf8_length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const auto trails = [&](size_t i) { return i < text.size() && (byte(i) & 0xc0) == 0x80; };
  const uint8_t first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return trails(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    if (!trails(1) || !trails(2)) return 0;
    if (first == 0xe0 && byte(1) < 0xa0) return 0;  // overlong
    if (first == 0xed && byte(1) > 0x9f) return 0;  // surrogate
    return 3;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    if (!trails(1) || !trails(2) || !trails(3)) return 0;
    if (first == 0xf0 && byte(1) < 0x90) return 0;
    if (first == 0xf4 && byte(1) > 0x8f) return 0;
    return 4;
  }
  return 0;
}

inline bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const size_t length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

}  // namespace vivace
