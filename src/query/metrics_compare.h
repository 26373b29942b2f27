// compare(): how often each value of each attribute comes up among the spans that a condition
// selects, and among the others (the baseline).
//
// An attribute is a LabelColumn and a grid of counts: its values x (side, interval). Attributes are
// those of the span, its resource and scope, its events and links, and the intrinsics that say what
// a span is: not ids, times, durations and places in the tree. The values of all events of a span
// count; in the totals a span counts once.
//
// One thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "query/filter.h"
#include "query/metrics_cells.h"
#include "query/metrics_labels.h"

namespace vivace::metrics {

class Compared {
 public:
  static Result<Compared> make(const traceql::Comparison& comparison, const MetricsAxis& axis,
                               const MetricsLimits& limits, Memory& memory);

  Result<void> add(GroupColumns& group, const PickedRows& rows, TraceValues* maybe_traces);
  std::vector<MetricsSeries> series() const;
  // What is missing; empty: nothing.
  std::string incomplete() const;

 private:
  static constexpr size_t kAttributesMax = 4'096;

  struct Attribute {
    Attribute(traceql::Attribute of, uint32_t values_max, uint32_t cells, Memory& memory)
        : label(std::move(of), values_max, memory), counts(cells), totals(cells) {}
    LabelColumn label;
    Grid<uint64_t> counts;         // by value, then cell
    std::vector<uint64_t> totals;  // spans that have it, by cell
  };
  // Owners of values: picked rows, or what belongs to them.
  struct Owners {
    const PickedRows& picked;
    const std::vector<uint32_t>& cells;  // by place
    const std::vector<uint32_t>* spans;  // place of the row, by place; null: rows
  };

  Compared(Filter selection, const traceql::Comparison& comparison, const MetricsAxis& axis,
           const MetricsLimits& limits, Memory& memory);

  Result<void> find_cells(GroupColumns& group, const PickedRows& rows, TraceValues* maybe_traces);
  Result<void> add_intrinsics(GroupColumns& group, const PickedRows& rows,
                              TraceValues* maybe_traces);
  Result<void> add_keys(GroupColumns& group, const PickedRows& rows, traceql::Scope scope);
  Result<void> add_belongings(GroupColumns& group, const PickedRows& rows, Scope scope);
  Result<void> add_key(GroupColumns& group, const Owners& owners, traceql::Scope scope,
                       std::string_view key);
  void count(Attribute& attribute, const Owners& owners);
  Attribute* attribute(const traceql::Attribute& of);
  void add_side(const Attribute& attribute, uint32_t side, std::vector<MetricsSeries>& out) const;
  MetricsSeries make_series(std::string type, const std::string& key, traceql::Datum value,
                            std::span<const uint64_t> counts) const;

  Filter selection_;
  const traceql::Comparison* comparison_;
  const MetricsAxis* axis_;
  MetricsLimits limits_;
  Memory* memory_;
  bool is_full_ = false;  // of attributes
  std::vector<std::unique_ptr<Attribute>> attributes_;
  boost::unordered_flat_map<std::string, uint32_t> by_name_;
  std::vector<uint32_t> cells_;  // of the row group at hand, by place
  std::vector<uint32_t> ids_;
};

}  // namespace vivace::metrics
