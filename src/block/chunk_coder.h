// Chooses how the values of a chunk are laid out, by what else is known of its row group, and lays
// them out. What it saw of a row group it remembers until the last column that is told by it:
//
//   parent_id        the row of the parent, where that is in the row group
//   start_ns         less the start of the row before, in the same trace
//   resource         that of the parent, where it is the same
//   ids of links     the trace's own id; a row of the trace
//   attributes       their owners by the shapes; their values by the names of the spans
//
// Columns come in the order of their numbers. One thread. Memory: up to 8 bytes a span.
#pragma once

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "block/column_content.h"
#include "block/footer.h"
#include "block/trace_table.h"

namespace vivace {

// Words that mostly fit into 16 bits.
class NarrowWords {
 public:
  void assign(std::span<const uint32_t> words) {
    narrow_.clear();
    wide_.clear();
    if (words.empty() || std::ranges::max(words) > UINT16_MAX) {
      wide_.assign(words.begin(), words.end());
      return;
    }
    narrow_.reserve(words.size());
    for (const uint32_t word : words) narrow_.push_back(static_cast<uint16_t>(word));
  }
  bool empty() const { return narrow_.empty() && wide_.empty(); }
  uint32_t operator[](size_t i) const { return narrow_.empty() ? wide_[i] : narrow_[i]; }

 private:
  std::vector<uint16_t> narrow_;
  std::vector<uint32_t> wide_;
};

class ChunkCoder {
 public:
  // Row groups and columns of the block, and its traces; they must outlive this.
  void describe(const BlockFooter& footer, std::span<const BlockTrace> traces);
  const BlockFooter& footer() const { return *footer_; }
  // Before the attributes of these owners; they must outlive this.
  void set_shapes(Scope owner, const Shapes& shapes);

  // Before a row group's chunk of parent_id or link_span_id: its span ids. Good until that is
  // appended.
  void lend_span_ids(std::span<const uint64_t> ids) { span_ids_ = ids; }

  // Appends the content of a chunk; `cuts` as in chunk.h.
  void append(std::string& out, std::vector<uint32_t>& cuts, uint32_t column, uint32_t slot,
              const ColumnValues& values);

 private:
  // The rows of a trace that are in the row group, as offsets in it.
  struct TraceRows {
    uint32_t trace = 0;
    Range rows;
  };
  template <class Visit>
  void for_each_trace(uint32_t group, const Visit& visit) const;

  // Of one chunk each; what they point to is good until the next.
  ColumnCoding field_coding(Field field, uint32_t group, const ColumnValues& values);
  ColumnCoding attribute_coding(uint32_t column, uint32_t group, const ColumnValues& values);
  ColumnCoding parents(uint32_t group, std::span<const uint64_t> parent_ids);
  ColumnCoding since_previous(uint32_t group, std::span<const uint64_t> starts);
  ColumnCoding as_parents(uint32_t group, std::span<const uint32_t> resources);
  ColumnCoding own_trace(uint32_t group, Field field, std::span<const uint64_t> halves);
  ColumnCoding own_rows(uint32_t group, std::span<const uint64_t> span_ids);
  bool by_name(uint32_t group, const ColumnValues& values, ColumnCoding& out);

  void remember_shapes(Scope owner, uint32_t group, std::span<const uint32_t> shapes);
  void count_column(Scope owner, uint32_t column);
  bool are_those_of_shapes(Scope owner, uint32_t group, const ColumnValues& values);

  // Finds spans of a trace by id.
  void begin_trace(const uint64_t* ids, Range rows);
  // The offset of a row with this id: the nearest before `row` if there is one.
  std::optional<uint32_t> find(uint64_t id, uint32_t row) const;
  bool shares_ids() const;  // some rows of the trace

  struct OfOwner {
    const Shapes* shapes = nullptr;
    std::vector<NarrowWords> of_group;  // by owner
    // By group: each shape that comes, and how often.
    std::vector<std::vector<std::pair<uint32_t, uint32_t>>> counts;
  };

  const BlockFooter* footer_ = nullptr;
  std::span<const BlockTrace> traces_;
  std::span<const uint64_t> span_ids_;          // of one row group
  std::vector<std::vector<uint32_t>> parents_;  // references, by group and row, as the others
  std::vector<NarrowWords> names_;              // codes, if there is a dictionary
  std::vector<std::vector<uint32_t>> link_rows_;
  std::array<OfOwner, kScopes> shapes_;
  // How often each shape has the column that is being written.
  uint32_t counted_ = UINT32_MAX;
  std::vector<uint32_t> column_counts_;

  const uint64_t* trace_ids_ = nullptr;
  Range trace_rows_;
  boost::unordered_flat_map<uint64_t, uint32_t> row_of_;  // of large traces
  // Used again and again.
  std::vector<uint32_t> references_;
  std::vector<uint32_t> words_;
  std::vector<uint64_t> longs_;
  std::vector<uint64_t> seen_;  // by name: number of the chunk in which it was seen, place
  uint32_t chunk_ = 0;
};

}  // namespace vivace
