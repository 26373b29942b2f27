// Where counted spans go: a cell for each series and interval, of what the function needs. One
// class for each kind of function; each takes a row group at a time and makes samples at the end.
//
//   rate, count_over_time        a count
//   min, max, sum, avg           the number so far; sums carry what rounding lost
//   histogram_over_time          a count for each power of two that came up
//   quantile_over_time           a sketch (metrics_sketch.h)
//
// One thread.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "query/metrics.h"
#include "query/metrics_ids.h"
#include "query/metrics_measure.h"
#include "query/metrics_rows.h"

namespace vivace::metrics {

// The spans of one row group.
struct CountedRows {
  const PickedRows& rows;
  std::span<const uint32_t> series;  // by place; empty: all belong to series 0
  const Measured& measured;
  uint32_t series_count = 1;  // of series so far
};

class Cells {
 public:
  struct Row {
    uint32_t series = 0;
    std::optional<MetricsLabel> label;  // besides those of the series: __bucket, p
    std::vector<double> samples;        // NaN: none
  };

  virtual ~Cells() = default;
  virtual void add(const CountedRows& counted, Memory& memory) = 0;
  // Whether only the number of spans matters; then so many of one series may be taken at once.
  virtual bool only_counts() const { return false; }
  virtual void add_many(uint32_t /*series*/, uint32_t /*interval*/, uint64_t /*spans*/, Memory&) {}
  // Those that took something in, by series; the first error of `take` ends it. Only the row that
  // is handed over takes memory of its own.
  using TakeRow = std::function<Result<void>(Row)>;
  virtual Result<void> each_row(const TakeRow& take) const = 0;
  // Whether a span with this number shows as an example of the row; the first that says so.
  virtual bool shows(const Row&, double /*number*/) const { return true; }
};

std::unique_ptr<Cells> make_cells(const traceql::Metric& metric, const MetricsAxis& axis,
                                  const Measured& measured);

// Cells of all series, interval by interval within one series.
template <class Cell>
class Grid {
 public:
  explicit Grid(uint32_t intervals) : intervals_(intervals) {}

  // False: there is no memory for so many. What it moves out of counts until it has moved.
  bool grow(uint32_t series, Memory& memory) {
    const size_t cells = size_t{series} * intervals_;
    if (cells <= cells_.size()) return true;
    if (const size_t room = cells_.capacity(); cells > room) {
      const size_t more = std::max(cells, room + room / 2);
      if (!memory.take(more * sizeof(Cell))) return false;
      cells_.reserve(more);
      memory.give(room * sizeof(Cell));
    }
    cells_.resize(cells);
    return true;
  }
  uint32_t size() const { return static_cast<uint32_t>(cells_.size() / intervals_); }
  uint32_t intervals() const { return intervals_; }
  std::span<Cell> of(uint32_t series) {
    return {cells_.data() + size_t{series} * intervals_, intervals_};
  }
  std::span<const Cell> of(uint32_t series) const {
    return {cells_.data() + size_t{series} * intervals_, intervals_};
  }
  Cell* data() { return cells_.data(); }
  void clear(Memory& memory) {
    memory.give(cells_.capacity() * sizeof(Cell));
    cells_ = {};
  }

 private:
  uint32_t intervals_;
  std::vector<Cell> cells_;
};

}  // namespace vivace::metrics
