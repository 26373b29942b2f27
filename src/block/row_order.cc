// Traces are sorted by their earliest start, rows dealt out to them in the order of the source, and
// then each trace's few rows sorted. Span ids and kinds are looked at only where starts are equal.
#include "block/row_order.h"

#include <algorithm>
#include <numeric>

#include "block/layout.h"

namespace vivace {
namespace {

struct SourceTrace {
  uint64_t start_ns = UINT64_MAX;
  uint32_t ordinal = 0;
  uint32_t rows = 0;
};

class RowSorter {
 public:
  explicit RowSorter(const Part& source) : source_(source) {}

  Result<void> sort_traces(RowOrder& out);
  Result<void> sort_rows(RowOrder& out);

 private:
  Result<void> read_ids();
  void sort_by_start(std::span<uint32_t> rows);
  Result<void> settle_ties(std::span<uint32_t> rows);

  const Part& source_;
  std::vector<uint32_t> trace_of_;  // by row of the source
  std::vector<uint64_t> starts_;
  std::vector<TraceId> ids_;  // by ordinal of the source
  std::vector<SourceTrace> traces_;
  std::vector<std::pair<uint64_t, uint32_t>> by_start_;
  // From the first tie on.
  std::vector<uint64_t> span_ids_;
  std::vector<uint32_t> kinds_;
};

Result<void> RowSorter::read_ids() {
  Inspected uncounted;
  ids_.reserve(source_.traces());
  for (uint32_t i = 0; i < source_.traces(); ++i) {
    ids_.push_back(TRY(source_.trace(i, uncounted)).id);
  }
  return {};
}

// Leaves the traces in their order, each with its first row, and the rows dealt out to them.
Result<void> RowSorter::sort_traces(RowOrder& out) {
  trace_of_ = TRY(flat_words(source_, Field::trace));
  starts_ = TRY(flat_longs(source_, Field::start_ns));
  CHECK_OK(read_ids());
  traces_.resize(ids_.size());
  for (uint32_t i = 0; i < traces_.size(); ++i) traces_[i].ordinal = i;
  for (uint32_t row = 0; row < trace_of_.size(); ++row) {
    SourceTrace& trace = traces_[trace_of_[row]];
    trace.start_ns = std::min(trace.start_ns, starts_[row]);
    ++trace.rows;
  }
  std::erase_if(traces_, [](const SourceTrace& trace) { return trace.rows == 0; });
  std::ranges::sort(traces_, [&](const SourceTrace& a, const SourceTrace& b) {
    if (a.start_ns != b.start_ns) return a.start_ns < b.start_ns;
    return ids_[a.ordinal] < ids_[b.ordinal];
  });
  std::vector<uint32_t> next(ids_.size());
  uint32_t row = 0;
  out.traces.reserve(traces_.size());
  for (const SourceTrace& trace : traces_) {
    out.traces.push_back({{.id = ids_[trace.ordinal],
                           .spans = trace.rows,
                           .start_ns = trace.start_ns,
                           .end_ns = 0,
                           .root = {}},
                          row});
    next[trace.ordinal] = row;
    row += trace.rows;
  }
  out.rows.source.resize(row);
  for (uint32_t i = 0; i < row; ++i) out.rows.source[next[trace_of_[i]]++] = i;
  return {};
}

void RowSorter::sort_by_start(std::span<uint32_t> rows) {
  by_start_.clear();
  for (const uint32_t row : rows) by_start_.emplace_back(starts_[row], row);
  std::ranges::sort(by_start_);
  for (size_t i = 0; i < rows.size(); ++i) rows[i] = by_start_[i].second;
}

// These start at the same time, and stand as in the source.
Result<void> RowSorter::settle_ties(std::span<uint32_t> rows) {
  if (span_ids_.empty()) {
    span_ids_ = TRY(flat_longs(source_, Field::span_id));
    kinds_ = TRY(flat_words(source_, Field::kind));
  }
  std::ranges::sort(rows, [&](uint32_t a, uint32_t b) {
    const auto order = SpanId{span_ids_[a]} <=> SpanId{span_ids_[b]};
    if (order != 0) return order < 0;
    if (kinds_[a] != kinds_[b]) {
      return static_cast<int32_t>(kinds_[a]) < static_cast<int32_t>(kinds_[b]);
    }
    return a < b;
  });
  return {};
}

Result<void> RowSorter::sort_rows(RowOrder& out) {
  for (const BlockTrace& trace : out.traces) {
    const auto rows = std::span(out.rows.source).subspan(trace.first_row, trace.entry.spans);
    if (rows.size() == 1) continue;
    sort_by_start(rows);
    for (size_t from = 0; from < rows.size();) {
      size_t end = from + 1;
      while (end < rows.size() && starts_[rows[end]] == starts_[rows[from]]) ++end;
      if (end - from > 1) CHECK_OK(settle_ties(rows.subspan(from, end - from)));
      from = end;
    }
  }
  return {};
}

// Whole traces up to kGroupRows; a larger trace alone; one beyond kGroupRowsMax in pieces.
class GroupCutter {
 public:
  explicit GroupCutter(RowOrder& out) : out_(out) {}

  void add(uint32_t trace) {
    const uint32_t spans = out_.traces[trace].entry.spans;
    if (rows_ > 0 && rows_ + uint64_t{spans} > kGroupRows) close(trace);
    first_trace_ = rows_ == 0 ? trace : first_trace_;
    rows_ += spans;
    if (rows_ >= kGroupRows) close(trace + 1);
  }
  void close(uint32_t end_trace) {
    while (rows_ > 0) {
      const uint32_t rows = std::min(rows_, kGroupRowsMax);
      BlockGroup group;
      group.of.rows = {first_row_, rows};
      group.traces = {first_trace_, end_trace - first_trace_};
      out_.groups.push_back(group);
      out_.rows.ends.push_back(group.of.rows.end());
      first_row_ += rows;
      rows_ -= rows;
    }
  }

 private:
  RowOrder& out_;
  uint32_t first_row_ = 0;
  uint32_t rows_ = 0;
  uint32_t first_trace_ = 0;
};

void cut_groups(RowOrder& out) {
  GroupCutter cutter(out);
  const auto traces = static_cast<uint32_t>(out.traces.size());
  for (uint32_t trace = 0; trace < traces; ++trace) cutter.add(trace);
  cutter.close(traces);
}

Result<void> add_times(const Part& source, RowOrder& out) {
  const std::vector<uint64_t> starts = TRY(flat_longs(source, Field::start_ns));
  const std::vector<uint64_t> durations = TRY(flat_longs(source, Field::duration_ns));
  const std::vector<uint32_t>& row_of = out.rows.source;
  const auto end_of = [&](uint32_t row) { return starts[row_of[row]] + durations[row_of[row]]; };
  for (BlockTrace& trace : out.traces) {
    for (uint32_t i = 0; i < trace.entry.spans; ++i) {
      trace.entry.end_ns = std::max(trace.entry.end_ns, end_of(trace.first_row + i));
    }
  }
  for (BlockGroup& group : out.groups) {
    RowGroup& of = group.of;
    of.start_min_ns = UINT64_MAX;
    for (uint32_t row = of.rows.first; row < of.rows.end(); ++row) {
      of.start_min_ns = std::min(of.start_min_ns, starts[row_of[row]]);
      of.end_max_ns = std::max({of.end_max_ns, starts[row_of[row]], end_of(row)});
    }
    of.end_max_ns = std::max(of.end_max_ns, of.start_min_ns);
  }
  return {};
}

Result<void> add_received(const Part& source, RowOrder& out) {
  const std::vector<uint64_t> received = TRY(flat_longs(source, Field::received_ns));
  if (received.empty()) return {};
  const auto at = [&](uint32_t row) { return static_cast<int64_t>(received[row]); };
  out.received_min_ns = at(0);
  for (uint32_t row = 0; row < received.size(); ++row) {
    out.received_min_ns = std::min(out.received_min_ns, at(row));
  }
  for (BlockGroup& group : out.groups) {
    RowGroup& of = group.of;
    of.received_max_ns = INT64_MIN;
    for (uint32_t row = of.rows.first; row < of.rows.end(); ++row) {
      of.received_max_ns = std::max(of.received_max_ns, at(out.rows.source[row]));
    }
  }
  return {};
}

Result<void> add_roots(const Part& source, RowOrder& out) {
  const std::vector<uint64_t> parents = TRY(flat_longs(source, Field::parent_id));
  for (BlockTrace& trace : out.traces) {
    for (uint32_t i = 0; i < trace.entry.spans; ++i) {
      const uint32_t row = trace.first_row + i;
      if (parents[out.rows.source[row]] == 0) trace.entry.root = row;
    }
  }
  return {};
}

}  // namespace

Result<RowOrder> order_rows(const Part& source) {
  RowOrder out;
  {
    RowSorter sorter(source);
    CHECK_OK(sorter.sort_traces(out));
    CHECK_OK(sorter.sort_rows(out));
  }
  if (out.rows.source.size() != source.rows()) return fail(Code::corrupt, "the source has gaps");
  out.rows.place();
  cut_groups(out);
  CHECK_OK(add_times(source, out));
  CHECK_OK(add_received(source, out));
  CHECK_OK(add_roots(source, out));
  return out;
}

Result<ChildOrder> order_children(const Part& source, Field row_field, const OwnerOrder& rows) {
  FlatColumn children = TRY(flatten(source, row_field));
  children.dense = false;  // as a column of rows, which have several values or none
  children.owners = std::move(children.words);
  Regrouped regrouped(children, rows);
  ChildOrder out;
  out.order.source.reserve(children.count);
  out.rows.reserve(children.count);
  for (uint32_t group = 0; group < rows.groups(); ++group) {
    const Picks picks = regrouped.group(group);
    if (picks.values.size() > kGroupChildrenMax) {
      return fail(Code::too_large, "too many events or links in a row group");
    }
    const uint32_t first = rows.group(group).first;
    for (size_t i = 0; i < picks.values.size(); ++i) {
      out.rows.push_back(first + (picks.dense ? static_cast<uint32_t>(i) : picks.owners[i]));
    }
    out.order.source.insert(out.order.source.end(), picks.values.begin(), picks.values.end());
    out.order.ends.push_back(static_cast<uint32_t>(out.order.source.size()));
  }
  out.order.place();
  return out;
}

}  // namespace vivace
