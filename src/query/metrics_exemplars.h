// Spans that stand for series in answers: few, of as many traces as possible, spread over the
// range. The range is cut into slots, which take two spans each; row groups that reach into slots
// with room are asked for a few of their spans, picked at random but the same each time.
//
// One thread.
#pragma once

#include <cstdint>
#include <vector>

#include <boost/unordered/unordered_flat_set.hpp>

#include "query/metrics_cells.h"

namespace vivace::metrics {

struct Exemplar {
  uint32_t series = 0;
  uint32_t interval = 0;
  uint64_t time_ns = 0;
  double number = 0;  // that was measured; NaN: none is
  std::vector<MetricsLabel> labels;
};

class ExemplarPicker {
 public:
  // `shown`: the attributes that labels name, besides trace:id.
  ExemplarPicker(const MetricsAxis& axis, uint32_t count_max, std::vector<traceql::Attribute> shown,
                 bool measures);

  // Whether there is room for spans of the row group.
  bool wants(const RowGroup& group) const;
  Result<void> look(GroupColumns& group, const CountedRows& counted, TraceValues* maybe_traces);
  const std::vector<Exemplar>& found() const { return found_; }

 private:
  struct Slot {
    uint8_t spans = 0;
    uint8_t looks = 0;  // of row groups that left room
  };

  static bool has_room(const Slot& slot);
  size_t slot_of(uint64_t time_ns) const;
  Range slots_of(const RowGroup& group) const;
  Result<void> try_span(GroupColumns& group, const CountedRows& counted, uint32_t place,
                        TraceValues* maybe_traces);

  const MetricsAxis& axis_;
  uint32_t count_max_;
  std::vector<traceql::Attribute> shown_;
  bool measures_;
  std::vector<Slot> slots_;
  uint64_t slot_ns_ = 1;
  uint64_t random_ = 0;
  boost::unordered_flat_set<TraceId, TraceIdHash> traces_;
  std::vector<Exemplar> found_;
};

// A value as labels have it: durations, status and kind as words.
traceql::Datum label_value(const traceql::Datum& value);

}  // namespace vivace::metrics
