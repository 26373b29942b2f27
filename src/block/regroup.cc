// Three ways: a dense column is picked by the order itself; one with values for many owners by a
// bitmap of the owners and its running count; one with few by sorting those few.
#include "block/regroup.h"

#include <algorithm>
#include <bit>
#include <numeric>

namespace vivace {
namespace {

constexpr uint32_t kManyShare = 16;  // one owner in so many has a value

}  // namespace

void OwnerOrder::place() {
  placed.resize(source.size());
  for (uint32_t i = 0; i < source.size(); ++i) placed[source[i]] = i;
}

OwnerOrder same_order(uint32_t owners) {
  OwnerOrder order;
  order.source.resize(owners);
  std::iota(order.source.begin(), order.source.end(), 0U);
  order.placed = order.source;
  order.ends.push_back(owners);
  return order;
}

Regrouped::Regrouped(const FlatColumn& column, const OwnerOrder& order)
    : column_(column), order_(order) {
  if (column.dense) return;
  if (column.count >= order.source.size() / kManyShare) {
    mark_owners();
  } else {
    sort_values();
  }
}

void Regrouped::mark_owners() {
  marks_.resize(order_.source.size() / 64 + 1);
  bool repeats = false;
  uint32_t last = UINT32_MAX;
  for (const uint32_t owner : column_.owners) {
    marks_[owner / 64] |= 1ULL << owner % 64;
    repeats |= owner == last;
    last = owner;
  }
  before_.reserve(marks_.size());
  uint32_t count = 0;
  for (const uint64_t word : marks_) {
    before_.push_back(count);
    count += static_cast<uint32_t>(std::popcount(word));
  }
  if (!repeats) return;
  starts_.reserve(count + 1);
  for (uint32_t i = 0; i < column_.count; ++i) {
    if (i == 0 || column_.owners[i] != column_.owners[i - 1]) starts_.push_back(i);
  }
  starts_.push_back(column_.count);
}

void Regrouped::sort_values() {
  sorted_.reserve(column_.count);
  for (uint32_t i = 0; i < column_.count; ++i) {
    sorted_.push_back(uint64_t{order_.placed[column_.owners[i]]} << 32 | i);
  }
  std::ranges::sort(sorted_);
}

void Regrouped::pick_marked(const Range& owners) {
  for (uint32_t i = 0; i < owners.count; ++i) {
    const uint32_t owner = order_.source[owners.first + i];
    const uint64_t word = marks_[owner / 64];
    const uint64_t bit = 1ULL << owner % 64;
    if ((word & bit) == 0) continue;
    const uint32_t rank =
        before_[owner / 64] + static_cast<uint32_t>(std::popcount(word & (bit - 1)));
    if (starts_.empty()) {
      owners_.push_back(i);
      values_.push_back(rank);
      continue;
    }
    for (uint32_t value = starts_[rank]; value < starts_[rank + 1]; ++value) {
      owners_.push_back(i);
      values_.push_back(value);
    }
  }
}

void Regrouped::pick_sorted(const Range& owners) {
  for (; next_ < sorted_.size(); ++next_) {
    const auto owner = static_cast<uint32_t>(sorted_[next_] >> 32);
    if (owner >= owners.end()) return;
    owners_.push_back(owner - owners.first);
    values_.push_back(static_cast<uint32_t>(sorted_[next_]));
  }
}

Picks Regrouped::group(uint32_t group) {
  const Range owners = order_.group(group);
  if (column_.dense) {
    return {true, {}, std::span(order_.source).subspan(owners.first, owners.count)};
  }
  owners_.clear();
  values_.clear();
  if (marks_.empty()) {
    pick_sorted(owners);
  } else {
    pick_marked(owners);
  }
  if (owners_.size() != owners.count) return {false, owners_, values_};
  const bool repeats = std::ranges::adjacent_find(owners_) != owners_.end();
  return {!repeats, repeats ? std::span<const uint32_t>(owners_) : std::span<const uint32_t>(),
          values_};
}

}  // namespace vivace
