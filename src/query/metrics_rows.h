// The rows of one row group that a metrics query counts, and the interval of each. What is worked
// out of them lies in arrays by *place*: the first picked row is place 0, and so on.
//
// Used again and again, so that its arrays keep their memory. One thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "query/bits.h"
#include "query/group_columns.h"
#include "query/metrics_axis.h"

namespace vivace::metrics {

class PickedRows {
 public:
  // Those of `rows` that start in the axis.
  Result<void> pick(GroupColumns& group, const Bits& rows, const MetricsAxis& axis);

  // The interval that all starts of a row group fall into, as far as its times tell.
  static std::optional<uint32_t> only_interval(const RowGroup& group, const MetricsAxis& axis);

  // Instead of rows: those of `all` events, or links, that belong to picked rows. `span_of` has the
  // rows of all; places[place] becomes the place of the row.
  void pick_belongings(Range all, const Column& span_of, const PickedRows& rows,
                       std::vector<uint32_t>& places);
  // Those of `all` resources, or scopes, that are wanted.
  void pick_owners(Range all, const Bits& wanted);

  uint32_t count() const { return count_; }
  bool is_all() const { return all_; }
  Range group() const { return group_; }
  uint32_t row(uint32_t place) const { return group_.first + offset(place); }
  uint32_t offset(uint32_t place) const { return all_ ? place : offsets_[place]; }

  // Whether all are in one interval, and which.
  bool in_one_interval() const { return one_interval_; }
  uint32_t interval() const { return interval_; }
  uint32_t interval_at(uint32_t place) const {
    return one_interval_ ? interval_ : intervals_[place];
  }
  const uint32_t* intervals() const { return intervals_.data(); }

  // Calls take(place, bits) for each value of the column that a picked row owns.
  template <class Take>
  void each(const Column& column, Take take) const {
    for (const Slice& slice : column.slices) {
      if (slice.longs != nullptr) {
        each_of(slice, take, [&](uint32_t i) { return slice.longs[i]; });
      } else if (slice.words != nullptr) {
        each_of(slice, take, [&](uint32_t i) { return slice.words[i]; });
      } else {
        each_of(slice, take, [](uint32_t) { return uint64_t{0}; });
      }
    }
  }

 private:
  static constexpr uint32_t kNoPlace = UINT32_MAX;
  static constexpr uint32_t kFewShare = 16;  // of a column's values

  void find_places() const;
  void drop_others(const Column& starts, const MetricsAxis& axis);

  template <class Take, class At>
  void each_of(const Slice& slice, Take& take, At at) const {
    if (slice.count == 0) return;
    if (slice.owners == nullptr) {
      const uint32_t first = slice.first_owner - group_.first;
      if (all_) {
        for (uint32_t i = 0; i < slice.count; ++i) take(first + i, at(i));
        return;
      }
      auto place =
          static_cast<uint32_t>(std::ranges::lower_bound(offsets_, first) - offsets_.begin());
      for (; place < count_ && offsets_[place] - first < slice.count; ++place) {
        take(place, at(offsets_[place] - first));
      }
      return;
    }
    if (!all_ && count_ < slice.count / kFewShare) return each_of_few(slice, take, at);
    if (!all_ && places_.empty()) find_places();
    for (uint32_t i = 0; i < slice.count; ++i) {
      const uint32_t offset = slice.owners[i] - group_.first;
      if (offset >= group_.count) continue;
      const uint32_t place = all_ ? offset : places_[offset];
      if (place != kNoPlace) take(place, at(i));
    }
  }

  // Looks the picked rows up among the owners, not the other way round.
  template <class Take, class At>
  void each_of_few(const Slice& slice, Take& take, At at) const {
    const uint32_t* const end = slice.owners + slice.count;
    const uint32_t* from = slice.owners;
    for (uint32_t place = 0; place < count_ && from != end; ++place) {
      const uint32_t owner = row(place);
      from = std::lower_bound(from, end, owner);
      for (; from != end && *from == owner; ++from) {
        take(place, at(static_cast<uint32_t>(from - slice.owners)));
      }
    }
  }

  Range group_;
  uint32_t count_ = 0;
  bool all_ = true;
  bool one_interval_ = false;
  uint32_t interval_ = 0;
  std::vector<uint32_t> offsets_;         // by place, unless all
  std::vector<uint32_t> intervals_;       // by place, unless one
  mutable std::vector<uint32_t> places_;  // by offset, once a sparse column asked
};

}  // namespace vivace::metrics
