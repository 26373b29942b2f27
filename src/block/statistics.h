// What is known of a column's values, row group by row group, without reading them: how many there
// are, the least and the greatest; and of texts that have no dictionary a filter (the split-block
// Bloom filter of trace_filter.h, a byte a text). Two chunks of a column, behind its row groups.
// Blocks of one row group have them for the keys of overflow lists alone.
//
//   statistics, for each row group:
//            numbers of 32 bits: counts of values
//            numbers of 64 bits: least values, as signed numbers (codes; 0 for texts and none)
//            numbers of 64 bits: greatest values
//   filter:  numbers of 32 bits, a byte each at least: blocks of the filter of each row group
//            32 each: blocks
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "block/column_content.h"

namespace vivace {

struct ColumnStatistics {
  std::vector<uint32_t> counts;
  std::vector<uint64_t> least;
  std::vector<uint64_t> greatest;

  int64_t memory_bytes() const {
    return static_cast<int64_t>(sizeof *this + counts.capacity() * 4 + least.capacity() * 8 +
                                greatest.capacity() * 8);
  }
  static Result<ColumnStatistics> take(std::string_view content, uint32_t groups);
};

class TextFilter {
 public:
  static Result<TextFilter> take(std::string_view content, uint32_t groups);
  bool may_have(uint32_t group, std::string_view text) const;
  int64_t memory_bytes() const {
    return static_cast<int64_t>(sizeof *this + ends_.capacity() * 4 + blocks_.capacity());
  }

 private:
  std::vector<uint32_t> ends_;  // of the row groups, in blocks
  std::string blocks_;
};

// Sees the chunks of one column after the other.
class StatisticsMaker {
 public:
  void begin(uint32_t groups);
  void add(uint32_t group, const ColumnValues& values);
  // Empty: not worth a chunk.
  std::string statistics() const;
  std::string text_filter() const;

 private:
  ColumnStatistics seen_;
  std::vector<uint32_t> blocks_of_;
  std::string blocks_;
  std::vector<uint64_t> hashes_;
};

}  // namespace vivace
