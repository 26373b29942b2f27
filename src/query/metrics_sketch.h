// Quantiles of many numbers in little memory, within 1 %.
//
//   sketch.add(0.25);  ...
//   sketch.quantile(0.9)       the ceil(0.9 n)-th smallest, at least the first
//
// Up to 32 numbers are kept as they are, and answered exactly. More are counted in buckets, 64 for
// each power of two: the bucket of a number is read off its bits, sign and magnitude, and holds
// numbers that differ by less than 1/64. A bucket answers with a value in its middle, at most 0.8 %
// from any other. A power of two without numbers takes no memory. Zero, negative numbers and the
// infinite ones have their buckets like all others; NaN is not to be added.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <memory>
#include <vector>

#include "query/metrics_ids.h"

namespace vivace::metrics {

class Sketch {
 public:
  static constexpr size_t kFewMax = 32;

  uint64_t count() const { return count_; }
  void add(double value, Memory& memory) {
    ++count_;
    if (few_ != nullptr || sides_ == nullptr) return add_few(value, memory);
    count_in_bucket(value, memory);
  }
  // Of at least one number; 0 <= q <= 1.
  double quantile(double q) const;

 private:
  static constexpr uint32_t kSubBits = 6;
  static constexpr uint32_t kOctaves = 2048;  // exponents of a double; zero is in the first
  using Octave = std::array<uint32_t, size_t{1} << kSubBits>;
  // Numbers of one sign, by magnitude.
  struct Side {
    uint32_t first = 0;  // octave of octaves[0]
    std::vector<std::unique_ptr<Octave>> octaves;
  };
  struct Sides {
    Side negative;
    Side positive;
  };

  void add_few(double value, Memory& memory);
  void count_in_bucket(double value, Memory& memory) {
    const uint64_t bits = std::bit_cast<uint64_t>(value);
    Side& side = (bits >> 63) != 0 ? sides_->negative : sides_->positive;
    const auto bucket = static_cast<uint32_t>(bits << 1 >> (53 - kSubBits));
    const uint32_t octave = bucket >> kSubBits;
    const uint32_t at = octave - side.first;
    Octave* counts = at < side.octaves.size() ? side.octaves[at].get() : nullptr;
    if (counts == nullptr) counts = make_octave(side, octave, memory);
    if (counts == nullptr) return;
    uint32_t& counter = (*counts)[bucket & ((1U << kSubBits) - 1)];
    counter += counter != UINT32_MAX ? 1 : 0;
  }
  static Octave* make_octave(Side& side, uint32_t octave, Memory& memory);
  static double middle(uint32_t bucket);

  uint64_t count_ = 0;
  std::unique_ptr<std::vector<double>> few_;
  std::unique_ptr<Sides> sides_;  // once there are more than a few
};

}  // namespace vivace::metrics
