// Sources in order bring their traces with first rows and times; heads have their rows dealt out to
// their traces and sorted. Then ids are compared through their hashes; what belongs together, or
// lacks rows, is settled row by row, in the order of starts, so that few pieces are needed at a
// time. Span ids and kinds are looked at only there and where starts are equal.
#include "block/trace_list.h"

#include <algorithm>
#include <numeric>
#include <tuple>

#include "block/merge_runs.h"

namespace vivace {
TraceList::TraceList(const BlockSources& sources)
    : sources_(sources),
      space_(sources.space(Scope::span)),
      listed_from_(static_cast<uint32_t>(space_.end())),
      starts_(space_, field_reader(sources, Field::start_ns)),
      durations_(space_, field_reader(sources, Field::duration_ns)),
      parents_(space_, field_reader(sources, Field::parent_id)),
      span_ids_(space_, field_reader(sources, Field::span_id)),
      kinds_(space_, field_reader(sources, Field::kind)) {}

// ------------------------------------------------------------------------- from each source

// Places the rows of a trace that has them side by side; false when some are missing.
bool TraceList::add_rows(uint32_t source, Range rows, BlockTrace& trace) {
  const std::vector<uint32_t>& left_out = sources_.left_out(source);
  auto next_left_out = std::ranges::lower_bound(left_out, rows.first);
  const std::span<const Piece> pieces = space_.of_source(source);
  auto piece = std::ranges::partition_point(
      pieces, [&](const Piece& it) { return it.owners.end() <= rows.first; });
  const bool none_left_out = next_left_out == left_out.end() || *next_left_out >= rows.end();
  if (none_left_out && piece != pieces.end() && piece->owners.first <= rows.first &&
      rows.end() <= piece->owners.end()) {
    trace.first_row = piece->number(rows.first);
    return true;
  }
  trace.first_row = place_of_next();
  const size_t before = listed_.size();
  for (uint32_t row = rows.first; row < rows.end(); ++row) {
    while (piece != pieces.end() && piece->owners.end() <= row) ++piece;
    if (piece == pieces.end()) break;
    while (next_left_out != left_out.end() && *next_left_out < row) ++next_left_out;
    if (next_left_out != left_out.end() && *next_left_out == row) continue;
    if (piece->owners.first <= row) listed_.push_back(piece->number(row));
  }
  trace.entry.spans = static_cast<uint32_t>(listed_.size() - before);
  return trace.entry.spans == rows.count;
}

Result<void> TraceList::add_in_order(uint32_t source) {
  const Part& part = sources_.part(source);
  Inspected uncounted;
  uint64_t row = 0;
  for (uint32_t ordinal = 0; ordinal < part.traces(); ++ordinal) {
    BlockTrace trace{TRY(part.trace(ordinal, uncounted)), 0};
    const Range rows{static_cast<uint32_t>(row), trace.entry.spans};
    row += rows.count;
    if (row > part.rows()) return fail(Code::corrupt, "the traces do not cover the rows");
    if (trace.entry.root) *trace.entry.root -= rows.first;
    const bool whole = add_rows(source, rows, trace);
    if (trace.entry.spans == 0) continue;
    if (!whole) incomplete_.push_back(static_cast<uint32_t>(traces_.size()));
    traces_.push_back(trace);
  }
  if (row != part.rows()) return fail(Code::corrupt, "the traces do not cover the rows");
  return {};
}

// Deals the rows out to the traces from `first_trace` on, which are those of the source.
Result<void> TraceList::deal(uint32_t source, size_t first_trace) {
  const std::vector<uint32_t>& left_out = sources_.left_out(source);
  const auto each_row = [&](const auto& take) -> Result<void> {
    auto next_left_out = left_out.begin();
    for (const Piece& piece : space_.of_source(source)) {
      Inspected uncounted;
      const Column column = TRY(sources_.part(source).read(Field::trace, piece.group, uncounted));
      for (const Slice& slice : column.slices) {
        for (uint32_t i = 0; i < slice.count; ++i) {
          const uint32_t row = slice.owner(i);
          while (next_left_out != left_out.end() && *next_left_out < row) ++next_left_out;
          if (next_left_out != left_out.end() && *next_left_out == row) continue;
          if (first_trace + slice.words[i] >= traces_.size()) {
            return fail(Code::corrupt, "a trace that is not there");
          }
          take(traces_[first_trace + slice.words[i]], piece.number(row));
        }
      }
    }
    return {};
  };
  CHECK_OK(each_row([](BlockTrace& trace, uint32_t) { ++trace.entry.spans; }));
  uint64_t place = place_of_next();
  for (size_t i = first_trace; i < traces_.size(); ++i) {
    traces_[i].first_row = static_cast<uint32_t>(place);
    place += traces_[i].entry.spans;
  }
  listed_.resize(place - listed_from_);
  CHECK_OK(each_row([&](BlockTrace& trace, uint32_t number) {
    listed_[trace.first_row++ - listed_from_] = number;
  }));
  for (size_t i = first_trace; i < traces_.size(); ++i) {
    traces_[i].first_row -= traces_[i].entry.spans;
  }
  return {};
}

Result<void> TraceList::add_dealt(uint32_t source) {
  const Part& part = sources_.part(source);
  Inspected uncounted;
  const size_t first_trace = traces_.size();
  std::vector<uint32_t> spans;  // of the traces as the source has them
  traces_.reserve(first_trace + part.traces());
  spans.reserve(part.traces());
  std::vector<uint32_t> roots;
  roots.reserve(part.traces());
  for (uint32_t ordinal = 0; ordinal < part.traces(); ++ordinal) {
    traces_.push_back({TRY(part.trace(ordinal, uncounted)), 0});
    BlockTrace& trace = traces_.back();
    spans.push_back(std::exchange(trace.entry.spans, 0));
    roots.push_back(trace.entry.root.value_or(OwnerOrder::kNowhere));
  }
  CHECK_OK(deal(source, first_trace));
  const std::span<const Piece> pieces = space_.of_source(source);
  for (size_t i = first_trace; i < traces_.size(); ++i) {
    TraceEntry& entry = traces_[i].entry;
    const auto rows = std::span(listed_).subspan(traces_[i].first_row - listed_from_, entry.spans);
    if (entry.spans != spans[i - first_trace]) {
      if (entry.spans > 0) incomplete_.push_back(static_cast<uint32_t>(i));
      continue;
    }
    if (rows.size() > 1) sort_rows(rows);
    if (!entry.root) continue;
    const uint32_t root = roots[i - first_trace];
    const auto piece = std::ranges::partition_point(
        pieces, [&](const Piece& it) { return it.owners.end() <= root; });
    const auto found = std::ranges::find(rows, piece->number(root));
    entry.root = static_cast<uint32_t>(found - rows.begin());
  }
  return starts_.verdict();
}

// Of one source.
void TraceList::sort_rows(std::span<uint32_t> rows) {
  by_start_.clear();
  for (const uint32_t row : rows) by_start_.emplace_back(starts_[row], row);
  std::ranges::sort(by_start_);
  for (size_t i = 0; i < rows.size(); ++i) rows[i] = by_start_[i].second;
  for (size_t from = 0; from < rows.size();) {
    size_t end = from + 1;
    while (end < rows.size() && by_start_[end].first == by_start_[from].first) ++end;
    if (end - from > 1) settle_ties(rows.subspan(from, end - from));
    from = end;
  }
}

// These start at the same time, and stand as in the source.
void TraceList::settle_ties(std::span<uint32_t> rows) {
  keys_.clear();
  for (const uint32_t row : rows) {
    keys_.push_back({0, SpanId{span_ids_[row]}, static_cast<int32_t>(kinds_[row]), row});
  }
  std::ranges::sort(keys_, {},
                    [](const Key& key) { return std::tuple(key.span_id, key.kind, key.number); });
  for (size_t i = 0; i < rows.size(); ++i) rows[i] = keys_[i].number;
}

// ------------------------------------------------------------------------- all together

// Finds what has to be settled: traces that several sources have, and those that lack rows.
void TraceList::join() {
  std::vector<std::pair<uint64_t, uint32_t>> hashes;
  if (sources_.count() > 1) {
    hashes.reserve(traces_.size());
    for (uint32_t i = 0; i < traces_.size(); ++i) {
      if (traces_[i].entry.spans > 0) hashes.emplace_back(traces_[i].entry.id.hash(), i);
    }
    std::ranges::sort(hashes);
  }
  const auto add = [&](std::span<const uint32_t> parts) {
    Unsettled found{UINT64_MAX, static_cast<uint32_t>(joined_.size()),
                    static_cast<uint32_t>(parts.size())};
    for (const uint32_t part : parts) {
      joined_.push_back(part);
      found.start_ns = std::min(found.start_ns, traces_[part].entry.start_ns);
    }
    unsettled_.push_back(found);
  };
  std::vector<uint32_t> same;
  const auto add_same = [&](size_t from, size_t end) {
    for (; from < end; ++from) {
      if (hashes[from].second == UINT32_MAX) continue;
      const TraceId& id = traces_[hashes[from].second].entry.id;
      same.assign(1, hashes[from].second);
      for (size_t i = from + 1; i < end; ++i) {
        uint32_t& other = hashes[i].second;
        if (other == UINT32_MAX || traces_[other].entry.id != id) continue;
        same.push_back(std::exchange(other, UINT32_MAX));
      }
      if (same.size() > 1) add(same);
    }
  };
  for (size_t from = 0; from < hashes.size();) {
    size_t end = from + 1;
    while (end < hashes.size() && hashes[end].first == hashes[from].first) ++end;
    if (end - from > 1) add_same(from, end);
    from = end;
  }
  std::vector<uint32_t> found = joined_;
  std::ranges::sort(found);
  for (const uint32_t trace : incomplete_) {
    if (!std::ranges::binary_search(found, trace)) add({&trace, 1});
  }
}

// Lists the rows of these parts of a trace as the first of them, without repeats.
void TraceList::settle_one(std::span<const uint32_t> parts) {
  keys_.clear();
  for (const uint32_t part : parts) {
    BlockTrace& trace = traces_[part];
    each_run(trace.first_row, 0, trace.entry.spans, [&](uint32_t first, uint32_t count) {
      for (uint32_t number = first; number < first + count; ++number) {
        keys_.push_back({starts_[number], SpanId{span_ids_[number]},
                         static_cast<int32_t>(kinds_[number]), number});
      }
    });
    trace.entry.spans = 0;
  }
  if (parts.size() > 1) {
    std::ranges::sort(keys_, {},
                      [](const Key& key) { return std::tuple(key.span_id, key.kind, key.number); });
    const auto repeats = std::ranges::unique(keys_, [](const Key& a, const Key& b) {
      return a.span_id == b.span_id && a.kind == b.kind;
    });
    keys_.erase(repeats.begin(), repeats.end());
  }
  std::ranges::sort(keys_, {}, [](const Key& key) {
    return std::tuple(key.start_ns, key.span_id, key.kind, key.number);
  });
  BlockTrace& trace = traces_[parts[0]];
  trace.first_row = place_of_next();
  trace.entry = {.id = trace.entry.id,
                 .spans = static_cast<uint32_t>(keys_.size()),
                 .start_ns = keys_.front().start_ns,
                 .end_ns = 0,
                 .root = std::nullopt};
  for (uint32_t i = 0; i < keys_.size(); ++i) {
    const Key& key = keys_[i];
    listed_.push_back(key.number);
    trace.entry.end_ns = std::max(trace.entry.end_ns, key.start_ns + durations_[key.number]);
    if (parents_[key.number] == 0) trace.entry.root = i;
  }
}

Result<void> TraceList::settle() {
  std::ranges::sort(unsettled_, {}, &Unsettled::start_ns);
  for (size_t i = 0; i < unsettled_.size(); ++i) {
    settle_one(std::span(joined_).subspan(unsettled_[i].first, unsettled_[i].count));
    if (i % 4'096 == 0) CHECK_OK(sources_.pace());
    CHECK_OK(starts_.verdict());
    CHECK_OK(span_ids_.verdict());
    CHECK_OK(kinds_.verdict());
    CHECK_OK(durations_.verdict());
    CHECK_OK(parents_.verdict());
  }
  joined_ = {};
  unsettled_ = {};
  return {};
}

// A merge of the runs that are there: most sources bring theirs in order.
void TraceList::sort() {
  std::erase_if(traces_, [](const BlockTrace& trace) { return trace.entry.spans == 0; });
  const auto before = [&](uint32_t a, uint32_t b) {
    const TraceEntry& left = traces_[a].entry;
    const TraceEntry& right = traces_[b].entry;
    return left.start_ns != right.start_ns ? left.start_ns < right.start_ns : left.id < right.id;
  };
  const auto count = static_cast<uint32_t>(traces_.size());
  std::vector<uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0U);
  merge_runs(order, before);
  for (uint32_t i = 0; i < count; ++i) {  // round each circle of the permutation
    if (order[i] == i) continue;
    const BlockTrace first = traces_[i];
    uint32_t at = i;
    while (order[at] != i) {
      traces_[at] = traces_[order[at]];
      at = std::exchange(order[at], at);
    }
    traces_[at] = first;
    order[at] = at;
  }
}

Result<void> TraceList::make() {
  for (uint32_t source = 0; source < sources_.count(); ++source) {
    CHECK_OK(sources_.pace());
    if (space_.of_source(source).empty()) continue;
    CHECK_OK(sources_.part(source).is_in_order() ? add_in_order(source) : add_dealt(source));
  }
  join();
  CHECK_OK(settle());
  sort();
  return {};
}

}  // namespace vivace
