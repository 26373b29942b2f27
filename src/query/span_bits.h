// A set of the spans of one trace, a bit each, numbered in canonical order. Most traces have fewer
// than 128 spans, and then it lies on the stack. Bits past the end stay zero.
#pragma once

#include <bit>
#include <cstdint>

#include <boost/container/small_vector.hpp>

#include "base/result.h"

namespace vivace {

class SpanBits {
 public:
  SpanBits() = default;
  explicit SpanBits(uint32_t size, bool value = false)
      : size_(size), words_((size_t{size} + 63) / 64, value ? ~uint64_t{0} : 0) {
    trim();
  }

  uint32_t size() const { return size_; }
  bool test(uint32_t i) const { return (words_[i / 64] >> (i % 64) & 1) != 0; }
  void set(uint32_t i) { words_[i / 64] |= uint64_t{1} << (i % 64); }

  bool none() const {
    for (const uint64_t word : words_) {
      if (word != 0) return false;
    }
    return true;
  }
  uint32_t count() const {
    uint32_t out = 0;
    for (const uint64_t word : words_) out += static_cast<uint32_t>(std::popcount(word));
    return out;
  }

  SpanBits& operator|=(const SpanBits& other) {
    ASSERT(size_ == other.size_);
    for (size_t i = 0; i < words_.size(); ++i) words_[i] |= other.words_[i];
    return *this;
  }
  SpanBits& operator&=(const SpanBits& other) {
    ASSERT(size_ == other.size_);
    for (size_t i = 0; i < words_.size(); ++i) words_[i] &= other.words_[i];
    return *this;
  }
  SpanBits& operator-=(const SpanBits& other) {
    ASSERT(size_ == other.size_);
    for (size_t i = 0; i < words_.size(); ++i) words_[i] &= ~other.words_[i];
    return *this;
  }

  // Calls take(i) for each that is set, ascending.
  template <class Take>
  void each(Take take) const {
    for (size_t w = 0; w < words_.size(); ++w) {
      for (uint64_t word = words_[w]; word != 0; word &= word - 1) {
        take(static_cast<uint32_t>(w * 64) + static_cast<uint32_t>(std::countr_zero(word)));
      }
    }
  }

  // As many bits of other words, from a place on.
  void copy_from(const uint64_t* words, uint32_t from) {
    const uint32_t shift = from % 64;
    const uint64_t* at = words + from / 64;
    for (uint32_t w = 0; w < words_.size(); ++w) {
      uint64_t word = at[w] >> shift;
      const bool crosses = shift != 0 && w * 64 + (64 - shift) < size_;
      if (crosses) word |= at[w + 1] << (64 - shift);
      words_[w] = word;
    }
    trim();
  }

 private:
  void trim() {
    if (size_ % 64 != 0) words_.back() &= (uint64_t{1} << (size_ % 64)) - 1;
  }

  uint32_t size_ = 0;
  boost::container::small_vector<uint64_t, 2> words_;
};

}  // namespace vivace
