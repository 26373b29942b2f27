// The form of a run is chosen from a sample: what a perfect coder would need for its bytes as
// planes, and as classes. The loops over planes each run over contiguous memory, so that the
// compiler can turn them into vector instructions.
#include "block/numbers.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <numbers>
#include <type_traits>

#include "block/layout.h"

namespace vivace {
namespace {

constexpr size_t kSample = 1'024;
constexpr size_t kCutMin = 2'048;  // a piece of content that is worth statistics of its own
constexpr size_t kClassesPadding = 8;

struct Fit {
  uint64_t base = 0;
  uint64_t range = 0;
  uint8_t width() const { return static_cast<uint8_t>((std::bit_width(range) + 7) / 8); }
};

// The class of a number, and how many bits follow it.
uint32_t class_of(uint64_t value) { return static_cast<uint32_t>(std::bit_width(value)); }
uint32_t bits_below(uint32_t number_class) { return number_class - (number_class > 0 ? 1 : 0); }

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
  if (signed_range < range) return {static_cast<T>(signed_low), signed_range};
  return {low, range};
}

// How often each byte came.
class Counts {
 public:
  void add(uint64_t byte) { ++counts_[byte & 0xff]; }
  // Bits a value, by a Huffman code: a whole one at least, if there is a choice. A sample has fewer
  // surprises than what it was taken from, which is corrected as Miller and Madow have it.
  double bits(size_t total) const {
    double sum = 0;
    double distinct = 0;
    for (const uint32_t count : counts_) {
      if (count == 0) continue;
      sum += count * std::log2(static_cast<double>(total) / count);
      ++distinct;
    }
    if (distinct < 2) return 0;
    return std::max(1.0,
                    (sum + (distinct - 1) / (2 * std::numbers::ln2)) / static_cast<double>(total));
  }

 private:
  std::array<uint32_t, 256> counts_{};
};

template <class T>
bool classes_are_smaller(std::span<const T> values, const Fit& fitted) {
  const size_t step = std::max<size_t>(1, values.size() / kSample);
  std::array<Counts, sizeof(T)> planes;
  Counts classes;
  size_t total = 0;
  size_t rest_bits = 0;
  for (size_t i = 0; i < values.size(); i += step, ++total) {
    const auto value = static_cast<T>(values[i] - static_cast<T>(fitted.base));
    for (uint32_t byte = 0; byte < fitted.width(); ++byte) planes[byte].add(value >> (8 * byte));
    const uint32_t number_class = class_of(value);
    classes.add(number_class);
    rest_bits += bits_below(number_class);
  }
  double as_planes = 0;
  for (uint32_t byte = 0; byte < fitted.width(); ++byte) as_planes += planes[byte].bits(total);
  const double as_classes =
      classes.bits(total) + static_cast<double>(rest_bits) / static_cast<double>(total);
  return as_classes < as_planes * 0.995;
}

void cut(const std::string& out, const NumberOptions& options, size_t piece) {
  if (options.maybe_cuts == nullptr || piece < kCutMin) return;
  options.maybe_cuts->push_back(static_cast<uint32_t>(out.size()));
}

template <class T>
void append_planes(std::string& out, std::span<const T> values, const Fit& fitted, uint8_t width,
                   const NumberOptions& options) {
  const auto base = static_cast<T>(fitted.base);
  const size_t count = values.size();
  const T* const from = values.data();
  for (uint32_t byte = 0; byte < width; ++byte) {
    if (byte > 0) cut(out, options, count);
    const size_t at = out.size();
    resize_uninitialized(out, at + count);
    char* const plane = out.data() + at;
    const uint32_t shift = 8 * byte;
    for (size_t i = 0; i < count; ++i) {
      plane[i] = static_cast<char>(static_cast<T>(from[i] - base) >> shift);
    }
  }
}

template <class T>
void append_bits(std::string& out, std::span<const T> values, const Fit& fitted) {
  const size_t at = out.size();
  out.resize(at + (values.size() + 7) / 8);
  for (size_t i = 0; i < values.size(); ++i) {
    char& byte = out[at + i / 8];
    byte = static_cast<char>(byte | ((values[i] != static_cast<T>(fitted.base)) << i % 8));
  }
}

template <class T>
void append_classes(std::string& out, std::span<const T> values, const Fit& fitted,
                    const NumberOptions& options) {
  const auto base = static_cast<T>(fitted.base);
  const size_t at = out.size();
  resize_uninitialized(out, at + values.size());
  size_t bits = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const uint32_t number_class = class_of(static_cast<T>(values[i] - base));
    out[at + i] = static_cast<char>(number_class);
    bits += bits_below(number_class);
  }
  cut(out, options, values.size());
  const size_t rest = out.size();
  out.resize(rest + (bits + 7) / 8 + kClassesPadding);
  char* const to = out.data() + rest;
  size_t place = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const uint32_t below = bits_below(static_cast<uint8_t>(out[at + i]));
    if (below == 0) continue;
    const uint64_t value = static_cast<T>(values[i] - base) ^ (uint64_t{1} << below);
    char* const word = to + place / 8;
    const uint32_t shift = place % 8;
    store(word, load<uint64_t>(word) | value << shift);
    if (below > 64 - shift) word[8] = static_cast<char>(value >> (64 - shift));
    place += below;
  }
}

template <class T>
void append(std::string& out, std::span<const T> values, const NumberOptions& options) {
  const Fit fitted = fit(values);
  const uint8_t width = std::max<uint8_t>(fitted.width(), options.byte_each ? 1 : 0);
  uint8_t form = width;
  if (fitted.range == 1 && !options.byte_each) {
    form = kNumberBits;
  } else if (width > 1 && values.size() >= kSample / 4 && classes_are_smaller(values, fitted)) {
    form = kNumberClasses;
  }
  out.push_back(static_cast<char>(form));
  append_le(out, fitted.base);
  if (form == kNumberBits) {
    append_bits(out, values, fitted);
  } else if (form == kNumberClasses) {
    append_classes(out, values, fitted, options);
  } else {
    append_planes(out, values, fitted, width, options);
  }
  cut(out, options, values.size());
}

template <class T>
void take_planes(ByteReader& in, std::span<T> values, T base, uint8_t width) {
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

template <class T>
void take_bits(ByteReader& in, std::span<T> values, T base) {
  const std::string_view bits = in.take_bytes((values.size() + 7) / 8);
  if (!in.ok()) return;
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<T>(base + ((static_cast<uint8_t>(bits[i / 8]) >> i % 8) & 1));
  }
}

template <class T>
void take_classes(ByteReader& in, std::span<T> values, T base) {
  const std::string_view classes = in.take_bytes(values.size());
  uint8_t widest = 0;
  size_t bits = 0;
  for (const char each : classes) {
    const auto number_class = static_cast<uint8_t>(each);
    widest = std::max(widest, number_class);
    bits += bits_below(number_class);
  }
  if (widest > 8 * sizeof(T)) in.set_failed();
  const std::string_view rest = in.take_bytes((bits + 7) / 8 + kClassesPadding);
  if (!in.ok()) return;
  size_t place = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const uint32_t number_class = static_cast<uint8_t>(classes[i]);
    const uint32_t below = bits_below(number_class);
    const char* const word = rest.data() + place / 8;
    const uint32_t shift = place % 8;
    uint64_t value = load<uint64_t>(word) >> shift;
    if (below > 64 - shift) value |= uint64_t{static_cast<uint8_t>(word[8])} << (64 - shift);
    value &= (uint64_t{1} << below) - 1;
    if (number_class > 0) value |= uint64_t{1} << below;
    values[i] = static_cast<T>(base + static_cast<T>(value));
    place += below;
  }
}

template <class T>
void take(ByteReader& in, std::span<T> values) {
  const auto form = in.take<uint8_t>();
  const auto base = static_cast<T>(in.take<uint64_t>());
  if (form == kNumberBits) return take_bits(in, values, base);
  if (form == kNumberClasses) return take_classes(in, values, base);
  take_planes(in, values, base, form);
}

}  // namespace

void append_numbers(std::string& out, std::span<const uint32_t> values, NumberOptions options) {
  append(out, values, options);
}
void append_numbers(std::string& out, std::span<const uint64_t> values, NumberOptions options) {
  append(out, values, options);
}
void take_numbers(ByteReader& in, std::span<uint32_t> values) { take(in, values); }
void take_numbers(ByteReader& in, std::span<uint64_t> values) { take(in, values); }

}  // namespace vivace
