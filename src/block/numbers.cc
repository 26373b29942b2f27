// The loops are written plane by plane, each over a contiguous run, so that the compiler can turn
// them into vector instructions.
#include "block/numbers.h"

#include <algorithm>
#include <bit>
#include <type_traits>

namespace vivace {
namespace {

struct Fit {
  uint64_t base = 0;
  uint8_t width = 0;
};

uint8_t width_of(uint64_t range) { return static_cast<uint8_t>((std::bit_width(range) + 7) / 8); }

// The smaller of the ranges as unsigned and as signed numbers.
template <class T>
Fit fit(std::span<const T> values) {
  using Signed = std::make_signed_t<T>;
  if (values.empty()) return {};
  T low = values[0];
  T high = values[0];
  auto signed_low = static_cast<Signed>(low);
  auto signed_high = signed_low;
  for (const T value : values) {
    low = std::min(low, value);
    high = std::max(high, value);
    signed_low = std::min(signed_low, static_cast<Signed>(value));
    signed_high = std::max(signed_high, static_cast<Signed>(value));
  }
  const T range = high - low;
  const T signed_range = static_cast<T>(signed_high) - static_cast<T>(signed_low);
  if (signed_range < range) return {static_cast<T>(signed_low), width_of(signed_range)};
  return {low, width_of(range)};
}

template <class T>
void append(std::string& out, std::span<const T> values, uint8_t width_min = 0) {
  Fit fitted = fit(values);
  fitted.width = std::max(fitted.width, width_min);
  out.push_back(static_cast<char>(fitted.width));
  append_le(out, fitted.base);
  const auto base = static_cast<T>(fitted.base);
  const size_t count = values.size();
  const size_t at = out.size();
  resize_uninitialized(out, at + fitted.width * count);
  const T* const from = values.data();
  for (uint32_t byte = 0; byte < fitted.width; ++byte) {
    char* const plane = out.data() + at + byte * count;
    const uint32_t shift = 8 * byte;
    for (size_t i = 0; i < count; ++i) {
      plane[i] = static_cast<char>(static_cast<T>(from[i] - base) >> shift);
    }
  }
}

template <class T>
void take(ByteReader& in, std::span<T> values) {
  const auto width = in.take<uint8_t>();
  const auto base = static_cast<T>(in.take<uint64_t>());
  const size_t count = values.size();
  if (width > sizeof(T)) in.set_failed();
  const std::string_view planes = in.take_bytes(width * count);
  if (!in.ok()) return;
  T* const to = values.data();
  std::fill(values.begin(), values.end(), base);
  for (uint32_t byte = 0; byte < width; ++byte) {
    const auto* const plane = reinterpret_cast<const uint8_t*>(planes.data()) + byte * count;
    const uint32_t shift = 8 * byte;
    for (size_t i = 0; i < count; ++i) {
      to[i] = static_cast<T>(to[i] + (static_cast<T>(plane[i]) << shift));
    }
  }
}

}  // namespace

void append_numbers(std::string& out, std::span<const uint32_t> values, uint8_t width_min) {
  append(out, values, width_min);
}
void append_numbers(std::string& out, std::span<const uint64_t> values) { append(out, values); }
void take_numbers(ByteReader& in, std::span<uint32_t> values) { take(in, values); }
void take_numbers(ByteReader& in, std::span<uint64_t> values) { take(in, values); }

}  // namespace vivace
