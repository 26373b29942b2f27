// How often each value came, by cell, for compare(): values are numbered as ValueIds has them,
// cells are (side, interval).
//
// Values of ids come once: one that came in a single cell so far takes 16 bytes, and a row of cells
// only when it comes in another one. One thread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "query/metrics_cells.h"
#include "query/metrics_ids.h"

namespace vivace::metrics {

class Tally {
 public:
  explicit Tally(uint32_t cells) : rows_(cells) {}

  // False: there is no memory for so many values.
  bool grow(uint32_t values, Memory& memory);
  uint32_t size() const { return static_cast<uint32_t>(values_.size()); }

  void add(uint32_t value, uint32_t cell, uint32_t times, Memory& memory) {
    One& one = values_[value];
    if (one.row != kNoRow) {
      rows_.of(one.row)[cell] += times;
    } else if (one.cell == cell || one.count == 0) {
      one.cell = cell;
      one.count += times;
    } else {
      add_row(one, cell, times, memory);
    }
  }

  // In so many cells from one on.
  uint64_t sum(uint32_t value, uint32_t first, uint32_t count) const;
  std::vector<uint64_t> counts(uint32_t value, uint32_t first, uint32_t count) const;

  // Forgets everything, for good.
  void give_up(Memory& memory);

 private:
  static constexpr uint32_t kNoRow = UINT32_MAX;
  struct One {
    uint64_t count = 0;
    uint32_t cell = 0;
    uint32_t row = kNoRow;  // then that counts
  };

  void add_row(One& one, uint32_t cell, uint32_t times, Memory& memory);

  std::vector<One> values_;
  Grid<uint64_t> rows_;
};

}  // namespace vivace::metrics
