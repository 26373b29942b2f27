// One tenant's newest spans: a table of rows in columns, in the order of the write-ahead log.
//
//   row    trace  span id  parent  start  duration  name  kind ...   previous row of its trace
//   0      0      a1..     0       ...                               -
//   1      0      b2..     a1..                                      0
//   2      1      c3..                                               -
//
// One thread appends batches; a batch becomes visible whole, by one release-store of the row count.
// Any thread reads what was published, through a HeadPart, without a lock: chunks never move, rows
// never change. A span (trace id, span id, kind) is stored once; repeats are dropped and counted.
//
// Memory comes from HeadMemory and is given back at once when the head dies; whoever reads keeps
// the head alive by a shared_ptr.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "base/hash.h"
#include "head/attribute_table.h"
#include "head/span_set.h"
#include "head/trace_index.h"
#include "model/batch.h"

namespace vivace {

class Head {
 public:
  static constexpr uint32_t kRowsMax = (16 << 20) - 2;

  // Memory comes from the pool, when there is one, and goes back into it.
  explicit Head(std::shared_ptr<RegionPool> maybe_pool = nullptr);

  // What appending the batch may add to `bytes` at the most; for admission. In head_room.cc.
  static int64_t bytes_needed(const Batch& batch);
  static constexpr int64_t kFixedBytes = 32 << 10;  // of an empty head

  struct Appended {
    uint32_t spans = 0;
    uint32_t repeats = 0;  // spans that were there already
    uint32_t new_traces = 0;
  };
  // The writer thread's. Stores the batch, which came at this time, and publishes it.
  Appended append(const Batch& batch, int64_t received_ns);

  // The writer thread's: the ordinals of the repeats in the last batch, ascending.
  const std::vector<uint32_t>& last_repeats() const { return last_repeats_; }

  // What may be read now: the rows and traces of whole batches.
  struct Published {
    uint32_t rows = 0;
    uint32_t traces = 0;
  };
  Published published() const {
    const uint64_t both = published_.load(std::memory_order_acquire);
    return {static_cast<uint32_t>(both), static_cast<uint32_t>(both >> 32)};
  }
  uint32_t rows() const { return published().rows; }
  uint32_t traces() const { return published().traces; }
  // When the first and the last of its spans came, by the clock of whoever received them. An empty
  // head came later than it came earlier.
  int64_t received_min_ns() const { return received_min_ns_.load(std::memory_order_relaxed); }
  int64_t received_max_ns() const { return received_max_ns_.load(std::memory_order_relaxed); }
  // Memory in use; see HeadMemory.
  int64_t bytes() const { return memory_.bytes(); }

 private:
  friend class HeadPart;

  // A column in which most rows have nothing: pairs of (row, value), by ascending row.
  struct RareColumn {
    Chunked<uint32_t> rows;
    Chunked<uint32_t> values;
    static constexpr int64_t kBytes = 8;  // of a value
    void append(HeadMemory& memory, uint32_t row, uint32_t value) {
      if (value == 0) return;
      values.append(memory, value);
      rows.append(memory, row);
      memory.use(kBytes);
    }
  };
  using Identities = boost::unordered_flat_map<Hash128, uint32_t, TakeHash>;
  static constexpr uint32_t kUnknown = UINT32_MAX;
  // What one more takes in its columns and tables, beside texts, attributes and rare columns.
  // 11: two slots of a SpanSet for 0.75 spans, counted for all, since any trace may return.
  static constexpr int64_t kRowBytes = 4 * 8 + 7 * 4 + 11;
  static constexpr int64_t kEventBytes = 8 + 2 * 4;
  static constexpr int64_t kLinkBytes = 3 * 8 + 4;
  static constexpr int64_t kIdentityBytes = 58;  // a flat map's slot, with its share of free ones
  static constexpr int64_t kBatchBytes = 4 + 8;
  static constexpr int64_t kGroupBytes = 3 * 8;
  static int64_t span_bytes_needed(const BatchSpan& span);

  struct Place {  // of a span of the batch
    uint32_t trace;
    bool has_returned;  // the trace is in older batches, too
    uint64_t hash;      // of (trace, span id)
  };

  // Row groups follow the chunks, so that a dense column is one piece in all of them but the first.
  static constexpr uint32_t kFirstGroupRows = Chunked<uint32_t>::kRampElements;
  static constexpr uint32_t kGroupRows = Chunked<uint32_t>::kChunkElements;
  static uint32_t group_of(uint32_t row) {
    return row < kFirstGroupRows ? 0 : 1 + (row - kFirstGroupRows) / kGroupRows;
  }
  // What the spans of a row group lie within; it widens while the group fills. Accessed through
  // atomic_ref.
  struct Bounds {
    uint64_t start_min_ns;
    uint64_t end_max_ns;  // of starts, too: an end may lie before its start
    int64_t received_max_ns;
  };
  static_assert(kGroupBytes == sizeof(Bounds));

  void find_places(const Batch& batch);
  bool append_span(const Batch& batch, const BatchSpan& span, const Place& place);
  bool is_repeat(const BatchSpan& span, const Place& place);
  void enter_returned(uint32_t trace);
  uint64_t hash_of(uint32_t row) const;
  uint32_t resource_of(const Batch& batch, uint32_t index);
  uint32_t scope_of(const Batch& batch, uint32_t index);
  void append_events(const Batch& batch, const BatchSpan& span, uint32_t row);
  void append_links(const Batch& batch, const BatchSpan& span, uint32_t row);
  void note_received(uint32_t first_row, int64_t received_ns);
  void widen_bounds(uint32_t row, int64_t received_ns);
  uint32_t text(std::string_view text);  // code in texts_, 0 for empty

  std::vector<uint32_t> last_repeats_;
  HeadMemory memory_;
  std::atomic<uint64_t> published_{0};  // rows, traces << 32

  // By row.
  TraceIndex traces_;
  Chunked<uint32_t> trace_;     // ordinal
  Chunked<uint32_t> previous_;  // row of the same trace, or TraceIndex::kNoRow
  Chunked<uint64_t> span_id_;
  Chunked<uint64_t> parent_id_;
  Chunked<uint64_t> start_ns_;
  Chunked<uint64_t> duration_ns_;  // end - start, wrapping, so that any end comes back
  Chunked<uint32_t> name_;         // into texts_
  Chunked<uint32_t> resources_;
  Chunked<uint32_t> scopes_;
  Chunked<uint32_t> kind_;  // int32 of OTLP, as the next
  Chunked<uint32_t> status_code_;
  RareColumn status_message_;  // into texts_
  RareColumn trace_state_;     // into texts_
  RareColumn flags_;
  RareColumn dropped_attributes_;
  RareColumn dropped_events_;
  RareColumn dropped_links_;
  AttributeTable span_attributes_;

  // By batch, those without new spans left out.
  Chunked<uint32_t> batch_row_;  // the first one
  Chunked<int64_t> batch_received_ns_;
  std::atomic<int64_t> received_min_ns_{std::numeric_limits<int64_t>::max()};
  std::atomic<int64_t> received_max_ns_{std::numeric_limits<int64_t>::min()};

  Chunked<Bounds> bounds_;  // by row group

  // By event and by link; their rows ascend.
  Chunked<uint32_t> event_row_;
  Chunked<uint64_t> event_time_ns_;
  Chunked<uint32_t> event_name_;  // into texts_
  RareColumn event_dropped_;
  AttributeTable event_attributes_;
  Chunked<uint32_t> link_row_;
  Chunked<uint64_t> link_trace_id_head_;
  Chunked<uint64_t> link_trace_id_tail_;
  Chunked<uint64_t> link_span_id_;
  RareColumn link_trace_state_;  // into texts_
  RareColumn link_flags_;
  RareColumn link_dropped_;
  AttributeTable link_attributes_;

  // By resource and by scope.
  RareColumn resource_dropped_;
  RareColumn resource_schema_;  // into texts_
  AttributeTable resource_attributes_;
  RareColumn scope_name_;  // into texts_, as the next two
  RareColumn scope_version_;
  RareColumn scope_schema_;
  RareColumn scope_dropped_;
  AttributeTable scope_attributes_;

  Dictionary texts_;  // code 0 is the empty text

  // The writer's.
  Identities resource_by_identity_;
  Identities scope_by_identity_;
  std::vector<uint32_t> batch_resources_;  // number here of each of the batch's, or kUnknown
  std::vector<uint32_t> batch_scopes_;
  std::vector<Place> batch_places_;
  // To find repeats. Most traces come whole, in one batch: their spans are looked for among those
  // of the batch. Once more of a trace comes, all its spans enter the larger set.
  SpanSet batch_spans_;
  SpanSet returned_spans_;
  std::vector<bool> has_returned_;  // by trace
};

}  // namespace vivace
