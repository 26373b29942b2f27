// A growing array whose elements never move: the building block of a head's columns. One thread
// appends; any thread may read elements below a size it has seen, without a lock.
//
// Chunks hold 16, 32, ... 8192 elements, then 16384 each, so that a column of ten values is small
// and a long one wastes little. Chunk pointers and elements are written before the size that covers
// them is released. Whoever appends counts the bytes, for many elements at once (HeadMemory::use).
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdint>
#include <span>

#include "base/result.h"
#include "head/memory.h"

namespace vivace {

template <class T>
class Chunked {
 public:
  // The ramp of growing chunks ends here; the others follow. The same for every array, so that
  // what lies side by side in one column does so in all.
  static constexpr uint32_t kRampElements = 16 * ((1U << 10) - 1);
  static constexpr uint32_t kChunkElements = 16384;

  void append(HeadMemory& memory, T value) {
    if (next_ == chunk_end_) [[unlikely]]
      begin_chunk(memory);
    *next_ = value;
    // A head writes to more columns in turn than the processor foresees by itself.
    if (reinterpret_cast<uintptr_t>(next_) % kLineBytes == 0) {
      __builtin_prefetch(reinterpret_cast<const char*>(next_) + 2 * kLineBytes, 1);
    }
    ++next_;
    size_.store(size_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }

  uint32_t size() const { return size_.load(std::memory_order_acquire); }
  bool empty() const { return size() == 0; }

  // `index` is below a size that this thread has seen, or that another thread's release covers.
  const T& operator[](uint32_t index) const {
    if (index < kRampElements) {
      const Ramp place = ramp(index);
      return ramp_[place.chunk][place.offset];
    }
    const uint32_t past = index - kRampElements;
    const T* const* directory = directory_.load(std::memory_order_acquire);
    return directory[past / kChunkElements][past % kChunkElements];
  }

  // The elements from `first` on that lie side by side, up to `end`; `first` < `end`, which is no
  // larger than a size as above.
  std::span<const T> run(uint32_t first, uint32_t end) const {
    uint32_t room = 0;
    if (first < kRampElements) {
      const Ramp place = ramp(first);
      room = (kFirstElements << place.chunk) - place.offset;
    } else {
      room = kChunkElements - (first - kRampElements) % kChunkElements;
    }
    return {&(*this)[first], std::min(room, end - first)};
  }

  // For the writer: an element that readers do not look at yet, or an atomic.
  T& at(uint32_t index) { return const_cast<T&>((*this)[index]); }

 private:
  static constexpr uint32_t kFirstElements = 16;
  static constexpr uintptr_t kLineBytes = 64;  // of the cache
  static constexpr uint32_t kRampChunks = 10;
  static_assert(kRampElements == kFirstElements * ((1U << kRampChunks) - 1));
  static constexpr uint32_t kDirectoryChunks = 64;  // at first: a million elements

  struct Ramp {
    uint32_t chunk;
    uint32_t offset;
  };
  static Ramp ramp(uint32_t index) {
    const uint32_t chunk = static_cast<uint32_t>(std::bit_width(index / kFirstElements + 1)) - 1;
    return {chunk, index - kFirstElements * ((1U << chunk) - 1)};
  }

  [[gnu::noinline]] void begin_chunk(HeadMemory& memory) {
    const uint32_t index = size_.load(std::memory_order_relaxed);
    const bool is_ramp = index < kRampElements;
    const uint32_t elements = is_ramp ? kFirstElements << ramp(index).chunk : kChunkElements;
    next_ = memory.allocate<T>(elements);
    chunk_end_ = next_ + elements;
    if (is_ramp) {
      ramp_[ramp(index).chunk] = next_;
    } else {
      enter(memory, (index - kRampElements) / kChunkElements);
    }
  }

  // Readers may still look into the old directory when a larger one takes its place: it stays.
  void enter(HeadMemory& memory, uint32_t chunk) {
    T** directory = directory_.load(std::memory_order_relaxed);
    if (chunk == directory_chunks_) {
      directory_chunks_ = std::max(kDirectoryChunks, 4 * chunk);
      T** larger = memory.allocate<T*>(directory_chunks_);
      std::copy_n(directory, chunk, larger);
      directory = larger;
    }
    directory[chunk] = next_;
    directory_.store(directory, std::memory_order_release);
  }

  T* next_ = nullptr;       // the writer's: where the next element goes
  T* chunk_end_ = nullptr;  // of the chunk that `next_` is in
  T* ramp_[kRampChunks] = {};
  std::atomic<T**> directory_{nullptr};
  uint32_t directory_chunks_ = 0;
  std::atomic<uint32_t> size_{0};
};

// The first index in [first, size) of a sorted column whose element is not below `value`.
template <class T>
uint32_t lower_bound(const Chunked<T>& sorted, uint32_t size, T value, uint32_t first = 0) {
  uint32_t low = first;
  uint32_t high = size;
  while (low < high) {
    const uint32_t middle = low + (high - low) / 2;
    if (sorted[middle] < value) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

}  // namespace vivace
