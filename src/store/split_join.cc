// Traces first (trace_lookup.h), then the rows of those that were found (repeat_finder.h): for each
// question or cut what is new, a slice at a time.
#include "store/split_join.h"

#include <algorithm>
#include <utility>

#include "store/head_numbers.h"
#include "store/repeat_finder.h"

namespace vivace {
namespace {

constexpr uint32_t kSlice = 65'536;  // traces or rows that are joined at a time

template <class Times>
void widen(Times& times, uint64_t start_ns, uint64_t end_ns) {
  times.start_ns = std::min(times.start_ns, start_ns);
  times.end_ns = std::max(times.end_ns, end_ns);
}

// What older parts have of a trace.
struct OlderTrace {
  uint64_t start_ns = UINT64_MAX;
  uint64_t end_ns = 0;
  bool is_there = false;
};

std::vector<OlderTrace> look_up(const std::vector<TraceId>& ids, const OlderParts& older,
                                LookupDamage& damage) {
  std::vector<OlderTrace> out(ids.size());
  const WantedTraces wanted(ids);
  wanted.in_each(older, damage, [&](const Part& part, const std::vector<LocatedTrace>& found) {
    for (const LocatedTrace& trace : found) {
      Inspected uncounted;
      const auto entry = part.trace(trace.ordinal, uncounted);
      if (!entry && damage.contains(std::unexpected(entry.error()))) continue;
      widen(out[trace.asked], entry->start_ns, entry->end_ns);
      out[trace.asked].is_there = true;
    }
  });
  return out;
}

// Calls take(ordinal, SplitTrace) for these traces, with the times of what is older. What is not
// found may have gone; if something could not be read, it may also lie anywhere.
template <class Take>
void each_older(const HeadPart& head, const std::vector<uint32_t>& ordinals,
                const OlderParts& older, LookupDamage& damage, const Take& take) {
  for (size_t first = 0; first < ordinals.size(); first += kSlice) {
    std::vector<TraceId> ids;
    for (size_t i = first; i < std::min(ordinals.size(), first + kSlice); ++i) {
      ids.push_back(head.trace_id(ordinals[i]));
    }
    const std::vector<OlderTrace> found = look_up(ids, older, damage);
    for (size_t i = 0; i < ids.size(); ++i) {
      SplitTrace trace{ids[i], found[i].start_ns, found[i].end_ns};
      if (!found[i].is_there && damage.count > 0) widen(trace, 0, UINT64_MAX);
      take(ordinals[first + i], trace);
    }
  }
}

}  // namespace

// ------------------------------------------------------------------------------- joining

std::shared_ptr<const HeadSplits> HeadJoin::splits(const HeadPart& head, const OlderParts& older) {
  const std::lock_guard lock(mutex_);
  join_traces(head, older);
  if (shown_splits_ == nullptr) {
    shown_splits_ =
        std::make_shared<const HeadSplits>(HeadSplits{filter_, counted(filter_.bytes())});
  }
  return shown_splits_;
}

std::shared_ptr<const std::vector<uint32_t>> HeadJoin::repeats(const HeadPart& head,
                                                               const OlderParts& older) {
  struct Shown {
    std::vector<uint32_t> rows;
    Reservation room;
  };
  const std::lock_guard lock(mutex_);
  join_traces(head, older);
  join_rows(head, older);
  if (shown_repeats_ == nullptr) {
    const auto bytes = static_cast<int64_t>(repeats_.size() * sizeof(uint32_t));
    auto shown = std::make_shared<const Shown>(Shown{repeats_, counted(bytes)});
    shown_repeats_ = {shown, &shown->rows};
  }
  return shown_repeats_;
}

// Without times in memory it holds nobody up.
void HeadJoin::each_split(const HeadPart& head, const OlderParts& older,
                          const std::function<void(const SplitTrace&)>& take) {
  std::vector<uint32_t> ordinals;
  {
    const std::lock_guard lock(mutex_);
    join_traces(head, older);
    if (has_times_) {
      widen_times(head);
      for (const Times& times : times_) {
        if (times.ordinal >= head.traces()) break;
        take({head.trace_id(times.ordinal), times.start_ns, times.end_ns});
      }
      return;
    }
    ordinals = is_split_.below(head.traces());
  }
  LookupDamage damage;
  each_older(head, ordinals, older, damage, [&](uint32_t ordinal, SplitTrace trace) {
    Inspected nothing;
    const TraceEntry here = head.trace(ordinal, nothing).value();
    widen(trace, here.start_ns, here.end_ns);
    take(trace);
  });
  damaged_ += damage.count;
}

bool HeadJoin::has_times() const {
  const std::lock_guard lock(mutex_);
  return has_times_;
}

void HeadJoin::join_traces(const HeadPart& head, const OlderParts& older) {
  if (is_split_.size() >= head.traces()) return;
  LookupDamage damage;
  while (is_split_.size() < head.traces()) {
    const uint32_t first = is_split_.size();
    std::vector<TraceId> ids;
    for (uint32_t i = first; i < std::min(head.traces(), first + kSlice); ++i) {
      ids.push_back(head.trace_id(i));
    }
    const std::vector<OlderTrace> found = look_up(ids, older, damage);
    const auto split = std::ranges::count(found, true, &OlderTrace::is_there);
    if (split > 0) shown_splits_ = nullptr;
    make_room_for_times(static_cast<size_t>(split));
    for (uint32_t i = 0; i < ids.size(); ++i) {
      is_split_.push_back(found[i].is_there);
      if (!found[i].is_there) continue;
      enter_filter(head, ids[i]);
      const auto& [start_ns, end_ns, is_there] = found[i];
      if (has_times_) times_.push_back({first + i, start_ns, end_ns, start_ns, end_ns});
    }
  }
  damaged_ += damage.count;
  count_bytes();
}

// Once they had to go they stay away: the next head has its own.
void HeadJoin::make_room_for_times(size_t more) {
  const size_t wanted = times_.size() + more;
  if (!has_times_ || wanted <= times_.capacity()) return;
  const size_t capacity = std::max(wanted, times_.capacity() + times_.capacity() / 2);
  const auto bytes = static_cast<int64_t>((capacity - times_.capacity()) * sizeof(Times));
  if (maybe_budget_ == nullptr || room_.try_grow(bytes)) {
    times_.reserve(capacity);
  } else {
    has_times_ = false;
    times_ = std::vector<Times>();
  }
}

// The last of is_split_.
void HeadJoin::enter_filter(const HeadPart& head, const TraceId& id) {
  if (is_split_.count() > filter_.traces_max()) {
    filter_ = SplitFilter(SplitFilter::words_for(2 * size_t{is_split_.count()}));
    for (const uint32_t ordinal : is_split_.below(is_split_.size())) {
      filter_.add(head.trace_id(ordinal).hash());
    }
  }
  filter_.add(id.hash());
}

// A trace's rows come after those that were timed when it was joined, or with them.
void HeadJoin::widen_times(const HeadPart& head) {
  if (!times_.empty()) {
    each_group(head, rows_from(timed_rows_, head), [&](Range rows, uint32_t group) {
      HeadNumbers traces(head, Field::trace, group);
      HeadNumbers starts(head, Field::start_ns, group);
      HeadNumbers durations(head, Field::duration_ns, group);
      for (uint32_t row = rows.first; row < rows.end(); ++row) {
        const auto trace = static_cast<uint32_t>(traces[row]);
        if (!is_split_.has(trace)) continue;
        widen(times_[is_split_.place(trace)], starts[row], starts[row] + durations[row]);
      }
    });
  }
  timed_rows_ = std::max(timed_rows_, head.rows());
}

void HeadJoin::join_rows(const HeadPart& head, const OlderParts& older) {
  if (is_split_.count() == 0) joined_rows_ = std::max(joined_rows_, head.rows());
  LookupDamage damage;
  while (joined_rows_ < head.rows()) {
    const Range slice{joined_rows_, std::min(head.rows() - joined_rows_, kSlice)};
    join_slice(head, slice, older, damage);
    joined_rows_ = slice.end();
  }
  damaged_ += damage.count;
  count_bytes();
}

void HeadJoin::join_slice(const HeadPart& head, Range slice, const OlderParts& older,
                          LookupDamage& damage) {
  RowsBySpan rows_by_span(slice.count);
  std::vector<uint32_t> ordinals;  // of the traces that these rows have
  each_group(head, slice, [&](Range rows, uint32_t group) {
    HeadNumbers traces(head, Field::trace, group);
    HeadNumbers span_ids(head, Field::span_id, group);
    HeadNumbers kinds(head, Field::kind, group);
    for (uint32_t row = rows.first; row < rows.end(); ++row) {
      const auto trace = static_cast<uint32_t>(traces[row]);
      if (!is_split_.has(trace)) continue;
      const auto kind = static_cast<uint32_t>(kinds[row]);
      rows_by_span.add({.span_id = span_ids[row], .trace = trace, .kind = kind}, row);
      ordinals.push_back(trace);
    }
  });
  if (ordinals.empty()) return;
  std::ranges::sort(ordinals);
  const auto rest = std::ranges::unique(ordinals);
  ordinals.erase(rest.begin(), rest.end());
  std::vector<TraceId> ids;
  for (const uint32_t ordinal : ordinals) ids.push_back(head.trace_id(ordinal));
  RepeatFinder finder(rows_by_span, ordinals, older.received_after_ns, damage);
  const WantedTraces wanted(std::move(ids));
  wanted.in_each(older, damage, [&](const Part& part, const std::vector<LocatedTrace>& found) {
    finder.look_into(part, found);
  });
  const std::vector<uint32_t> repeats = finder.take();
  if (repeats.empty()) return;
  repeats_.insert(repeats_.end(), repeats.begin(), repeats.end());
  shown_repeats_ = nullptr;
}

void HeadJoin::forget() {
  is_split_ = SplitOrdinals();
  filter_ = SplitFilter();
  times_ = std::vector<Times>();
  has_times_ = true;
  repeats_.clear();
  timed_rows_ = joined_rows_ = 0;
  shown_splits_ = nullptr;
  shown_repeats_ = nullptr;
  count_bytes();
}

Reservation HeadJoin::counted(int64_t bytes) const {
  return maybe_budget_ == nullptr ? Reservation() : maybe_budget_->reserve_always(bytes);
}

void HeadJoin::count_bytes() {
  if (maybe_budget_ == nullptr) return;
  const auto now = static_cast<int64_t>(times_.capacity() * sizeof(Times) +
                                        repeats_.capacity() * sizeof(uint32_t)) +
                   is_split_.bytes() + filter_.bytes();
  if (now > room_.bytes()) room_.grow(now - room_.bytes());
  room_.shrink_to(now);
}

// By ordinal, with the times of what is older.
std::vector<SplitTrace> HeadJoin::older_splits(const HeadPart& head, const OlderParts& older) {
  std::vector<SplitTrace> out;
  out.reserve(is_split_.count());
  for (const Times& times : times_) {
    out.push_back({head.trace_id(times.ordinal), times.older_start_ns, times.older_end_ns});
  }
  if (has_times_) return out;
  LookupDamage damage;
  each_older(head, is_split_.below(head.traces()), older, damage,
             [&](uint32_t, const SplitTrace& trace) { out.push_back(trace); });
  damaged_ += damage.count;
  return out;
}

CutJoin HeadJoin::at_cut(const HeadPart& head, const OlderParts& older) {
  const std::lock_guard lock(mutex_);
  if (damaged() > 0) forget();  // what could not be read once may be read now
  join_traces(head, older);
  join_rows(head, older);
  CutJoin out;
  out.left_out = repeats_;
  if (is_split_.count() == 0) return out;
  out.splits = older_splits(head, older);
  const size_t left_out_bytes = out.left_out.size() * sizeof(uint32_t);
  out.room = counted(static_cast<int64_t>(left_out_bytes + out.splits.size() * sizeof(SplitTrace)));
  std::vector<uint32_t> rows_kept(out.splits.size());
  auto left_out = out.left_out.begin();
  each_group(head, rows_from(0, head), [&](Range rows, uint32_t group) {
    HeadNumbers traces(head, Field::trace, group);
    HeadNumbers starts(head, Field::start_ns, group);
    HeadNumbers durations(head, Field::duration_ns, group);
    for (uint32_t row = rows.first; row < rows.end(); ++row) {
      const bool is_left_out = left_out != out.left_out.end() && *left_out == row;
      if (is_left_out) ++left_out;
      const auto trace = static_cast<uint32_t>(traces[row]);
      if (is_left_out || !is_split_.has(trace)) continue;
      const uint32_t split = is_split_.place(trace);
      widen(out.splits[split], starts[row], starts[row] + durations[row]);
      ++rows_kept[split];
    }
  });
  size_t kept = 0;
  for (size_t i = 0; i < rows_kept.size(); ++i) {
    if (rows_kept[i] > 0) out.splits[kept++] = out.splits[i];
  }
  out.splits.resize(kept);
  out.splits.shrink_to_fit();
  out.room.shrink_to(static_cast<int64_t>(left_out_bytes + kept * sizeof(SplitTrace)));
  std::ranges::sort(out.splits, {}, &SplitTrace::id);
  return out;
}

// ------------------------------------------------------------------------------- merging

Result<std::vector<SplitTrace>> splits_after_merge(Blocks merged, Blocks others) {
  std::vector<SplitTrace> all;
  for (const auto& block : merged) {
    Inspected uncounted;
    const auto list = TRY(block->splits(uncounted));
    all.insert(all.end(), list->begin(), list->end());
  }
  std::ranges::sort(all, {}, &SplitTrace::id);
  size_t traces = 0;
  for (const SplitTrace& trace : all) {
    if (traces == 0 || all[traces - 1].id != trace.id) all[traces++] = trace;
    widen(all[traces - 1], trace.start_ns, trace.end_ns);
  }
  LookupDamage damage;
  size_t kept = 0;
  for (size_t first = 0; first < traces; first += kSlice) {
    std::vector<TraceId> ids;
    for (size_t i = first; i < std::min(traces, first + kSlice); ++i) ids.push_back(all[i].id);
    std::vector<bool> is_elsewhere(ids.size());
    const WantedTraces wanted(std::move(ids));
    wanted.in_each({.blocks = others}, damage,
                   [&](const Part&, const std::vector<LocatedTrace>& found) {
                     for (const LocatedTrace& trace : found) is_elsewhere[trace.asked] = true;
                   });
    for (size_t i = 0; i < is_elsewhere.size(); ++i) {
      // Who cannot be asked may have any of them.
      if (is_elsewhere[i] || damage.count > 0) all[kept++] = all[first + i];
    }
  }
  all.resize(kept);
  return all;
}

}  // namespace vivace
