// Rows by the hash of their span (trace and span id), to find spans that come twice: open
// addressing with linear probing, at most three quarters full. A slot is a row and 8 bits of the
// hash, which spare a look at most other rows.
//
//   slot: 24 bits row + 1 (0: free), above them 8 bits of the hash
//
// The head's writer only.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace vivace {

class SpanSet {
 public:
  // Forgets all rows; room for so many from now on.
  void clear(size_t rows) {
    used_ = 0;
    size_t slots = kSlotsMin;
    while (rows * 4 > slots * 3) slots *= 2;
    slots_.assign(slots, 0);
  }

  // Room for so many more. `hash_of` is asked for the hashes of rows that are in the set.
  template <class HashOf>
  void make_room(size_t more, const HashOf& hash_of) {
    while ((used_ + more) * 4 > slots_.size() * 3) grow(hash_of);
  }

  // False when one of the set's rows with that hash `is_same`; else `row` is entered.
  template <class IsSame>
  bool enter(uint64_t hash, uint32_t row, const IsSame& is_same) {
    const uint32_t tag = tag_of(hash);
    const size_t mask = slots_.size() - 1;
    for (uint64_t i = hash;; ++i) {
      uint32_t& slot = slots_[i & mask];
      if (slot == 0) {
        slot = tag | (row + 1);
        ++used_;
        return true;
      }
      if ((slot & ~kRowMask) == tag && is_same((slot & kRowMask) - 1)) return false;
    }
  }

  void prefetch(uint64_t hash) const {
    if (!slots_.empty()) __builtin_prefetch(&slots_[hash & (slots_.size() - 1)]);
  }

 private:
  static constexpr uint32_t kRowBits = 24;
  static constexpr uint32_t kRowMask = (1U << kRowBits) - 1;
  static constexpr size_t kSlotsMin = 64;

  static uint32_t tag_of(uint64_t hash) { return static_cast<uint32_t>(hash >> 56) << kRowBits; }

  template <class HashOf>
  void grow(const HashOf& hash_of) {
    const std::vector<uint32_t> old = std::move(slots_);
    slots_.assign(std::max(kSlotsMin, old.size() * 2), 0);
    const size_t mask = slots_.size() - 1;
    for (const uint32_t slot : old) {
      if (slot == 0) continue;
      uint64_t i = hash_of((slot & kRowMask) - 1);
      while (slots_[i & mask] != 0) ++i;
      slots_[i & mask] = slot;
    }
  }

  std::vector<uint32_t> slots_;
  size_t used_ = 0;
};

}  // namespace vivace
