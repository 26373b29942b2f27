// Regions of memory that dead heads leave to the next ones: 2 MiB each, in huge pages where the
// kernel has them. A page that the kernel hands out anew costs a fault and its zeros, which is more
// than all that a head writes into it.
//
// What was not needed between two calls of `trim` goes back to the kernel, so that an idle process
// is small: call it about once a second. Regions are never more than heads held at once.
//
// Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

namespace vivace {

class RegionPool {
 public:
  static constexpr size_t kRegionBytes = 2 << 20;

  RegionPool() = default;
  RegionPool(const RegionPool&) = delete;
  RegionPool& operator=(const RegionPool&) = delete;
  ~RegionPool();

  // kRegionBytes, aligned to as many; their content is anything.
  char* take();
  void give(char* region);

  void trim();
  // Of the regions that wait for a head.
  int64_t bytes() const;

 private:
  mutable std::mutex mutex_;  // guards the two below
  std::vector<char*> waiting_;
  size_t unused_ = 0;  // so many at the least waited since the last `trim`
};

}  // namespace vivace
