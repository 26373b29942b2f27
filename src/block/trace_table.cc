// Both directions of a trace table. Entries are checked against the ranges of the row group that
// the footer gives, so that rows and traces always lead to each other.
#include "block/trace_table.h"

#include "block/byte_reader.h"
#include "block/numbers.h"

namespace vivace {
namespace {

template <class T, class Of>
void append_run(std::string& out, std::span<const BlockTrace> traces, const Of& of) {
  std::vector<T> values;
  values.reserve(traces.size());
  for (const BlockTrace& trace : traces) values.push_back(of(trace));
  append_numbers(out, std::span<const T>(values));
}

template <class T, class Set>
void take_run(ByteReader& in, std::vector<BlockTrace>& traces, const Set& set) {
  std::vector<T> values(traces.size());
  take_numbers(in, std::span<T>(values));
  for (size_t i = 0; i < traces.size(); ++i) set(traces[i], values[i]);
}

// Roots hold their offset plus 1 until the first rows are known.
bool place_rows(TraceTable& table, uint64_t row, uint32_t rows) {
  for (BlockTrace& trace : table.traces) {
    TraceEntry& entry = trace.entry;
    trace.first_row = static_cast<uint32_t>(row);
    row += entry.spans;
    if (entry.spans == 0 || row > rows) return false;
    if (*entry.root > entry.spans) return false;
    entry.root = *entry.root == 0 ? std::nullopt
                                  : std::optional<uint32_t>(trace.first_row + *entry.root - 1);
  }
  return true;
}

}  // namespace

std::string trace_table_content(std::span<const BlockTrace> traces) {
  std::string out;
  append_le(out, traces.empty() ? 0U : traces.front().first_row);
  for (const BlockTrace& trace : traces) out += trace.entry.id.view();
  append_run<uint32_t>(out, traces, [](const BlockTrace& t) { return t.entry.spans; });
  append_run<uint64_t>(out, traces, [](const BlockTrace& t) { return t.entry.start_ns; });
  append_run<uint64_t>(out, traces,
                       [](const BlockTrace& t) { return t.entry.end_ns - t.entry.start_ns; });
  append_run<uint32_t>(out, traces, [](const BlockTrace& t) {
    return t.entry.root ? *t.entry.root - t.first_row + 1 : 0;
  });
  return out;
}

Result<TraceTable> take_trace_table(std::string_view content, const BlockGroup& group,
                                    uint32_t rows) {
  TraceTable table;
  table.first_trace = group.traces.first;
  table.traces.resize(group.traces.count);
  ByteReader in(content);
  const auto first_row = in.take<uint32_t>();
  for (BlockTrace& trace : table.traces) {
    trace.entry.id.bytes = in.take<std::array<uint8_t, 16>>();
  }
  take_run<uint32_t>(in, table.traces, [](BlockTrace& t, uint32_t v) { t.entry.spans = v; });
  take_run<uint64_t>(in, table.traces, [](BlockTrace& t, uint64_t v) { t.entry.start_ns = v; });
  take_run<uint64_t>(in, table.traces,
                     [](BlockTrace& t, uint64_t v) { t.entry.end_ns = t.entry.start_ns + v; });
  take_run<uint32_t>(in, table.traces, [](BlockTrace& t, uint32_t v) { t.entry.root = v; });
  if (!in.at_end() || !place_rows(table, first_row, rows)) {
    return fail(Code::corrupt, "not a table of its traces");
  }
  const BlockTrace& last = table.traces.back();
  if (first_row > group.of.rows.first || last.first_row + last.entry.spans < group.of.rows.end() ||
      (table.traces.size() > 1 && first_row != group.of.rows.first)) {
    return fail(Code::corrupt, "the traces do not cover the rows");
  }
  return table;
}

}  // namespace vivace
