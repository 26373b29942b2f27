// Series with the same set of labels, kept in one row: a span-metrics row is the counter of calls,
// the counter of bytes and the histogram of latencies of one (service, span name, kind, ...).
//
//   key (a hash of what the labels are made from)  ->  row  ->  values
//
// A known key costs one look-up in a table of 64-bit keys (none if it is the last one again), no
// allocation and no comparison of texts. Keys are mixed from seeded hashes of the texts; several
// keys may lead to one row, since values of different types can have one text.
//
// Active series are bounded for all tables of a tenant (Registry). Past that bound increments go to
// one row whose only label is metric_overflow="true". Rows that nothing updates for `stale_ms` go.
//
// The generator's thread.
#pragma once

#include <bit>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "base/hash.h"
#include "generator/half_edges.h"
#include "generator/label_set.h"
#include "generator/native_histogram.h"
#include "generator/round_writer.h"
#include "model/ids.h"

namespace vivace::generator {

// How histograms are sent: with bounds, as native ones, or both.
struct HistogramForm {
  bool is_classic = true;
  std::optional<NativeOptions> native = {};
  bool operator==(const HistogramForm&) const = default;
};

struct RegistryOptions {
  std::vector<Label> labels;  // of every series; they win over labels of the same name
  LabelLimits limits;
  int64_t series_max = 0;
  bool is_series_max_shared = false;  // with all tenants that have no bound of their own
  int64_t stale_ms = 900'000;
  bool exemplars = false;   // whether anybody wants them
  HistogramForm form = {};  // of tables that are made from now on
};

// Series of several tenants together.
struct SeriesPool {
  int64_t series_max = INT64_MAX;
  int64_t used = 0;
  int64_t label_bytes_max = INT64_MAX;  // of the rows' labels: values may be 2 KiB each
  int64_t label_bytes = 0;
};

// Two pools, so that neither kind of tenant takes from the other: those without a bound of their
// own share `unbounded`; those with one (which may be large, or none) are held by what memory
// allows.
struct SeriesBudget {
  SeriesPool unbounded;
  SeriesPool bounded;
  SideBudget sides = {};  // of edges that wait for their other side
};

// What the tables of one tenant share.
struct Registry {
  explicit Registry(SeriesBudget& budget) : all(budget) {}
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  bool has_room(int64_t series, int64_t bytes) const {
    const SeriesPool& with = options.is_series_max_shared ? all.unbounded : all.bounded;
    return active_series + series <= options.series_max && with.used + series <= with.series_max &&
           with.label_bytes + bytes <= with.label_bytes_max;
  }
  void count(int64_t series) {
    active_series += series;
    pool().used += series;
  }
  void count_labels(int64_t bytes) {
    label_bytes += bytes;
    pool().label_bytes += bytes;
  }
  SeriesPool& pool() { return options.is_series_max_shared ? all.unbounded : all.bounded; }
  // Series that there are go to the pool that they are in from now on.
  void set_options(RegistryOptions next) {
    pool().used -= active_series;
    pool().label_bytes -= label_bytes;
    options = std::move(next);
    pool().used += active_series;
    pool().label_bytes += label_bytes;
  }
  // Those that went so long ago that no zero is older.
  void forget_departed(int64_t now_ms);

  SeriesBudget& all;
  RegistryOptions options;
  int64_t active_series = 0;
  int64_t label_bytes = 0;
  uint64_t added = 0;    // series
  uint64_t removed = 0;  // likewise
  uint64_t limited = 0;  // label sets that found no room, each time they came
  // When rows that are gone were last sent, by table and labels: a series that comes back must not
  // begin with a zero that is older than that.
  boost::unordered_flat_map<Hash128, int64_t, TakeHash> departed;
};

struct MetricSpec {
  enum class Kind : uint8_t { counter, gauge, histogram };
  std::vector<std::string> names;  // each is sent
  Kind kind = Kind::counter;
  bool on_first_use = false;  // not there before something was added
};

struct TableSpec {
  std::vector<MetricSpec> metrics;
  std::vector<double> bounds;  // of its histograms, ascending, without +Inf
};

class SeriesTable {
 public:
  using Row = uint32_t;
  static constexpr Row kUnknown = UINT32_MAX;
  static constexpr Row kInvalid = UINT32_MAX - 1;  // its labels are not UTF-8

  SeriesTable(const TableSpec& spec, Registry& registry);
  ~SeriesTable();  // remembers its rows in the registry
  SeriesTable(const SeriesTable&) = delete;
  SeriesTable& operator=(const SeriesTable&) = delete;

  // A batch begins. Keys that found no room are new again when there is some.
  void begin_batch() {
    if (keys_past_room_ > 0 && registry_.has_room(row_series_, kLabelBytesAgain)) [[unlikely]]
      forget_keys_past_room();
  }

  Row find(uint64_t key) {
    if (key == last_key_) return last_row_;
    const auto found = rows_by_key_.find(key);
    if (found == rows_by_key_.end()) return kUnknown;
    last_key_ = key;
    return last_row_ = found->second;
  }
  // The row for labels that `find` does not know. Empties `labels`.
  Row enter(uint64_t key, LabelSet& labels);

  // Each of these makes the row live on.
  void touch(Row row, int64_t now_ms) { *values_of(row) = static_cast<double>(now_ms); }
  void add(Row row, uint32_t metric, double value) {
    const Metric& m = metrics_[metric];
    if (m.spec.on_first_use) row = begin(row, metric);
    values_of(row)[m.offset] += value;
  }
  void set(Row row, uint32_t metric, double value) {
    values_of(row)[metrics_[metric].offset] = value;
  }
  // `seconds` into a histogram, `weight` times.
  void observe(Row row, uint32_t metric, double seconds, double weight, const TraceId& trace) {
    const Metric& m = metrics_[metric];
    if (m.spec.on_first_use) row = begin(row, metric);
    double* const values = values_of(row) + m.offset;
    const size_t bucket = bucket_of(seconds);
    values[0] += seconds * weight;
    values[1 + bucket] += weight;
    if (form_.native) [[unlikely]]
      observe_native(row, m, {.value = seconds, .weight = weight, .trace = trace});
    if (registry_.options.exemplars) {
      note_exemplar(slots_of(row)[m.first_slot + bucket], seconds, trace);
    }
  }

  // Asks for the memory of a row that will be added to soon.
  void prefetch(Row row) const {
    const double* const values = values_[row / kChunkRows].get() + (row % kChunkRows) * stride_;
    __builtin_prefetch(values, 1);
    __builtin_prefetch(values + 8, 1);
    if (slots_stride_ > 0) {
      __builtin_prefetch(slots_[row / kChunkRows].get() + (row % kChunkRows) * slots_stride_);
    }
  }

  // Hands every series to each writer; exemplars begin anew.
  void collect(std::span<RoundWriter* const> writers);
  // Removes rows that were not touched since.
  void expire(int64_t before_ms);

  size_t rows() const { return rows_.size() - free_.size(); }
  int64_t bytes() const;  // estimate

 private:
  struct Metric {
    MetricSpec spec;
    uint32_t offset = 0;      // of its first value in a row
    uint32_t first_slot = 0;  // of its exemplars
    uint32_t native = 0;      // place of a histogram in natives_
    int64_t series = 1;
    // __name__; of a histogram four a name: count, sum, bucket, and without an ending
    std::vector<std::string> labels;
  };
  struct Observation {
    double value;
    double weight;
    const TraceId& trace;
  };
  struct RowState {
    SeriesLabels labels;
    Hash128 identity;
    int64_t sent_ms = 0;      // in this life
    int64_t departed_ms = 0;  // when an earlier life was last sent
    uint32_t present = 0;     // metrics, a bit each
    uint32_t sent = 0;        // likewise
    bool is_used = false;
  };
  static constexpr size_t kChunkRows = 64;
  static constexpr int64_t kLabelBytesAgain = 16 << 10;  // of room, before more are let in

  double* values_of(Row row) {
    return values_[row / kChunkRows].get() + (row % kChunkRows) * stride_;
  }
  uint32_t* slots_of(Row row) {
    return slots_[row / kChunkRows].get() + (row % kChunkRows) * slots_stride_;
  }
  // How many bounds the value, which is not below 0, is above. Its exponent tells of most.
  size_t bucket_of(double value) const {
    size_t bucket = bounds_below_[std::bit_cast<uint64_t>(value) >> 52 & 0x7ff];
    for (size_t i = 0; i < bounds_together_; ++i) {
      bucket += value > padded_bounds_[bucket] ? 1 : 0;
    }
    return bucket;
  }
  void note_exemplar(uint32_t& slot, double value, const TraceId& trace) {
    if (slot == 0) {
      exemplars_.push_back({trace, value});
      exemplar_slots_.push_back(&slot);
      slot = static_cast<uint32_t>(exemplars_.size());
    } else {
      exemplars_[slot - 1] = {trace, value};
    }
  }
  // The row that takes the metric's values: the overflow row when there is no room for a metric
  // that the row did not have so far.
  Row begin(Row row, uint32_t metric) {
    return (rows_[row].present >> metric & 1) != 0 ? row : begin_first(row, metric);
  }

  Row begin_first(Row row, uint32_t metric);
  void learn_bounds();
  Row enter_labels(SeriesLabels labels, bool past_limit);
  Row overflow_row();
  Row new_row();
  void remove(Row row);
  void remember(uint64_t key, Row row);
  void forget_keys();
  void forget_keys_past_room();
  void collect_row(Row row, std::span<RoundWriter* const> writers);
  void observe_native(Row row, const Metric& metric, const Observation& observation);
  void collect_classic(Row row, const Metric& metric, Point point,
                       std::span<RoundWriter* const> writers);
  void collect_native(Row row, const Metric& metric, Point point,
                      std::span<RoundWriter* const> writers);

  Registry& registry_;
  const HistogramForm form_;
  std::vector<Metric> metrics_;
  std::vector<double> bounds_;
  std::vector<double> padded_bounds_;      // and +Inf
  std::vector<uint32_t> bounds_below_;     // by exponent: bounds that are below all such values
  size_t bounds_together_ = 0;             // at most, with one exponent
  std::vector<std::string> bound_labels_;  // le, with +Inf
  uint64_t seed_ = 0;                      // tells tables apart in Registry::departed
  size_t stride_ = 1;                      // values of a row; the first is when it was touched, ms
  size_t slots_stride_ = 0;
  int64_t row_series_ = 0;  // without those that come on first use

  std::vector<RowState> rows_;
  std::vector<Row> free_;
  std::vector<std::unique_ptr<double[]>> values_;
  std::vector<std::unique_ptr<uint32_t[]>> slots_;     // 1 + index into exemplars_; 0: none
  std::vector<std::vector<NativeHistogram>> natives_;  // by histogram, then by row
  std::vector<Exemplar> exemplars_;
  std::vector<uint32_t*> exemplar_slots_;
  Row overflow_ = kUnknown;
  size_t keys_past_room_ = 0;  // that lead to it

  boost::unordered_flat_map<uint64_t, Row, TakeHash> rows_by_key_;
  boost::unordered_flat_map<Hash128, Row, TakeHash> rows_by_labels_;
  uint64_t last_key_ = 0;
  Row last_row_ = kUnknown;
};

}  // namespace vivace::generator
