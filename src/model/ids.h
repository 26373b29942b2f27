// Trace and span ids: opaque bytes on the wire, integers in memory. An all-zero id means "none".
// Both compare as their bytes in wire order, which is the order that answers show.
#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/hash.h"

namespace vivace {

// 16 bytes in wire order; ordered as bytes.
struct TraceId {
  std::array<uint8_t, 16> bytes{};

  bool operator==(const TraceId& other) const {
    return ((low() ^ other.low()) | (high() ^ other.high())) == 0;
  }
  auto operator<=>(const TraceId&) const = default;
  bool is_zero() const { return (low() | high()) == 0; }
  // For tables in memory; differs from process to process.
  uint64_t hash() const {
    return mix64(mix64(low() ^ kProcessSeed) + high() * 0x9e3779b97f4a7c15ULL);
  }
  std::string_view view() const { return {reinterpret_cast<const char*>(bytes.data()), 16}; }

 private:
  uint64_t low() const { return load<uint64_t>(bytes.data()); }
  uint64_t high() const { return load<uint64_t>(bytes.data() + 8); }
};

struct TraceIdHash {
  using is_avalanching = void;
  size_t operator()(const TraceId& id) const { return id.hash(); }
};

// 8 bytes as they came, read as one little-endian integer.
struct SpanId {
  uint64_t raw = 0;

  bool operator==(const SpanId&) const = default;
  // As bytes in wire order.
  std::strong_ordering operator<=>(const SpanId& other) const {
    return std::byteswap(raw) <=> std::byteswap(other.raw);
  }
  bool is_zero() const { return raw == 0; }
  std::string_view view() const { return {reinterpret_cast<const char*>(&raw), 8}; }
};

}  // namespace vivace
