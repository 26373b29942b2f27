// JSON text, RFC 8259; the escapes are those of Go's encoding/json, which the clients were built
// on.
#include "wire/json.h"

#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "wire/utf8.h"

namespace vivace {
namespace {

// U+2028 and U+2029, which JavaScript took for line ends.
bool is_line_separator(std::string_view character) {
  return character == "\xe2\x80\xa8" || character == "\xe2\x80\xa9";
}

bool is_plain(char c) {
  const auto b = static_cast<uint8_t>(c);
  return b >= 0x20 && b < 0x7f && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&';
}

void append_escaped(std::string& out, char c) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    case '\x7f':
      out.push_back(c);
      return;
    default:
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<uint8_t>(c));
  }
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  out.push_back('"');
  size_t at = 0;
  while (at < text.size()) {
    size_t plain = at;
    while (plain < text.size() && is_plain(text[plain])) ++plain;
    out.append(text, at, plain - at);
    at = plain;
    if (at == text.size()) break;
    if (static_cast<uint8_t>(text[at]) < 0x80) {
      append_escaped(out, text[at++]);
      continue;
    }
    const size_t length = utf8_length(text.substr(at));
    if (length == 0) {
      out += "\\ufffd";
      ++at;
    } else if (is_line_separator(text.substr(at, length))) {
      out += text[at + 2] == '\xa8' ? "\\u2028" : "\\u2029";
      at += length;
    } else {
      out.append(text, at, length);
      at += length;
    }
  }
  out.push_back('"');
}

void append_json_base64(std::string& out, std::string_view bytes) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  out.push_back('"');
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    for (size_t j = 0; j < 3; ++j) {
      group = group << 8 | (i + j < bytes.size() ? static_cast<uint8_t>(bytes[i + j]) : 0U);
    }
    out.push_back(kDigits[group >> 18 & 63]);
    out.push_back(kDigits[group >> 12 & 63]);
    out.push_back(i + 1 < bytes.size() ? kDigits[group >> 6 & 63] : '=');
    out.push_back(i + 2 < bytes.size() ? kDigits[group & 63] : '=');
  }
  out.push_back('"');
}

void append_json_double(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "\"NaN\"";
  } else if (std::isinf(value)) {
    out += value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
  } else {
    char text[32];
    const auto [end, failed] = std::to_chars(text, text + sizeof text, value);
    out.append(text, end);
  }
}

void append_json_int64(std::string& out, int64_t value) {
  fmt::format_to(std::back_inserter(out), "\"{}\"", value);
}

void append_json_uint64(std::string& out, uint64_t value) {
  fmt::format_to(std::back_inserter(out), "\"{}\"", value);
}

}  // namespace vivace
