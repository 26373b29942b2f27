// There are as many entries as blocks, some hundreds at the most, so that a list is searched. What
// is freed under the lock are lists of numbers alone.
#include "query/metrics_counts.h"

#include <algorithm>

namespace vivace {
namespace {

int64_t bytes_of(const ResourceCounts::OfPart& counts) {
  int64_t out = 256 + static_cast<int64_t>(counts.size() * sizeof(counts[0]));
  for (const auto& of_group : counts) {
    if (of_group == nullptr) continue;
    out += 64 + static_cast<int64_t>(of_group->capacity() * sizeof((*of_group)[0]));
  }
  return out;
}

}  // namespace

std::shared_ptr<const ResourceCounts::OfPart> ResourceCounts::find(
    const std::shared_ptr<const Part>& part) {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find(entries_, part.get(), &Entry::address);
  if (found == entries_.end()) return nullptr;
  if (found->part.lock() != part) {  // another block that came to lie there
    bytes_ -= found->bytes;
    entries_.erase(found);
    return nullptr;
  }
  entries_.splice(entries_.begin(), entries_, found);
  return entries_.front().counts;
}

void ResourceCounts::add(const std::shared_ptr<const Part>& part, OfPart counts) {
  const int64_t bytes = bytes_of(counts);
  auto kept = std::make_shared<const OfPart>(std::move(counts));
  const std::lock_guard lock(mutex_);
  const auto drop_if = [&](auto test) {
    for (auto at = entries_.begin(); at != entries_.end();) {
      const bool drop = test(*at);
      if (drop) bytes_ -= at->bytes;
      at = drop ? entries_.erase(at) : std::next(at);
    }
  };
  drop_if([&](const Entry& e) { return e.address == part.get() || e.part.expired(); });
  while (!entries_.empty() && bytes_ + bytes > bytes_max_) {
    bytes_ -= entries_.back().bytes;
    entries_.pop_back();
  }
  if (bytes > bytes_max_) return;
  entries_.push_front({part, part.get(), std::move(kept), bytes});
  bytes_ += bytes;
}

int64_t ResourceCounts::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

}  // namespace vivace
