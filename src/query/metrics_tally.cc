// What grows takes its memory first, and gives back what it moved out of: rows of cells grow by
// half, so that the copies cost as much as the values.
#include "query/metrics_tally.h"

#include <algorithm>
#include <numeric>

namespace vivace::metrics {

bool Tally::grow(uint32_t values, Memory& memory) {
  if (values <= values_.size()) return true;
  if (const size_t room = values_.capacity(); values > room) {
    const size_t more = std::max<size_t>(values, room + room / 2);
    if (!memory.take(more * sizeof(One))) return false;
    values_.reserve(more);
    memory.give(room * sizeof(One));
  }
  values_.resize(values);
  return true;
}

void Tally::add_row(One& one, uint32_t cell, uint32_t times, Memory& memory) {
  const uint32_t row = rows_.size();
  if (!rows_.grow(row + 1, memory)) return;
  rows_.of(row)[one.cell] = one.count;
  rows_.of(row)[cell] += times;
  one.row = row;
}

uint64_t Tally::sum(uint32_t value, uint32_t first, uint32_t count) const {
  const One& one = values_[value];
  if (one.row == kNoRow) return one.cell - first < count ? one.count : 0;
  const auto cells = rows_.of(one.row).subspan(first, count);
  return std::accumulate(cells.begin(), cells.end(), uint64_t{0});
}

std::vector<uint64_t> Tally::counts(uint32_t value, uint32_t first, uint32_t count) const {
  const One& one = values_[value];
  std::vector<uint64_t> out(count);
  if (one.row != kNoRow) {
    std::ranges::copy(rows_.of(one.row).subspan(first, count), out.begin());
  } else if (one.cell - first < count) {
    out[one.cell - first] = one.count;
  }
  return out;
}

void Tally::give_up(Memory& memory) {
  memory.give(values_.capacity() * sizeof(One));
  values_ = {};
  rows_.clear(memory);
}

}  // namespace vivace::metrics
