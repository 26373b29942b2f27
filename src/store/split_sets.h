// Which traces are split, in few bytes: of a tenant's blocks or of a head, by the hash of their ids
// (SplitFilter), and of one head by their ordinals (SplitOrdinals). Held by split_join.h and
// split_traces.h.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace vivace {

// Says of a trace "not there" or "maybe there", for 2 to 4 bytes a trace. Who is taken for split
// and is not costs a look-up in other parts, and nothing else; it is never the other way round.
//
// A trace is four bits of one word, which its hash chooses. With 16 bits a trace some 1 of 200 that
// are not there looks as if it were, with 8 it is 1 of 20; a filter that is overfull says "maybe"
// to all.
//
// One thread adds at a time; any others ask meanwhile, and see what was added before they were told
// of it.
class SplitFilter {
 public:
  static constexpr size_t kTracesPerWord = 4;

  static constexpr size_t words_for(size_t traces) {
    return std::bit_ceil(std::max(kWordsMin, traces / kTracesPerWord + 1));
  }
  // The largest that takes no more, or the smallest that there is.
  static constexpr size_t words_within(int64_t bytes) {
    return std::bit_floor(std::max(kWordsMin, static_cast<size_t>(bytes) / sizeof(uint64_t)));
  }
  explicit SplitFilter(size_t words = kWordsMin) : words_(words) {}  // a power of two

  // By TraceId::hash. Whether it was not there, nor seemed to be.
  bool add(uint64_t hash) {
    const std::atomic_ref<uint64_t> word(words_[place(hash)]);
    const uint64_t before = word.load(std::memory_order_relaxed);
    word.store(before | bits(hash), std::memory_order_relaxed);
    return (before & bits(hash)) != bits(hash);
  }
  bool may_have(uint64_t hash) const {
    const std::atomic_ref<uint64_t> word(words_[place(hash)]);
    return (word.load(std::memory_order_relaxed) & bits(hash)) == bits(hash);
  }

  size_t traces_max() const { return words_.size() * kTracesPerWord; }
  int64_t bytes() const { return static_cast<int64_t>(words_.size() * sizeof(uint64_t)); }

 private:
  static constexpr size_t kWordsMin = 64;

  size_t place(uint64_t hash) const { return (hash >> 32) & (words_.size() - 1); }
  static uint64_t bits(uint64_t hash) {
    const auto bit = [hash](int shift) { return uint64_t{1} << ((hash >> shift) & 63); };
    return bit(0) | bit(6) | bit(12) | bit(18);
  }

  mutable std::vector<uint64_t> words_;  // atomic_ref of g++ 12 takes no const
};

// Which traces of a head are split, by ordinal.
class SplitOrdinals {
 public:
  void push_back(bool is_split) {
    if (size_ % 64 == 0) words_.push_back({.bits = 0, .before = count_});
    words_.back().bits |= uint64_t{is_split} << (size_++ % 64);
    count_ += is_split ? 1 : 0;
  }
  uint32_t size() const { return size_; }
  uint32_t count() const { return count_; }  // of split ones
  bool has(uint32_t ordinal) const {
    return ordinal < size_ && ((words_[ordinal / 64].bits >> (ordinal % 64)) & 1) != 0;
  }
  // How many split ones come before it.
  uint32_t place(uint32_t ordinal) const {
    const Word& word = words_[ordinal / 64];
    const uint64_t below = word.bits & ((uint64_t{1} << (ordinal % 64)) - 1);
    return word.before + static_cast<uint32_t>(std::popcount(below));
  }
  // Those below `end`, ascending.
  std::vector<uint32_t> below(uint32_t end) const {
    std::vector<uint32_t> out;
    out.reserve(count_);
    for (uint32_t ordinal = 0; ordinal < std::min(end, size_); ++ordinal) {
      if (has(ordinal)) out.push_back(ordinal);
    }
    return out;
  }
  int64_t bytes() const { return static_cast<int64_t>(words_.capacity() * sizeof(Word)); }

 private:
  struct Word {
    uint64_t bits;
    uint32_t before;
  };
  std::vector<Word> words_;
  uint32_t size_ = 0;
  uint32_t count_ = 0;
};

}  // namespace vivace
