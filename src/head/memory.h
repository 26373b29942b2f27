// Where a head's bytes live: regions, handed out from front to back, given back all at once when
// the head dies. The first are small, so that a head of few spans is; then they are of 2 MiB and
// come from a pool in which dead heads leave theirs. New memory holds anything.
//
// What is counted is what is used, element by element, not what is set aside: the count grows in
// step with the data, and admission can tell beforehand how much a batch may add (a chunk of every
// column at once would dwarf any batch). Hash tables count at most what an entry takes when they
// have just grown.
//
// One thread allocates; `bytes` may be read from any.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "head/region_pool.h"

namespace vivace {

class HeadMemory {
 public:
  // Without a pool, regions come from the kernel and go back to it.
  explicit HeadMemory(std::shared_ptr<RegionPool> maybe_pool = nullptr)
      : maybe_pool_(std::move(maybe_pool)) {}
  HeadMemory(const HeadMemory&) = delete;
  HeadMemory& operator=(const HeadMemory&) = delete;
  ~HeadMemory();

  // Room for `count` objects of a trivial type, aligned for it. Who fills them counts them, by
  // `use`.
  template <class T>
  T* allocate(size_t count) {
    static_assert(std::is_trivially_destructible_v<T>);
    return static_cast<T*>(take(count * sizeof(T), alignof(T)));
  }

  // A copy of the text with its length in front, which is counted; `read_text` gives it back.
  const char* store_text(std::string_view text);
  static constexpr int64_t kLengthBytesMax = 5;

  // Counts bytes that are used from now on, here or beside; fewer than zero: not any more.
  void use(int64_t bytes) {  // one writer: no need for a locked addition
    bytes_.store(bytes_.load(std::memory_order_relaxed) + bytes, std::memory_order_relaxed);
  }

  // In use.
  int64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  static constexpr size_t kFirstRegionBytes = 64 << 10;

  void* take(size_t bytes, size_t alignment);
  char* map(size_t bytes);
  void begin_region(size_t bytes_min);

  struct Region {
    char* start;
    size_t bytes;
    bool pooled;
  };
  const std::shared_ptr<RegionPool> maybe_pool_;
  std::vector<Region> regions_;
  size_t next_bytes_ = kFirstRegionBytes;
  char* at_ = nullptr;
  char* end_ = nullptr;
  std::atomic<int64_t> bytes_{0};
};

// What `store_text` stored.
inline std::string_view read_text(const char* stored) {
  uint32_t size = static_cast<uint8_t>(*stored++);
  if (size == 0xff) {
    __builtin_memcpy(&size, stored, sizeof size);
    stored += sizeof size;
  }
  return {stored, size};
}

}  // namespace vivace
