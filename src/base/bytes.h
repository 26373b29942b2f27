// Raw bytes: unaligned little-endian loads and stores, hexadecimal text. Everything that Vivace
// stores is little-endian, and so is every machine it runs on; that is asserted here, once.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace vivace {

static_assert(std::endian::native == std::endian::little);
static_assert(sizeof(void*) == 8);

template <class T>
T load(const void* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

template <class T>
void store(void* to, T value) {
  std::memcpy(to, &value, sizeof value);
}

template <class T>
void append_le(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

// Lower-case, two digits a byte.
inline std::string to_hex(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    const auto b = static_cast<uint8_t>(c);
    out.push_back(kDigits[b >> 4]);
    out.push_back(kDigits[b & 15]);
  }
  return out;
}

// 0..15, or -1 when `c` is no hexadecimal digit.
constexpr int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Grows or shrinks without writing zeros first; new bytes are indeterminate until written.
inline void resize_uninitialized(std::string& s, size_t size) {
  s.resize_and_overwrite(size, [size](char*, size_t) { return size; });
}

}  // namespace vivace
