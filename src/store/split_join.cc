// Traces first (trace_lookup.h), then the rows of those that were found. Rows are compared with the
// older spans by a table of the head's, which a question or a cut builds for the rows that are new.
#include "store/split_join.h"

#include <algorithm>
#include <bit>
#include <optional>
#include <utility>

#include <boost/unordered/unordered_flat_map.hpp>

#include "model/row_reader.h"

namespace vivace {
namespace {

// A span of the head, by what makes it the same as another.
struct SpanKey {
  uint64_t span_id = 0;
  uint32_t trace = 0;  // ordinal in the head
  uint32_t kind = 0;
  bool operator==(const SpanKey&) const = default;
};
struct SpanKeyHash {
  using is_avalanching = void;
  size_t operator()(const SpanKey& key) const {
    return mix64((key.span_id ^ kProcessSeed) + (uint64_t{key.trace} << 20) + key.kind);
  }
};

// Spans of the head, and their rows. Most spans of older parts are not among them, which a few bits
// say without a look at the table.
class RowsBySpan {
 public:
  explicit RowsBySpan(uint32_t rows_max) : bits_(std::bit_ceil(uint64_t{rows_max} / 4 + 1)) {}

  void add(const SpanKey& key, uint32_t row) {
    const uint64_t hash = SpanKeyHash()(key);
    bits_[word(hash)] |= bit(hash);
    rows_.emplace(key, row);
  }
  // Takes it out.
  std::optional<uint32_t> take(const SpanKey& key) {
    const uint64_t hash = SpanKeyHash()(key);
    if ((bits_[word(hash)] & bit(hash)) == 0) return std::nullopt;
    const auto found = rows_.find(key);
    if (found == rows_.end()) return std::nullopt;
    const uint32_t row = found->second;
    rows_.erase(found);
    return row;
  }

 private:
  size_t word(uint64_t hash) const { return (hash >> 6) & (bits_.size() - 1); }
  static uint64_t bit(uint64_t hash) { return uint64_t{1} << (hash & 63); }

  std::vector<uint64_t> bits_;  // 16 or more for each row
  boost::unordered_flat_map<SpanKey, uint32_t, SpanKeyHash> rows_;
};

// A dense column of a head, in one row group, that has as many rows as the question sees.
class HeadNumbers {
 public:
  HeadNumbers(const HeadPart& head, Field field, uint32_t group) {
    Inspected nothing;
    column_ = head.read(field, group, nothing).value();  // a head is in memory: nothing fails
  }
  // Rows must ascend.
  uint64_t operator[](uint32_t row) {
    while (row - slice().first_owner >= slice().count) ++slice_;
    const uint32_t i = row - slice().first_owner;
    return slice().longs != nullptr ? slice().longs[i] : slice().words[i];
  }

 private:
  const Slice& slice() const { return column_.slices[slice_]; }
  Column column_;
  size_t slice_ = 0;
};

// Calls take(rows, group) for the row groups from that of `from` on.
template <class Take>
void each_group(const HeadPart& head, uint32_t from, const Take& take) {
  if (from >= head.rows()) return;
  for (uint32_t g = group_of(head, from); g < head.groups(); ++g) {
    const Range rows = head.group(g).rows;
    const uint32_t first = std::max(rows.first, from);
    take(Range{first, rows.end() - first}, g);
  }
}

template <class Times>
void widen(Times& times, uint64_t start_ns, uint64_t end_ns) {
  times.start_ns = std::min(times.start_ns, start_ns);
  times.end_ns = std::max(times.end_ns, end_ns);
}

// Takes the repeats out of `rows`: those whose spans an older part has in one of these traces.
class RepeatFinder {
 public:
  RepeatFinder(RowsBySpan& rows, const std::vector<uint32_t>& ordinals, int64_t received_after_ns,
               LookupDamage& damage)
      : rows_(rows), ordinals_(ordinals), received_after_ns_(received_after_ns), damage_(damage) {}

  void look_into(const Part& part, const std::vector<LocatedTrace>& found) {
    Inspected uncounted;
    RowReader reader(part, uncounted);
    RowGroup group;
    std::vector<uint32_t> rows;
    for (const LocatedTrace& trace : found) {
      rows.clear();
      if (damage_.contains(part.trace_rows(trace.ordinal, rows, uncounted))) continue;
      for (const uint32_t row : rows) {
        if (row - group.rows.first >= group.rows.count) group = part.group(group_of(part, row));
        if (group.received_max_ns < received_after_ns_) continue;
        if (damage_.contains(look_at(reader, row, ordinals_[trace.asked]))) break;
      }
    }
  }

  std::vector<uint32_t> take() {
    std::ranges::sort(repeats_);
    return std::move(repeats_);
  }

 private:
  Result<void> look_at(RowReader& reader, uint32_t row, uint32_t ordinal) {
    const uint64_t span_id = TRY(reader.number(Field::span_id, row));
    const auto kind = static_cast<uint32_t>(TRY(reader.number(Field::kind, row)));
    const auto same = rows_.take({.span_id = span_id, .trace = ordinal, .kind = kind});
    if (same) repeats_.push_back(*same);
    return {};
  }

  RowsBySpan& rows_;
  const std::vector<uint32_t>& ordinals_;
  const int64_t received_after_ns_;
  LookupDamage& damage_;
  std::vector<uint32_t> repeats_;
};

}  // namespace

// ------------------------------------------------------------------------------- joining

std::shared_ptr<const HeadSplits> HeadJoin::splits(const HeadPart& head, const OlderParts& older) {
  const std::lock_guard lock(mutex_);
  join_traces(head, older);
  widen_times(head);
  if (shown_splits_ == nullptr) shown_splits_ = std::make_shared<const HeadSplits>(splits_);
  return shown_splits_;
}

std::shared_ptr<const std::vector<uint32_t>> HeadJoin::repeats(const HeadPart& head,
                                                               const OlderParts& older) {
  const std::lock_guard lock(mutex_);
  join_traces(head, older);
  join_rows(head, older);
  if (shown_repeats_ == nullptr) {
    shown_repeats_ = std::make_shared<const std::vector<uint32_t>>(repeats_);
  }
  return shown_repeats_;
}

void HeadJoin::join_traces(const HeadPart& head, const OlderParts& older) {
  const auto first = static_cast<uint32_t>(split_of_.size());
  if (first >= head.traces()) return;
  std::vector<TraceId> ids;
  for (uint32_t i = first; i < head.traces(); ++i) ids.push_back(head.trace_id(i));
  std::vector<HeadSplits::Trace> found_of(ids.size(), {.start_ns = UINT64_MAX, .end_ns = 0});
  std::vector<bool> is_split(ids.size());
  LookupDamage damage;
  const WantedTraces wanted(ids);
  wanted.in_each(older, damage, [&](const Part& part, const std::vector<LocatedTrace>& found) {
    for (const LocatedTrace& trace : found) {
      Inspected uncounted;
      const auto entry = part.trace(trace.ordinal, uncounted);
      if (!entry && damage.contains(std::unexpected(entry.error()))) continue;
      widen(found_of[trace.asked], entry->start_ns, entry->end_ns);
      is_split[trace.asked] = true;
    }
  });
  split_of_.resize(head.traces(), kWhole);
  for (uint32_t i = 0; i < ids.size(); ++i) {
    if (!is_split[i]) continue;
    HeadSplits::Trace& found = found_of[i];
    found.id = ids[i];
    found.ordinal = first + i;
    found.older_start_ns = found.start_ns;
    found.older_end_ns = found.end_ns;
    split_of_[found.ordinal] = static_cast<uint32_t>(splits_.traces.size());
    splits_.traces.push_back(found);
    splits_.hashes.insert(found.id.hash());
    shown_splits_ = nullptr;
  }
  damaged_ += damage.count;
}

// A trace's rows come after those that were timed when it was joined, or with them.
void HeadJoin::widen_times(const HeadPart& head) {
  if (!splits_.traces.empty()) {
    each_group(head, timed_rows_, [&](Range rows, uint32_t group) {
      HeadNumbers traces(head, Field::trace, group);
      HeadNumbers starts(head, Field::start_ns, group);
      HeadNumbers durations(head, Field::duration_ns, group);
      for (uint32_t row = rows.first; row < rows.end(); ++row) {
        const uint32_t split = split_of_[traces[row]];
        if (split == kWhole) continue;
        widen(splits_.traces[split], starts[row], starts[row] + durations[row]);
        shown_splits_ = nullptr;
      }
    });
  }
  timed_rows_ = std::max(timed_rows_, head.rows());
}

void HeadJoin::join_rows(const HeadPart& head, const OlderParts& older) {
  if (splits_.traces.empty() || joined_rows_ >= head.rows()) {
    joined_rows_ = std::max(joined_rows_, head.rows());
    return;
  }
  RowsBySpan rows_by_span(head.rows() - joined_rows_);
  std::vector<uint32_t> ordinals;  // of the traces that these rows have
  const auto take_rows = [&](Range rows, uint32_t group) {
    HeadNumbers traces(head, Field::trace, group);
    HeadNumbers span_ids(head, Field::span_id, group);
    HeadNumbers kinds(head, Field::kind, group);
    for (uint32_t row = rows.first; row < rows.end(); ++row) {
      const auto trace = static_cast<uint32_t>(traces[row]);
      if (split_of_[trace] == kWhole) continue;
      const auto kind = static_cast<uint32_t>(kinds[row]);
      rows_by_span.add({.span_id = span_ids[row], .trace = trace, .kind = kind}, row);
      ordinals.push_back(trace);
    }
  };
  each_group(head, joined_rows_, take_rows);
  joined_rows_ = head.rows();
  if (ordinals.empty()) return;
  std::ranges::sort(ordinals);
  const auto rest = std::ranges::unique(ordinals);
  ordinals.erase(rest.begin(), rest.end());
  std::vector<TraceId> ids;
  for (const uint32_t ordinal : ordinals) ids.push_back(head.trace_id(ordinal));
  LookupDamage damage;
  RepeatFinder finder(rows_by_span, ordinals, older.received_after_ns, damage);
  const WantedTraces wanted(std::move(ids));
  wanted.in_each(older, damage, [&](const Part& part, const std::vector<LocatedTrace>& found) {
    finder.look_into(part, found);
  });
  damaged_ += damage.count;
  const std::vector<uint32_t> repeats = finder.take();
  if (repeats.empty()) return;
  repeats_.insert(repeats_.end(), repeats.begin(), repeats.end());
  shown_repeats_ = nullptr;
}

void HeadJoin::forget() {
  split_of_.clear();
  splits_ = {};
  repeats_.clear();
  timed_rows_ = joined_rows_ = 0;
  shown_splits_ = nullptr;
  shown_repeats_ = nullptr;
}

CutJoin HeadJoin::at_cut(const HeadPart& head, const OlderParts& older) {
  const std::lock_guard lock(mutex_);
  if (damaged() > 0) forget();  // what could not be read once may be read now
  join_traces(head, older);
  join_rows(head, older);
  CutJoin out;
  out.left_out = repeats_;
  if (splits_.traces.empty()) return out;
  std::vector<uint32_t> rows_kept(splits_.traces.size());
  for (const HeadSplits::Trace& trace : splits_.traces) {
    out.splits.push_back({trace.id, trace.older_start_ns, trace.older_end_ns});
  }
  auto left_out = out.left_out.begin();
  each_group(head, 0, [&](Range rows, uint32_t group) {
    HeadNumbers traces(head, Field::trace, group);
    HeadNumbers starts(head, Field::start_ns, group);
    HeadNumbers durations(head, Field::duration_ns, group);
    for (uint32_t row = rows.first; row < rows.end(); ++row) {
      const bool is_left_out = left_out != out.left_out.end() && *left_out == row;
      if (is_left_out) ++left_out;
      const uint32_t split = split_of_[traces[row]];
      if (split == kWhole || is_left_out) continue;
      widen(out.splits[split], starts[row], starts[row] + durations[row]);
      ++rows_kept[split];
    }
  });
  size_t kept = 0;
  for (size_t i = 0; i < rows_kept.size(); ++i) {
    if (rows_kept[i] > 0) out.splits[kept++] = out.splits[i];
  }
  out.splits.resize(kept);
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
  std::vector<SplitTrace> traces;
  std::vector<TraceId> ids;
  for (const SplitTrace& trace : all) {
    if (ids.empty() || ids.back() != trace.id) {
      ids.push_back(trace.id);
      traces.push_back(trace);
    }
    widen(traces.back(), trace.start_ns, trace.end_ns);
  }
  LookupDamage damage;
  std::vector<bool> is_elsewhere(ids.size());
  const WantedTraces wanted(std::move(ids));
  wanted.in_each({.blocks = others}, damage,
                 [&](const Part&, const std::vector<LocatedTrace>& found) {
                   for (const LocatedTrace& trace : found) is_elsewhere[trace.asked] = true;
                 });
  if (damage.count > 0) return traces;  // who cannot be asked may have any of them
  std::vector<SplitTrace> out;
  for (size_t i = 0; i < traces.size(); ++i) {
    if (is_elsewhere[i]) out.push_back(traces[i]);
  }
  return out;
}

}  // namespace vivace
