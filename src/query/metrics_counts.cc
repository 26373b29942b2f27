// There are as many entries as blocks, some hundreds at the most, so that a list is searched. What
// is freed under the lock are lists of numbers alone.
#include "query/metrics_counts.h"

#include <algorithm>

namespace vivace {
namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;

// The second that a time lies in, by its end.
uint64_t second_of(uint64_t time_ns) {
  return time_ns / kSecondNs + (time_ns % kSecondNs != 0 ? 1 : 0);
}

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

Result<std::shared_ptr<const ResourceCounts::OfGroup>> count_resources(GroupColumns& group) {
  constexpr size_t kCellsMax = 1 << 16;
  const RowGroup& extent = group.part().groups()[group.group()];
  const uint64_t first = second_of(extent.start_min_ns);
  const uint64_t seconds = second_of(extent.end_max_ns) - first + 1;
  const size_t resources = group.owners(Scope::resource).count;
  if (seconds > kCellsMax || resources * seconds > kCellsMax) return nullptr;
  std::vector<uint32_t> rows(resources * seconds);
  std::vector<uint64_t> starts;
  for (const Slice& slice : TRY(group.field(Field::start_ns))->column.slices) {
    starts.insert(starts.end(), slice.longs, slice.longs + slice.count);
  }
  size_t row = 0;
  for (const Slice& slice : TRY(group.field(Field::resource))->column.slices) {
    for (uint32_t i = 0; i < slice.count && row < starts.size(); ++i, ++row) {
      const size_t cell = (second_of(starts[row]) - first) * resources + slice.words[i];
      if (cell < rows.size()) ++rows[cell];
    }
  }
  ResourceCounts::OfGroup out;
  for (size_t cell = 0; cell < rows.size(); ++cell) {
    if (rows[cell] == 0) continue;
    out.push_back({.resource = static_cast<uint32_t>(cell % resources),
                   .rows = rows[cell],
                   .second = first + cell / resources});
  }
  out.shrink_to_fit();
  return std::make_shared<const ResourceCounts::OfGroup>(std::move(out));
}

int64_t ResourceCounts::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

}  // namespace vivace
