// Starts are looked at only where a row group lies in several intervals, or reaches out of the
// axis. Most fall into the interval of the start before, so that the division is rare.
#include "query/metrics_rows.h"

#include <algorithm>

namespace vivace::metrics {
namespace {

// The interval of one time after the other.
class IntervalOf {
 public:
  explicit IntervalOf(const MetricsAxis& axis) : axis_(axis) {}
  uint32_t operator()(uint64_t time_ns) {
    if (time_ns - from_ns_ >= width_ns_) {
      interval_ = axis_.interval(time_ns);
      const uint64_t end_ns = axis_.stamp(interval_);  // it is the last ns of the interval
      from_ns_ = interval_ == 0 ? axis_.first_ns : end_ns - axis_.step_ns + 1;
      width_ns_ = end_ns - from_ns_ + 1;
    }
    return interval_;
  }

 private:
  const MetricsAxis& axis_;
  uint64_t from_ns_ = 0;
  uint64_t width_ns_ = 0;
  uint32_t interval_ = 0;
};

}  // namespace

std::optional<uint32_t> PickedRows::only_interval(const RowGroup& group, const MetricsAxis& axis) {
  if (!axis.has(group.start_min_ns) || !axis.has(group.end_max_ns)) return std::nullopt;
  const uint32_t interval = axis.interval(group.start_min_ns);
  return interval == axis.interval(group.end_max_ns) ? std::optional(interval) : std::nullopt;
}

Result<void> PickedRows::pick(GroupColumns& group, const Bits& rows, const MetricsAxis& axis) {
  const RowGroup& extent = group.part().groups()[group.group()];
  group_ = extent.rows;
  places_.clear();
  offsets_.clear();
  intervals_.clear();
  one_interval_ = false;
  count_ = rows.count();
  all_ = count_ == group_.count;
  if (count_ == 0) return {};
  if (!all_) {
    offsets_.reserve(count_);
    rows.each([&](uint32_t i) { offsets_.push_back(i); });
  }
  if (const auto only = only_interval(extent, axis)) {
    one_interval_ = true;
    interval_ = *only;
    return {};
  }
  const bool inside = axis.has(extent.start_min_ns) && axis.has(extent.end_max_ns);
  const Column& starts = TRY(group.field(Field::start_ns))->column;
  if (!inside) drop_others(starts, axis);
  intervals_.resize(count_);
  IntervalOf interval_of(axis);
  each(starts,
       [&](uint32_t place, uint64_t start_ns) { intervals_[place] = interval_of(start_ns); });
  return {};
}

// Leaves out rows that start outside the axis.
void PickedRows::drop_others(const Column& starts, const MetricsAxis& axis) {
  std::vector<uint32_t> kept;
  kept.reserve(count_);
  each(starts, [&](uint32_t place, uint64_t start_ns) {
    if (axis.has(start_ns)) kept.push_back(offset(place));
  });
  if (kept.size() == count_) return;
  offsets_ = std::move(kept);
  all_ = false;
  count_ = static_cast<uint32_t>(offsets_.size());
}

void PickedRows::pick_belongings(Range all, const Column& span_of, const PickedRows& rows,
                                 std::vector<uint32_t>& places) {
  group_ = all;
  all_ = false;
  one_interval_ = false;
  places_.clear();
  offsets_.clear();
  intervals_.clear();
  places.clear();
  if (!rows.all_ && rows.places_.empty()) rows.find_places();
  for (const Slice& slice : span_of.slices) {
    for (uint32_t i = 0; i < slice.count; ++i) {
      const uint32_t row = static_cast<uint32_t>(number_at(slice, i)) - rows.group_.first;
      const uint32_t own = slice.owner(i) - all.first;
      if (row >= rows.group_.count || own >= all.count) continue;
      const uint32_t place = rows.all_ ? row : rows.places_[row];
      if (place == kNoPlace) continue;
      offsets_.push_back(own);
      places.push_back(place);
    }
  }
  count_ = static_cast<uint32_t>(offsets_.size());
}

void PickedRows::pick_owners(Range all, const Bits& wanted) {
  group_ = all;
  one_interval_ = false;
  places_.clear();
  offsets_.clear();
  intervals_.clear();
  count_ = wanted.count();
  all_ = count_ == all.count;
  if (all_) return;
  offsets_.reserve(count_);
  wanted.each([&](uint32_t i) { offsets_.push_back(i); });
}

void PickedRows::find_places() const {
  places_.assign(group_.count, kNoPlace);
  for (uint32_t place = 0; place < count_; ++place) places_[offsets_[place]] = place;
}

}  // namespace vivace::metrics
