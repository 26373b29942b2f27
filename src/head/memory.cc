// Regions, a bump pointer over them. Nothing is freed before the head dies, so there is nothing to
// keep track of but the regions.
#include "head/memory.h"

#include <algorithm>
#include <cstring>
#include <sys/mman.h>

#include "base/result.h"

namespace vivace {
namespace {

constexpr size_t kLargeBytes = RegionPool::kRegionBytes / 4;  // a mapping of its own from here on

}  // namespace

HeadMemory::~HeadMemory() {
  for (const Region& region : regions_) {
    if (region.pooled) {
      maybe_pool_->give(region.start);
    } else {
      ::munmap(region.start, region.bytes);
    }
  }
}

char* HeadMemory::map(size_t bytes) {
  void* start = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT(start != MAP_FAILED);
  regions_.push_back({static_cast<char*>(start), bytes, false});
  return static_cast<char*>(start);
}

void HeadMemory::begin_region(size_t bytes_min) {
  const size_t bytes = std::max(bytes_min, next_bytes_);
  if (bytes == RegionPool::kRegionBytes && maybe_pool_ != nullptr) {
    at_ = maybe_pool_->take();
    regions_.push_back({at_, bytes, true});
  } else {
    at_ = map(bytes);
  }
  end_ = at_ + bytes;
  next_bytes_ = std::min(2 * next_bytes_, RegionPool::kRegionBytes);
}

void* HeadMemory::take(size_t bytes, size_t alignment) {
  if (bytes >= kLargeBytes) return map(bytes);
  const auto aligned = [this, alignment] {
    return reinterpret_cast<char*>((reinterpret_cast<uintptr_t>(at_) + alignment - 1) &
                                   ~(alignment - 1));
  };
  if (at_ == nullptr || aligned() + bytes > end_) begin_region(bytes);
  char* start = aligned();
  at_ = start + bytes;
  return start;
}

const char* HeadMemory::store_text(std::string_view text) {
  const bool is_short = text.size() < 0xff;
  const auto size = static_cast<uint32_t>(text.size());
  const size_t bytes = text.size() + (is_short ? 1 : kLengthBytesMax);
  use(static_cast<int64_t>(bytes));
  char* stored = static_cast<char*>(take(bytes, 1));
  char* at = stored;
  if (is_short) {
    *at++ = static_cast<char>(size);
  } else {
    *at++ = '\xff';
    std::memcpy(at, &size, sizeof size);
    at += sizeof size;
  }
  if (!text.empty()) std::memcpy(at, text.data(), text.size());
  return stored;
}

}  // namespace vivace
