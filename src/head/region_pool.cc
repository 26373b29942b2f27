// A stack of regions: the one that was given back last is the likeliest to be in a cache. New ones
// are aligned, so that the kernel can make each a huge page.
#include "head/region_pool.h"

#include <algorithm>
#include <sys/mman.h>

#include "base/result.h"

namespace vivace {
namespace {

char* map_region() {
  constexpr size_t kBytes = RegionPool::kRegionBytes;
  constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS;
  // Twice as much has an aligned half in it; the rest goes back.
  void* mapped = ::mmap(nullptr, 2 * kBytes, PROT_READ | PROT_WRITE, kFlags, -1, 0);
  ASSERT(mapped != MAP_FAILED);
  char* start = static_cast<char*>(mapped);
  const size_t before = (kBytes - reinterpret_cast<uintptr_t>(start) % kBytes) % kBytes;
  if (before > 0) ::munmap(start, before);
  ::munmap(start + before + kBytes, kBytes - before);
  ::madvise(start + before, kBytes, MADV_HUGEPAGE);  // where there are none, small ones do
  return start + before;
}

}  // namespace

RegionPool::~RegionPool() {
  for (char* region : waiting_) ::munmap(region, kRegionBytes);
}

char* RegionPool::take() {
  {
    const std::lock_guard lock(mutex_);
    if (!waiting_.empty()) {
      char* region = waiting_.back();
      waiting_.pop_back();
      unused_ = std::min(unused_, waiting_.size());
      return region;
    }
  }
  return map_region();
}

void RegionPool::give(char* region) {
  const std::lock_guard lock(mutex_);
  waiting_.push_back(region);
}

void RegionPool::trim() {
  std::vector<char*> unused;
  {
    const std::lock_guard lock(mutex_);
    unused.assign(waiting_.end() - static_cast<ptrdiff_t>(unused_), waiting_.end());
    waiting_.resize(waiting_.size() - unused_);
    unused_ = waiting_.size();
  }
  for (char* region : unused) ::munmap(region, kRegionBytes);
}

int64_t RegionPool::bytes() const {
  const std::lock_guard lock(mutex_);
  return static_cast<int64_t>(waiting_.size() * kRegionBytes);
}

}  // namespace vivace
