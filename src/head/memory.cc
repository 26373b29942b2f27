// Regions from mmap, a bump pointer over them. Nothing is freed before the head dies, so there is
// nothing to keep track of but the regions.
#include "head/memory.h"

#include <cstring>
#include <sys/mman.h>

#include "base/result.h"

namespace vivace {
namespace {

constexpr size_t kRegionBytes = 1 << 20;
constexpr size_t kLargeBytes = kRegionBytes / 4;  // from here on, a region of its own

}  // namespace

HeadMemory::~HeadMemory() {
  for (const Region& region : regions_) ::munmap(region.start, region.bytes);
}

char* HeadMemory::map(size_t bytes) {
  void* start = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT(start != MAP_FAILED);
  regions_.push_back({static_cast<char*>(start), bytes});
  return static_cast<char*>(start);
}

void* HeadMemory::take(size_t bytes, size_t alignment) {
  if (bytes >= kLargeBytes) return map(bytes);
  char* start = reinterpret_cast<char*>((reinterpret_cast<uintptr_t>(at_) + alignment - 1) &
                                        ~(alignment - 1));
  if (at_ == nullptr || start + bytes > end_) {
    start = map(kRegionBytes);
    end_ = start + kRegionBytes;
  }
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
