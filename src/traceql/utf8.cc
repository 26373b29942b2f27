// Decoding and encoding of UTF-8 (RFC 3629), strictly: what is overlong, a surrogate or past the
// last code point is no character.
#include "traceql/utf8.h"

namespace vivace::traceql {
namespace {

// The size a lead byte promises, its payload bits, and the least code point of that size.
struct Lead {
  size_t size;
  unsigned char mask;
  char32_t least;
};

Lead lead_of(unsigned char byte) {
  if (byte < 0x80) return {1, 0x7f, 0};
  if (byte >= 0xc2 && byte < 0xe0) return {2, 0x1f, 0x80};
  if (byte >= 0xe0 && byte < 0xf0) return {3, 0x0f, 0x800};
  if (byte >= 0xf0 && byte < 0xf5) return {4, 0x07, 0x10000};
  return {0, 0, 0};
}

}  // namespace

Character character_at(std::string_view text, size_t at) {
  const auto first = static_cast<unsigned char>(text[at]);
  const Lead lead = lead_of(first);
  if (lead.size == 0 || at + lead.size > text.size()) return {};
  char32_t code = first & lead.mask;
  for (size_t i = 1; i < lead.size; ++i) {
    const auto byte = static_cast<unsigned char>(text[at + i]);
    if ((byte & 0xc0) != 0x80) return {};
    code = (code << 6) | (byte & 0x3f);
  }
  const bool surrogate = code >= 0xd800 && code < 0xe000;
  if (code < lead.least || code > 0x10ffff || surrogate) return {};
  return {code, lead.size};
}

size_t first_invalid(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    const Character c = character_at(text, at);
    if (c.size == 0) break;
    at += c.size;
  }
  return at;
}

void append_utf8(std::string& out, char32_t code) {
  const auto tail = [&](int shift) { out += static_cast<char>(0x80 | ((code >> shift) & 0x3f)); };
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xc0 | (code >> 6));
    tail(0);
  } else if (code < 0x10000) {
    out += static_cast<char>(0xe0 | (code >> 12));
    tail(6);
    tail(0);
  } else {
    out += static_cast<char>(0xf0 | (code >> 18));
    tail(12);
    tail(6);
    tail(0);
  }
}

bool is_unicode_space(char32_t code) {
  return (code >= 0x09 && code <= 0x0d) || code == 0x20 || code == 0x85 || code == 0xa0 ||
         code == 0x1680 || (code >= 0x2000 && code <= 0x200a) || code == 0x2028 || code == 0x2029 ||
         code == 0x202f || code == 0x205f || code == 0x3000;
}

}  // namespace vivace::traceql
