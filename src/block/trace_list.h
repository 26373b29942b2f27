// The traces of a block to be, from all its sources: those of equal id made one, repeats dropped,
// rows in canonical order, traces sorted by (earliest start, id). A trace of one source in order,
// of which nothing is missing, is taken as it is; of all others the rows are listed.
//
// For the writer of blocks; one thread. Memory: 56 bytes a trace, 4 bytes a row that is listed, 16
// bytes a trace while those of several sources are joined.
#pragma once

#include <array>
#include <vector>

#include "block/block_sources.h"
#include "block/piece_column.h"
#include "block/trace_table.h"

namespace vivace {

class TraceList {
 public:
  // The sources must outlive this.
  explicit TraceList(const BlockSources& sources);

  // Fills everything below.
  Result<void> make();

  // In their order. Instead of its first row each trace has a place for `each_run`; its root counts
  // from its first row.
  std::vector<BlockTrace>& traces() { return traces_; }
  // Calls `take(first number, count)` for `count` rows of the trace at a place, from the `from`th.
  template <class Take>
  void each_run(uint32_t place, uint32_t from, uint32_t count, const Take& take) const {
    if (place < listed_from_) return take(place + from, count);
    const uint32_t* const rows = listed_.data() + (place - listed_from_) + from;
    for (uint32_t i = 0; i < count; ++i) take(rows[i], 1U);
  }

 private:
  struct Unsettled {  // a run of `joined_`
    uint64_t start_ns = 0;
    uint32_t first = 0;
    uint32_t count = 0;
  };
  struct Key {
    uint64_t start_ns = 0;
    SpanId span_id;
    int32_t kind = 0;
    uint32_t number = 0;
  };

  Result<void> add_in_order(uint32_t source);
  Result<void> add_dealt(uint32_t source);
  bool add_rows(uint32_t source, Range rows, BlockTrace& trace);
  Result<void> deal(uint32_t source, size_t first_trace);
  void join();
  Result<void> settle();
  void settle_one(std::span<const uint32_t> parts);
  void sort_rows(std::span<uint32_t> rows);
  void settle_ties(std::span<uint32_t> rows);
  void sort();
  uint32_t place_of_next() const { return listed_from_ + static_cast<uint32_t>(listed_.size()); }

  const BlockSources& sources_;
  const OwnerSpace& space_;
  const uint32_t listed_from_;
  std::vector<BlockTrace> traces_;
  std::vector<uint32_t> listed_;
  std::vector<uint32_t> incomplete_;  // traces of which rows are missing
  std::vector<uint32_t> joined_;      // traces of equal ids, side by side
  std::vector<Unsettled> unsettled_;
  PieceValues<uint64_t> starts_;
  PieceValues<uint64_t> durations_;
  PieceValues<uint64_t> parents_;
  PieceValues<uint64_t> span_ids_;
  PieceValues<uint32_t> kinds_;
  std::vector<Key> keys_;
  std::vector<std::pair<uint64_t, uint32_t>> by_start_;
};

}  // namespace vivace
