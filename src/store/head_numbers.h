// Dense columns of a head, read row by row, one row group after the other: for who walks over many
// rows of a few columns, as split_join.cc does.
#pragma once

#include <algorithm>

#include "head/head_part.h"

namespace vivace {

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

// Calls take(rows, group) for the row groups that these rows lie in.
template <class Take>
void each_group(const HeadPart& head, Range rows, const Take& take) {
  if (rows.count == 0) return;
  for (uint32_t g = group_of(head, rows.first); g < head.groups(); ++g) {
    const Range all = head.group(g).rows;
    if (all.first >= rows.end()) return;
    const uint32_t first = std::max(all.first, rows.first);
    take(Range{first, std::min(all.end(), rows.end()) - first}, g);
  }
}

inline Range rows_from(uint32_t first, const HeadPart& head) {
  return {first, head.rows() - std::min(first, head.rows())};
}

}  // namespace vivace
