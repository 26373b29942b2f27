// Buckets are the upper bits of a double's magnitude: exponent, then six bits of the fraction.
// Numbers below the smallest normal double share the first octave, linearly.
#include "query/metrics_sketch.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <optional>

namespace vivace::metrics {

void Sketch::add_few(double value, Memory& memory) {
  if (few_ == nullptr) few_ = std::make_unique<std::vector<double>>();
  if (few_->size() < kFewMax) {
    if (few_->size() == few_->capacity()) {
      const size_t more = std::max<size_t>(1, few_->capacity());
      if (!memory.take(more * sizeof(double) + sizeof(std::vector<double>))) return;
      few_->reserve(few_->capacity() + more);
    }
    few_->push_back(value);
    return;
  }
  sides_ = std::make_unique<Sides>();
  if (!memory.take(sizeof(Sides))) return;
  for (const double each : *few_) count_in_bucket(each, memory);
  count_in_bucket(value, memory);
  few_.reset();
}

Sketch::Octave* Sketch::make_octave(Side& side, uint32_t octave, Memory& memory) {
  std::vector<std::unique_ptr<Octave>>& octaves = side.octaves;
  const size_t size_before = octaves.size();
  if (octaves.empty()) side.first = octave;
  const uint32_t front = side.first > octave ? side.first - octave : 0;
  const size_t size_after = std::max<size_t>(size_before + front, octave - side.first + front + 1);
  if (!memory.take((size_after - size_before) * sizeof(octaves[0]) + sizeof(Octave))) {
    return nullptr;
  }
  if (front > 0) {
    std::vector<std::unique_ptr<Octave>> moved(front);
    std::ranges::move(octaves, std::back_inserter(moved));
    octaves = std::move(moved);
    side.first = octave;
  }
  octaves.resize(size_after);
  octaves[octave - side.first] = std::make_unique<Octave>(Octave());
  return octaves[octave - side.first].get();
}

// Between the bounds of the bucket, where it is equally far from both, relatively.
double Sketch::middle(uint32_t bucket) {
  const auto bound = [](uint64_t b) { return std::bit_cast<double>(b << (52 - kSubBits)); };
  const double low = bound(bucket);
  const double high = bound(uint64_t{bucket} + 1);
  if (std::isinf(low)) return low;
  if (bucket == 0) return 0;
  if (std::isinf(high)) return low;
  return low + (high - low) * (low / (low + high));
}

double Sketch::quantile(double q) const {
  const auto wanted = static_cast<uint64_t>(std::ceil(q * static_cast<double>(count_)));
  const uint64_t rank = std::clamp<uint64_t>(wanted, 1, count_);
  if (few_ != nullptr) {
    std::vector<double> sorted = *few_;
    std::ranges::sort(sorted);
    return sorted.empty() ? 0 : sorted[std::min<uint64_t>(rank, sorted.size()) - 1];
  }
  uint64_t seen = 0;
  const auto walk = [&](const Side& side, bool down) -> std::optional<double> {
    const size_t octaves = side.octaves.size();
    constexpr uint32_t kSub = 1U << kSubBits;
    for (size_t i = 0; i < octaves * kSub; ++i) {
      const size_t at = down ? octaves * kSub - 1 - i : i;
      if (side.octaves[at / kSub] == nullptr) continue;
      seen += (*side.octaves[at / kSub])[at % kSub];
      if (seen < rank) continue;
      const double value = middle(side.first * kSub + static_cast<uint32_t>(at));
      return down ? -value : value;
    }
    return std::nullopt;
  };
  if (const auto found = walk(sides_->negative, true)) return *found;
  return walk(sides_->positive, false).value_or(0);
}

}  // namespace vivace::metrics
