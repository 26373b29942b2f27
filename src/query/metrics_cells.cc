// The loops over the spans of a row group. They have no calls but those that are inlined; which
// kind of cell it is was decided before.
#include "query/metrics_cells.h"

#include <bit>
#include <cmath>
#include <limits>

#include "query/metrics_sketch.h"
#include "query/stored_values.h"

namespace vivace::metrics {
namespace {

using Function = traceql::Metric::Function;

constexpr uint32_t kNoSeries = ValueIds::kTooMany;
constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

Cells::Row row_of(uint32_t series, uint32_t intervals, std::optional<MetricsLabel> label = {}) {
  Cells::Row out{.series = series, .label = std::move(label), .samples = {}};
  out.samples.reserve(intervals);
  return out;
}

// Calls take(place, cell) for each span that has a series.
template <class Cell, class Take>
void each_cell(const CountedRows& counted, Grid<Cell>& grid, Take take) {
  Cell* const cells = grid.data();
  const size_t intervals = grid.intervals();
  const uint32_t count = counted.rows.count();
  const bool one = counted.rows.in_one_interval();
  const uint32_t* const interval_of = counted.rows.intervals();
  if (counted.series.empty()) {
    for (uint32_t place = 0; place < count; ++place) {
      take(place, cells[one ? counted.rows.interval() : interval_of[place]]);
    }
    return;
  }
  const uint32_t* const series_of = counted.series.data();
  if (one) {
    Cell* const column = cells + counted.rows.interval();
    for (uint32_t place = 0; place < count; ++place) {
      if (series_of[place] != kNoSeries) take(place, column[series_of[place] * intervals]);
    }
    return;
  }
  for (uint32_t place = 0; place < count; ++place) {
    if (series_of[place] == kNoSeries) continue;
    take(place, cells[series_of[place] * intervals + interval_of[place]]);
  }
}

// The same for spans that have a number.
template <class Cell, class Take>
void each_measured(const CountedRows& counted, Grid<Cell>& grid, Take take) {
  if (counted.measured.all_integers()) {
    return each_cell(counted, grid, [&](uint32_t place, Cell& cell) {
      take(cell, static_cast<double>(counted.measured.integer(place)));
    });
  }
  each_cell(counted, grid, [&](uint32_t place, Cell& cell) {
    if (counted.measured.form(place) == Measured::Form::none) return;
    take(cell, counted.measured.number(place));
  });
}

// ------------------------------------------------------------------------------- counts

class Counts final : public Cells {
 public:
  Counts(const MetricsAxis& axis, double divisor) : grid_(axis.count), divisor_(divisor) {}

  void add(const CountedRows& counted, Memory& memory) override {
    if (!grid_.grow(counted.series_count, memory)) return;
    if (counted.series.empty() && counted.rows.in_one_interval()) {
      grid_.of(0)[counted.rows.interval()] += counted.rows.count();
      return;
    }
    each_cell(counted, grid_, [](uint32_t, uint64_t& count) { ++count; });
  }

  bool only_counts() const override { return true; }
  void add_many(uint32_t series, uint32_t interval, uint64_t spans, Memory& memory) override {
    if (series == kNoSeries || !grid_.grow(series + 1, memory)) return;
    grid_.of(series)[interval] += spans;
  }

  Result<void> each_row(const TakeRow& take) const override {
    for (uint32_t series = 0; series < grid_.size(); ++series) {
      uint64_t any = 0;
      Row row = row_of(series, grid_.intervals());
      for (const uint64_t count : grid_.of(series)) {
        any |= count;
        row.samples.push_back(static_cast<double>(count) / divisor_);
      }
      if (any != 0) CHECK_OK(take(std::move(row)));
    }
    return {};
  }

 private:
  Grid<uint64_t> grid_;
  double divisor_;
};

// ------------------------------------------------------------------------------- numbers

class Extremes final : public Cells {
 public:
  Extremes(const MetricsAxis& axis, bool greatest, double divisor)
      : grid_(axis.count), greatest_(greatest), divisor_(divisor) {}

  void add(const CountedRows& counted, Memory& memory) override {
    if (!grid_.grow(counted.series_count, memory)) return;
    if (greatest_) {
      each_measured(counted, grid_, [](Cell& cell, double number) {
        if (!(number <= cell.value)) cell.value = number;
      });
    } else {
      each_measured(counted, grid_, [](Cell& cell, double number) {
        if (!(number >= cell.value)) cell.value = number;
      });
    }
  }

  Result<void> each_row(const TakeRow& take) const override {
    for (uint32_t series = 0; series < grid_.size(); ++series) {
      Row row = row_of(series, grid_.intervals());
      for (const Cell& cell : grid_.of(series)) row.samples.push_back(cell.value / divisor_);
      CHECK_OK(take(std::move(row)));
    }
    return {};
  }

 private:
  struct Cell {
    double value = kNone;
  };
  Grid<Cell> grid_;
  bool greatest_;
  double divisor_;
};

class Sums final : public Cells {
 public:
  Sums(const MetricsAxis& axis, bool mean, double divisor)
      : grid_(axis.count), mean_(mean), divisor_(divisor) {}

  void add(const CountedRows& counted, Memory& memory) override {
    if (!grid_.grow(counted.series_count, memory)) return;
    each_measured(counted, grid_, [](Cell& cell, double number) {
      // Neumaier's sum: what the addition rounds away goes to `lost`.
      const double sum = cell.sum + number;
      cell.lost += std::abs(cell.sum) >= std::abs(number) ? (cell.sum - sum) + number
                                                          : (number - sum) + cell.sum;
      cell.sum = sum;
      ++cell.count;
    });
  }

  Result<void> each_row(const TakeRow& take) const override {
    for (uint32_t series = 0; series < grid_.size(); ++series) {
      Row row = row_of(series, grid_.intervals());
      for (const Cell& cell : grid_.of(series)) row.samples.push_back(sample(cell));
      CHECK_OK(take(std::move(row)));
    }
    return {};
  }

 private:
  struct Cell {
    double sum = 0;
    double lost = 0;
    uint64_t count = 0;
  };

  double sample(const Cell& cell) const {
    if (cell.count == 0) return kNone;
    const double sum = std::isfinite(cell.sum) ? cell.sum + cell.lost : cell.sum;
    return (mean_ ? sum / static_cast<double>(cell.count) : sum) / divisor_;
  }

  Grid<Cell> grid_;
  bool mean_;
  double divisor_;
};

// ------------------------------------------------------------------------------- buckets

// Of an integer from 2 on, the exponent of the smallest power of two that is not below it.
uint32_t exponent_of(int64_t value) {
  return static_cast<uint32_t>(std::bit_width(static_cast<uint64_t>(value) - 1));
}

// A row of the grid for each exponent of each series that came up.
class Histogram final : public Cells {
 public:
  Histogram(const MetricsAxis& axis, bool is_duration)
      : grid_(axis.count), is_duration_(is_duration) {}

  void add(const CountedRows& counted, Memory& memory) override {
    const size_t tables = size_t{counted.series_count} * kExponents;
    if (tables > row_of_.size()) {
      if (!memory.take((tables - row_of_.size()) * sizeof(uint32_t))) return;
      row_of_.resize(tables, kNoRow);
    }
    for (uint32_t place = 0; place < counted.rows.count(); ++place) {
      const uint32_t series = counted.series.empty() ? 0 : counted.series[place];
      if (series == kNoSeries || counted.measured.form(place) != Measured::Form::integer) continue;
      const int64_t value = counted.measured.integer(place);
      if (value < 2) continue;
      uint32_t& row = row_of_[size_t{series} * kExponents + exponent_of(value)];
      if (row == kNoRow) {
        if (!grid_.grow(grid_.size() + 1, memory)) return;
        row = grid_.size() - 1;
      }
      ++grid_.of(row)[counted.rows.interval_at(place)];
    }
  }

  Result<void> each_row(const TakeRow& take) const override {
    for (size_t i = 0; i < row_of_.size(); ++i) {
      if (row_of_[i] == kNoRow) continue;
      Row row = row_of(static_cast<uint32_t>(i / kExponents), grid_.intervals(),
                       MetricsLabel{"__bucket", datum(bound(i % kExponents))});
      for (const uint64_t count : grid_.of(row_of_[i])) {
        row.samples.push_back(static_cast<double>(count));
      }
      CHECK_OK(take(std::move(row)));
    }
    return {};
  }

  bool shows(const Row& row, double number) const override {
    return number >= 2 &&
           row.label->value.as<double>() == bound(exponent_of(static_cast<int64_t>(number)));
  }

 private:
  static constexpr uint32_t kExponents = 64;
  double bound(size_t exponent) const {
    return std::ldexp(1.0, static_cast<int>(exponent)) / (is_duration_ ? 1e9 : 1);
  }

  std::vector<uint32_t> row_of_;
  Grid<uint64_t> grid_;
  bool is_duration_;
};

class Quantiles final : public Cells {
 public:
  Quantiles(const MetricsAxis& axis, std::vector<double> quantiles, double divisor)
      : grid_(axis.count), quantiles_(std::move(quantiles)), divisor_(divisor) {}

  void add(const CountedRows& counted, Memory& memory) override {
    if (!grid_.grow(counted.series_count, memory)) return;
    each_measured(counted, grid_,
                  [&](Sketch& sketch, double number) { sketch.add(number, memory); });
  }

  Result<void> each_row(const TakeRow& take) const override {
    for (uint32_t series = 0; series < grid_.size(); ++series) {
      uint64_t any = 0;
      for (const Sketch& sketch : grid_.of(series)) any |= sketch.count();
      if (any == 0) continue;
      for (const double q : quantiles_) {
        Row row = row_of(series, grid_.intervals(), MetricsLabel{"p", datum(q)});
        for (const Sketch& sketch : grid_.of(series)) {
          row.samples.push_back(sketch.count() == 0 ? 0 : sketch.quantile(q) / divisor_);
        }
        CHECK_OK(take(std::move(row)));
      }
    }
    return {};
  }

 private:
  Grid<Sketch> grid_;
  std::vector<double> quantiles_;
  double divisor_;
};

}  // namespace

std::unique_ptr<Cells> make_cells(const traceql::Metric& metric, const MetricsAxis& axis,
                                  const Measured& measured) {
  const double divisor = measured.is_in_seconds() ? 1e9 : 1;
  switch (metric.function) {
    case Function::rate:
      return std::make_unique<Counts>(axis, axis.step_s());
    case Function::count_over_time:
      return std::make_unique<Counts>(axis, 1);
    case Function::min_over_time:
    case Function::max_over_time:
      return std::make_unique<Extremes>(axis, metric.function == Function::max_over_time, divisor);
    case Function::sum_over_time:
    case Function::avg_over_time:
      return std::make_unique<Sums>(axis, metric.function == Function::avg_over_time, divisor);
    case Function::histogram_over_time:
      return std::make_unique<Histogram>(axis, measured.is_duration());
    case Function::quantile_over_time:
      return std::make_unique<Quantiles>(axis, metric.quantiles, measured.is_duration() ? 1e9 : 1);
    case Function::compare:
      break;
  }
  ASSERT(false);
}

}  // namespace vivace::metrics
