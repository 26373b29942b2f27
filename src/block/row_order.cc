// Row groups are cut from the sorted traces, then filled with their rows; times of a row group come
// from its traces, but where a trace fills several.
#include "block/row_order.h"

#include <algorithm>
#include <numeric>

#include "block/layout.h"
#include "block/trace_list.h"

namespace vivace {
namespace {

// Whole traces up to kGroupRows; a larger trace alone; one beyond kGroupRowsMax in pieces.
class GroupCutter {
 public:
  explicit GroupCutter(RowOrder& out) : out_(out) {}

  void add(uint32_t trace) {
    const uint32_t spans = out_.traces[trace].entry.spans;
    if (rows_ > 0 && (rows_ + uint64_t{spans} > kGroupRows || is_apart(trace))) close(trace);
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
      first_row_ += rows;
      rows_ -= rows;
    }
  }

 private:
  // A clock that is hours or years off spoils the times of no other row group; not too often, or
  // groups would be many and small.
  bool is_apart(uint32_t trace) const {
    const uint64_t after =
        out_.traces[trace].entry.start_ns - out_.traces[trace - 1].entry.start_ns;
    return after > kGapNs && out_.groups.size() < kGapsMax;
  }

  static constexpr uint64_t kGapNs = 3'600'000'000'000;
  static constexpr size_t kGapsMax = 64;

  RowOrder& out_;
  uint32_t first_row_ = 0;
  uint32_t rows_ = 0;
  uint32_t first_trace_ = 0;
};

Result<void> cut_groups(RowOrder& out) {
  uint64_t rows = 0;
  for (const BlockTrace& trace : out.traces) rows += trace.entry.spans;
  if (rows > kBlockRowsMax) return fail(Code::too_large, "too many spans");
  GroupCutter cutter(out);
  const auto traces = static_cast<uint32_t>(out.traces.size());
  for (uint32_t trace = 0; trace < traces; ++trace) cutter.add(trace);
  cutter.close(traces);
  if (out.groups.size() > kGroupsMax) return fail(Code::too_large, "too many row groups");
  return {};
}

// Fills the row groups; from here on traces know their first rows and roots.
void place_rows(const TraceList& list, RowOrder& out) {
  auto trace = out.traces.begin();
  uint32_t done = 0;  // rows of it
  uint32_t row = 0;
  for (const BlockGroup& group : out.groups) {
    while (row < group.of.rows.end()) {
      const uint32_t count = std::min(group.of.rows.end() - row, trace->entry.spans - done);
      list.each_run(trace->first_row, done, count,
                    [&](uint32_t first, uint32_t numbers) { out.rows.append(first, numbers); });
      row += count;
      done += count;
      if (done < trace->entry.spans) continue;
      trace->first_row = row - done;
      if (trace->entry.root) *trace->entry.root += trace->first_row;
      done = 0;
      ++trace;
    }
    out.rows.end_group();
  }
  out.rows.finish();
}

Result<void> add_times(const BlockSources& sources, RowOrder& out) {
  PieceColumn starts(out.rows, field_reader(sources, Field::start_ns));
  PieceColumn durations(out.rows, field_reader(sources, Field::duration_ns));
  GroupValues start;
  GroupValues duration;
  for (uint32_t i = 0; i < out.groups.size(); ++i) {
    RowGroup& of = out.groups[i].of;
    const Range traces = out.groups[i].traces;
    of.start_min_ns = out.traces[traces.first].entry.start_ns;
    if (out.traces[traces.first].entry.spans <= of.rows.count) {
      for (uint32_t trace = traces.first; trace < traces.end(); ++trace) {
        of.end_max_ns = std::max(of.end_max_ns, out.traces[trace].entry.end_ns);
      }
      continue;
    }
    CHECK_OK(starts.gather_all(i, ValueForm::longs, start));
    CHECK_OK(durations.gather_all(i, ValueForm::longs, duration));
    of.start_min_ns = start.longs.front();
    for (uint32_t row = 0; row < of.rows.count; ++row) {
      of.end_max_ns = std::max(of.end_max_ns, start.longs[row] + duration.longs[row]);
    }
  }
  return {};
}

// Receive times of a source whose rows have their own.
class Received {
 public:
  explicit Received(RowOrder& out) : out_(out) {
    for (uint32_t i = 0; i < out.groups.size(); ++i) {
      group_of_.resize((out.groups[i].of.rows.end() >> kShift) + 1, i);
    }
  }
  void add(uint32_t row, int64_t received_ns) {
    uint32_t group = group_of_[row >> kShift];
    while (out_.groups[group].of.rows.end() <= row) ++group;
    RowGroup& of = out_.groups[group].of;
    of.received_max_ns = std::max(of.received_max_ns, received_ns);
    out_.received_min_ns = std::min(out_.received_min_ns, received_ns);
  }

 private:
  static constexpr uint32_t kShift = 10;
  RowOrder& out_;
  std::vector<uint32_t> group_of_;  // by row >> kShift: that of the first of these rows
};

Result<void> add_received(const BlockSources& sources, RowOrder& out) {
  for (BlockGroup& group : out.groups) group.of.received_max_ns = INT64_MIN;
  out.received_min_ns = out.groups.empty() ? 0 : INT64_MAX;
  Received received(out);
  const std::vector<Piece>& pieces = out.rows.space().pieces();
  for (const Piece& piece : pieces) {
    const Part& part = sources.part(piece.source);
    if (part.received_min_ns()) continue;
    Inspected uncounted;
    const Column column = TRY(part.read(Field::received_ns, piece.group, uncounted));
    for (const Slice& slice : column.slices) {
      for (uint32_t i = 0; i < slice.count; ++i) {
        const uint32_t row = out.rows.placed(piece.number(slice.owner(i)));
        if (row != OwnerOrder::kNowhere) received.add(row, static_cast<int64_t>(slice.longs[i]));
      }
    }
  }
  for (uint32_t i = 0; i < out.groups.size(); ++i) {
    RowGroup& of = out.groups[i].of;
    for (const uint32_t place : out.rows.group(i).pieces) {
      const Part& part = sources.part(pieces[place].source);
      const std::optional<int64_t> known = part.received_min_ns();
      if (!known) continue;
      of.received_max_ns =
          std::max(of.received_max_ns, part.group(pieces[place].group).received_max_ns);
      out.received_min_ns = std::min(out.received_min_ns, *known);
    }
  }
  return {};
}

}  // namespace

Result<RowOrder> order_rows(const BlockSources& sources) {
  RowOrder out;
  out.rows = OwnerOrder(sources.space(Scope::span));
  {
    TraceList list(sources);
    CHECK_OK(list.make());
    out.traces = std::move(list.traces());
    CHECK_OK(cut_groups(out));
    place_rows(list, out);
  }
  CHECK_OK(add_times(sources, out));
  CHECK_OK(add_received(sources, out));
  return out;
}

ReadPiece children_of_rows(const BlockSources& sources, Scope owner) {
  return [&sources, owner](const Piece& rows) -> Result<Column> {
    const Piece* const children =
        sources.children_of(sources.space(Scope::span).piece_at(rows.first), owner);
    if (children == nullptr) return Column();
    const Field field = owner == Scope::event ? Field::event_span : Field::link_span;
    Inspected uncounted;
    Column column = TRY(sources.part(rows.source).read(field, rows.group, uncounted));
    struct Numbers {
      std::vector<uint32_t> words;
      std::shared_ptr<const void> below;
    };
    auto numbers = std::make_shared<Numbers>();
    numbers->words.resize(children->owners.count);
    std::iota(numbers->words.begin(), numbers->words.end(), children->first);
    uint32_t at = 0;
    for (Slice& slice : column.slices) {
      slice.owners = slice.words;
      slice.words = numbers->words.data() + at;
      at += slice.count;
    }
    if (at != children->owners.count) return fail(Code::corrupt, "a source has gaps");
    numbers->below = std::move(column.keep);
    column.keep = std::move(numbers);
    return column;
  };
}

Result<OwnerOrder> order_children(const BlockSources& sources, Scope owner,
                                  const OwnerOrder& rows) {
  OwnerOrder out(sources.space(owner));
  PieceColumn children(rows, children_of_rows(sources, owner));
  const bool any = !out.space().pieces().empty();
  GroupValues of;
  for (uint32_t group = 0; group < rows.groups(); ++group) {
    if (any) CHECK_OK(children.gather(group, ValueForm::words, of));
    if (of.words.size() > kGroupChildrenMax) {
      return fail(Code::too_large, "too many events or links in a row group");
    }
    for (const uint32_t child : of.words) out.append(child, 1);
    out.end_group();
  }
  out.finish();
  return out;
}

}  // namespace vivace
