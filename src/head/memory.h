// Where a head's bytes live: regions of 1 MiB from the kernel, handed out from front to back, given
// back all at once when the head dies. Untouched pages cost nothing. New memory reads as zeros.
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
#include <string_view>
#include <vector>

namespace vivace {

class HeadMemory {
 public:
  HeadMemory() = default;
  HeadMemory(const HeadMemory&) = delete;
  HeadMemory& operator=(const HeadMemory&) = delete;
  ~HeadMemory();

  // `count` zeroed objects of a trivial type, aligned for it. Who fills them counts them, by `use`.
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
  void* take(size_t bytes, size_t alignment);
  char* map(size_t bytes);

  struct Region {
    char* start;
    size_t bytes;
  };
  std::vector<Region> regions_;
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
