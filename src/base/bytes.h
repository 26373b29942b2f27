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

// a == b, without a call for texts of up to 32 bytes, which most keys and values are: their first
// and last halves, which may overlap, are compared as numbers.
inline bool same_text(std::string_view a, std::string_view b) {
  const size_t size = a.size();
  if (size != b.size()) return false;
  const auto differ = [&]<class T>(size_t at, T) {
    return load<T>(a.data() + at) ^ load<T>(b.data() + at);
  };
  if (size > 32) return std::memcmp(a.data(), b.data(), size) == 0;
  if (size >= 16) {
    constexpr uint64_t kWide = 0;
    return (differ(0, kWide) | differ(8, kWide) | differ(size - 16, kWide) |
            differ(size - 8, kWide)) == 0;
  }
  if (size >= 8) return (differ(0, uint64_t{}) | differ(size - 8, uint64_t{})) == 0;
  if (size >= 4) return (differ(0, uint32_t{}) | differ(size - 4, uint32_t{})) == 0;
  if (size == 0) return true;
  return a[0] == b[0] && a[size / 2] == b[size / 2] && a[size - 1] == b[size - 1];
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
