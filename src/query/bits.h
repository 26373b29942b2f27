// Sets of things that are numbered from 0, a bit each, combined 64 at a time. Bits past the end
// stay zero.
//
//   Bits       rows (or events, links, resources) of one row group
//   SpanBits   spans of one trace, in canonical order; most have fewer than 128: then it needs no
//              memory of its own
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <utility>
#include <vector>

#include <boost/container/small_vector.hpp>

#include "base/result.h"

namespace vivace {

template <class Words>
class BitSet {
 public:
  BitSet() = default;
  explicit BitSet(uint32_t size, bool value = false)
      : size_(size), words_((size_t{size} + 63) / 64, value ? ~uint64_t{0} : 0) {
    trim();
  }

  uint32_t size() const { return size_; }
  // 64 bits a word, the first in the lowest; (size + 63) / 64 of them.
  const uint64_t* words() const { return words_.data(); }
  bool test(uint32_t i) const { return (words_[i / 64] >> (i % 64) & 1) != 0; }
  void set(uint32_t i) { words_[i / 64] |= uint64_t{1} << (i % 64); }
  void assign(uint32_t i, bool value) {
    words_[i / 64] &= ~(uint64_t{1} << (i % 64));
    words_[i / 64] |= uint64_t{value} << (i % 64);
  }

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

  // Of `count` from a place on.
  bool any(uint32_t from, uint32_t count) const {
    bool out = false;
    each_word(from, count, [&](uint64_t word) { out = out || word != 0; });
    return out;
  }
  uint32_t count(uint32_t from, uint32_t count) const {
    uint32_t out = 0;
    each_word(from, count,
              [&](uint64_t word) { out += static_cast<uint32_t>(std::popcount(word)); });
    return out;
  }

  BitSet& operator|=(const BitSet& other) {
    ASSERT(size_ == other.size_);
    for (size_t i = 0; i < words_.size(); ++i) words_[i] |= other.words_[i];
    return *this;
  }
  BitSet& operator&=(const BitSet& other) {
    ASSERT(size_ == other.size_);
    for (size_t i = 0; i < words_.size(); ++i) words_[i] &= other.words_[i];
    return *this;
  }
  BitSet& operator-=(const BitSet& other) {
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

  // Sets from `at` on those of `count` for which test(i) holds, 64 at a time.
  template <class Test>
  void set_run(uint32_t at, uint32_t count, Test test) {
    for (uint32_t i = 0; i < count;) {
      const uint32_t bit = at % 64;
      const uint32_t end = std::min(count, i + 64 - bit);
      uint64_t word = 0;
      for (uint32_t b = bit; i < end; ++i, ++b, ++at) word |= uint64_t{test(i)} << b;
      words_[(at - 1) / 64] |= word;
    }
  }

 private:
  // The words that hold a range, without the bits beside it.
  template <class Take>
  void each_word(uint32_t from, uint32_t count, Take take) const {
    if (count == 0) return;
    const uint32_t last = from + count - 1;
    const uint64_t head = ~uint64_t{0} << (from % 64);
    const uint64_t tail = ~uint64_t{0} >> (63 - last % 64);
    if (from / 64 == last / 64) return take(words_[from / 64] & head & tail);
    take(words_[from / 64] & head);
    for (uint32_t w = from / 64 + 1; w < last / 64; ++w) take(words_[w]);
    take(words_[last / 64] & tail);
  }

  void trim() {
    if (size_ % 64 != 0) words_.back() &= (uint64_t{1} << (size_ % 64)) - 1;
  }

  uint32_t size_ = 0;
  Words words_;
};

using Bits = BitSet<std::vector<uint64_t>>;
using SpanBits = BitSet<boost::container::small_vector<uint64_t, 2>>;

inline Bits operator&(Bits a, const Bits& b) { return std::move(a &= b); }
inline Bits operator|(Bits a, const Bits& b) { return std::move(a |= b); }
inline Bits operator-(Bits a, const Bits& b) { return std::move(a -= b); }

}  // namespace vivace
