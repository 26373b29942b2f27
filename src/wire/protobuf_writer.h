// Appends protobuf fields (protobuf.dev/programming-guides/encoding) to a string. The counterpart
// of protobuf.h for messages whose sizes the caller knows beforehand, or whose parts are encoded
// once and sent often: nothing is patched afterwards, nothing is allocated but the string's own
// growth.
//
//   append_bytes(out, 1, name);                  // a string, bytes, or a finished message
//   append_key(out, 2, Wire::bytes);             // a message of known size
//   append_varint(out, 9 + 1 + varint_size(t));
#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "wire/protobuf.h"

namespace vivace {

constexpr size_t varint_size(uint64_t value) {
  return (static_cast<size_t>(std::bit_width(value | 1)) + 6) / 7;
}

inline void append_varint(std::string& out, uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}

inline void append_key(std::string& out, uint32_t field, Wire type) {
  append_varint(out, proto_key(field, type));
}

inline void append_bytes(std::string& out, uint32_t field, std::string_view bytes) {
  append_key(out, field, Wire::bytes);
  append_varint(out, bytes.size());
  out += bytes;
}

inline void append_double(std::string& out, uint32_t field, double value) {
  append_key(out, field, Wire::fixed64);
  append_le(out, value);
}

inline void append_uint(std::string& out, uint32_t field, uint64_t value) {
  append_key(out, field, Wire::varint);
  append_varint(out, value);
}

// sint32 and sint64: small numbers of either sign are short.
constexpr uint64_t zigzag(int64_t value) {
  return (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
}

}  // namespace vivace
