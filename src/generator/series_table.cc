// New rows, rows that go, and the walk over all of them that a collection is. Everything that runs
// for each span is in the header.
#include "generator/series_table.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace vivace::generator {
namespace {

constexpr size_t kKeysMin = 1 << 16;                // more, before keys are forgotten
constexpr int64_t kDepartedMs = 2 * 60'000 + 1000;  // no first zero is older

}  // namespace

void Registry::forget_departed(int64_t now_ms) {
  boost::unordered::erase_if(departed,
                             [&](const auto& d) { return d.second < now_ms - kDepartedMs; });
}

SeriesTable::SeriesTable(const TableSpec& spec, Registry& registry)
    : registry_(registry), form_(registry.options.form), bounds_(spec.bounds) {
  for (const double bound : bounds_) {
    bound_labels_.push_back(label_field("le", bound_text(bound)));
  }
  bound_labels_.push_back(label_field("le", "+Inf"));
  learn_bounds();
  for (const MetricSpec& metric : spec.metrics) {
    Metric& to = metrics_.emplace_back();
    to.spec = metric;
    to.offset = static_cast<uint32_t>(stride_);
    to.first_slot = static_cast<uint32_t>(slots_stride_);
    const bool is_histogram = metric.kind == MetricSpec::Kind::histogram;
    const size_t buckets = bounds_.size() + 1;
    // A native histogram takes about as much memory as one with bounds.
    const size_t forms = (form_.is_classic ? 1U : 0U) + (form_.native ? 1U : 0U);
    const size_t series = is_histogram ? (buckets + 2) * forms : 1;
    stride_ += is_histogram ? buckets + 1 : 1;
    slots_stride_ += is_histogram ? buckets + (form_.native ? 1 : 0) : 0;
    to.series = static_cast<int64_t>(series * metric.names.size());
    if (is_histogram && form_.native) {
      to.native = static_cast<uint32_t>(natives_.size());
      natives_.emplace_back();
    }
    for (const std::string& name : metric.names) {
      seed_ = hash64(name, seed_);
      if (is_histogram) {
        for (const char* suffix : {"_count", "_sum", "_bucket", ""}) {
          to.labels.push_back(label_field("__name__", name + suffix));
        }
      } else {
        to.labels.push_back(label_field("__name__", name));
      }
    }
    if (!metric.on_first_use) row_series_ += to.series;
  }
}

void SeriesTable::learn_bounds() {
  constexpr uint64_t kExponents = 0x800;
  padded_bounds_ = bounds_;
  padded_bounds_.push_back(INFINITY);
  for (uint64_t exponent = 0; exponent < kExponents; ++exponent) {
    const auto least = std::bit_cast<double>(exponent << 52);
    const auto below = std::ranges::lower_bound(bounds_, least) - bounds_.begin();
    if (!bounds_below_.empty()) {
      bounds_together_ =
          std::max(bounds_together_, static_cast<size_t>(below) - bounds_below_.back());
    }
    bounds_below_.push_back(static_cast<uint32_t>(below));
  }
}

SeriesTable::~SeriesTable() {
  for (Row row = 0; row < rows_.size(); ++row) {
    if (rows_[row].is_used) remove(row);
  }
}

SeriesTable::Row SeriesTable::enter(uint64_t key, LabelSet& labels) {
  for (const auto& [name, value] : registry_.options.labels) labels.add(name, value);
  if (!labels.is_utf8()) {
    labels.clear();
    remember(key, kInvalid);
    return kInvalid;
  }
  const Row row = enter_labels(labels.encode(registry_.options.limits), false);
  remember(key, row);
  return row;
}

void SeriesTable::remember(uint64_t key, Row row) {
  // Keys without a row of their own must not take memory without bound.
  if (rows_by_key_.size() >= std::max(kKeysMin, 4 * rows())) forget_keys();
  rows_by_key_.insert_or_assign(key, row);
  if (row == overflow_) ++keys_past_room_;
  last_key_ = key;
  last_row_ = row;
}

// They are found again by their labels.
void SeriesTable::forget_keys() {
  rows_by_key_.clear();
  keys_past_room_ = 0;
  last_key_ = 0;
  last_row_ = kUnknown;
}

void SeriesTable::forget_keys_past_room() {
  boost::unordered::erase_if(rows_by_key_, [&](const auto& k) { return k.second == overflow_; });
  keys_past_room_ = 0;
  last_key_ = 0;
  last_row_ = kUnknown;
}

SeriesTable::Row SeriesTable::begin_first(Row row, uint32_t metric) {
  const int64_t series = metrics_[metric].series;
  if (row != overflow_ && !registry_.has_room(series, 0)) {
    ++registry_.limited;
    const double touched_ms = *values_of(row);
    row = overflow_row();
    *values_of(row) = touched_ms;
  }
  RowState& state = rows_[row];
  if ((state.present >> metric & 1) != 0) return row;
  state.present |= 1U << metric;
  registry_.count(series);
  registry_.added += static_cast<uint64_t>(series);
  return row;
}

SeriesTable::Row SeriesTable::enter_labels(SeriesLabels labels, bool past_limit) {
  const Hash128 identity = hash128(labels.bytes, seed_);
  const auto found = rows_by_labels_.find(identity);
  if (found != rows_by_labels_.end()) return found->second;
  const auto label_bytes = static_cast<int64_t>(labels.bytes.size());
  if (!past_limit && !registry_.has_room(row_series_, label_bytes)) {
    ++registry_.limited;
    return overflow_row();
  }
  const Row row = new_row();
  RowState& state = rows_[row];
  state.labels = std::move(labels);
  state.identity = identity;
  state.is_used = true;
  for (size_t i = 0; i < metrics_.size(); ++i) {
    if (!metrics_[i].spec.on_first_use) state.present |= 1U << i;
  }
  const auto before = registry_.departed.find(identity);
  if (before != registry_.departed.end()) {
    state.departed_ms = before->second;
    registry_.departed.erase(before);
  }
  registry_.count(row_series_);
  registry_.count_labels(label_bytes);
  registry_.added += static_cast<uint64_t>(row_series_);
  rows_by_labels_.emplace(identity, row);
  return row;
}

SeriesTable::Row SeriesTable::overflow_row() {
  if (overflow_ != kUnknown) return overflow_;
  LabelSet labels;
  labels.add("metric_overflow", "true");
  for (const auto& [name, value] : registry_.options.labels) labels.add(name, value);
  return overflow_ = enter_labels(labels.encode(registry_.options.limits), true);
}

SeriesTable::Row SeriesTable::new_row() {
  Row row = 0;
  if (!free_.empty()) {
    row = free_.back();
    free_.pop_back();
  } else {
    row = static_cast<Row>(rows_.size());
    rows_.emplace_back();
    if (row % kChunkRows == 0) {
      values_.push_back(std::make_unique<double[]>(kChunkRows * stride_));
      slots_.push_back(std::make_unique<uint32_t[]>(kChunkRows * slots_stride_));
    }
    for (auto& of_rows : natives_) of_rows.emplace_back();
  }
  rows_[row] = RowState();
  std::fill_n(values_of(row), stride_, 0.0);
  return row;
}

void SeriesTable::remove(Row row) {
  RowState& state = rows_[row];
  for (size_t i = 0; i < metrics_.size(); ++i) {
    if ((state.present >> i & 1) == 0) continue;
    registry_.count(-metrics_[i].series);
    registry_.removed += static_cast<uint64_t>(metrics_[i].series);
  }
  registry_.count_labels(-static_cast<int64_t>(state.labels.bytes.size()));
  const int64_t sent_ms = std::max(state.sent_ms, state.departed_ms);
  if (sent_ms > 0) registry_.departed.insert_or_assign(state.identity, sent_ms);
  rows_by_labels_.erase(state.identity);
  state = RowState();
  for (auto& of_rows : natives_) of_rows[row] = NativeHistogram();
  if (row == overflow_) overflow_ = kUnknown;
  free_.push_back(row);
}

void SeriesTable::expire(int64_t before_ms) {
  bool removed = false;
  for (Row row = 0; row < rows_.size(); ++row) {
    if (!rows_[row].is_used || *values_of(row) >= static_cast<double>(before_ms)) continue;
    remove(row);
    removed = true;
  }
  if (!removed) return;
  forget_keys();
}

void SeriesTable::collect(std::span<RoundWriter* const> writers) {
  for (Row row = 0; row < rows_.size(); ++row) {
    if (rows_[row].is_used) collect_row(row, writers);
  }
  for (uint32_t* slot : exemplar_slots_) *slot = 0;
  exemplar_slots_.clear();
  exemplars_.clear();
}

void SeriesTable::collect_row(Row row, std::span<RoundWriter* const> writers) {
  RowState& state = rows_[row];
  Point point{.labels = &state.labels};
  point.known_until_ms = state.departed_ms;
  for (size_t i = 0; i < metrics_.size(); ++i) {
    if ((state.present >> i & 1) == 0) continue;
    const Metric& metric = metrics_[i];
    const bool is_first = (state.sent >> i & 1) == 0;
    point.begins_at_zero = is_first && metric.spec.kind != MetricSpec::Kind::gauge;
    if (metric.spec.kind == MetricSpec::Kind::histogram) {
      if (form_.is_classic) collect_classic(row, metric, point, writers);
      if (form_.native) collect_native(row, metric, point, writers);
    } else {
      point.value = values_of(row)[metric.offset];
      for (const std::string& name : metric.labels) {
        point.name = name;
        for (RoundWriter* writer : writers) writer->add(point);
      }
    }
  }
  if (writers.empty()) return;
  state.sent = state.present;
  state.sent_ms = writers.front()->time_ms();
}

void SeriesTable::observe_native(Row row, const Metric& metric, const Observation& observation) {
  const auto now_ms = static_cast<int64_t>(*values_of(row));  // it was touched
  natives_[metric.native][row].observe(observation.value, observation.weight, now_ms,
                                       *form_.native);
  if (registry_.options.exemplars) {
    note_exemplar(slots_of(row)[metric.first_slot + bound_labels_.size()], observation.value,
                  observation.trace);
  }
}

void SeriesTable::collect_native(Row row, const Metric& metric, Point point,
                                 std::span<RoundWriter* const> writers) {
  const uint32_t slot =
      registry_.options.exemplars ? slots_of(row)[metric.first_slot + bound_labels_.size()] : 0;
  point.exemplar = slot == 0 ? nullptr : &exemplars_[slot - 1];
  point.native = &natives_[metric.native][row];
  for (size_t i = 0; i < metric.labels.size(); i += 4) {
    point.name = metric.labels[i + 3];
    for (RoundWriter* writer : writers) writer->add(point);
  }
}

void SeriesTable::collect_classic(Row row, const Metric& metric, Point point,
                                  std::span<RoundWriter* const> writers) {
  const double* const values = values_of(row) + metric.offset;
  const auto write = [&](const std::string& name, double value) {
    point.name = name;
    point.value = value;
    for (RoundWriter* writer : writers) writer->add(point);
  };
  for (size_t i = 0; i < metric.labels.size(); i += 4) {
    double count = 0;
    for (size_t bucket = 0; bucket < bound_labels_.size(); ++bucket) {
      count += values[1 + bucket];
      point.bound = bound_labels_[bucket];
      const uint32_t slot =
          registry_.options.exemplars ? slots_of(row)[metric.first_slot + bucket] : 0;
      point.exemplar = slot == 0 ? nullptr : &exemplars_[slot - 1];
      write(metric.labels[i + 2], count);
    }
    point.bound = {};
    point.exemplar = nullptr;
    write(metric.labels[i], count);
    const bool begins_at_zero = std::exchange(point.begins_at_zero, false);
    write(metric.labels[i + 1], values[0]);
    point.begins_at_zero = begins_at_zero;
  }
}

int64_t SeriesTable::bytes() const {
  size_t out = rows_.capacity() * sizeof(RowState) +
               values_.size() * kChunkRows * (stride_ * 8 + slots_stride_ * 4) +
               rows_by_key_.bucket_count() * 18 + rows_by_labels_.bucket_count() * 26;
  for (const RowState& row : rows_) out += row.labels.bytes.capacity() + 16;
  for (const auto& of_rows : natives_) {
    for (const NativeHistogram& one : of_rows) out += sizeof(one) + one.bytes();
  }
  return static_cast<int64_t>(out);
}

}  // namespace vivace::generator
