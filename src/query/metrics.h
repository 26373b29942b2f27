// TraceQL metrics: numbers over time of the spans that a query names.
//
//   auto question = TRY(plan_metrics(query));
//   question.axis = TRY(MetricsAxis::range(start_ns, end_ns, step_ns, 10'000));
//   MetricsResult result = TRY(evaluate_metrics(snapshots, question, control));
//
// EXACT. Every stored span of the range counts once, over heads and blocks: rows that repeat spans
// of older parts do not. Quantiles are within 1 % of the smallest value that so many values reach
// (metrics_sketch.h); hints that ask for samples are ignored.
//
// HOW. Row groups that may have starts in the range are looked at one by one. A filter picks rows;
// `by` makes of each row the number of a series (metrics_labels.h), its start that of an interval;
// cells (metrics_cells.h), series x intervals, take them in. Where a whole row group lies in one
// interval its starts are not read. What is more than filters before the metric is evaluated over
// whole traces (pipeline_scan.h), and its spans are counted in the same way.
//
// BOUNDS. An attribute has at most `values_max` values in `by` and compare(): spans with further
// ones are in no series, and the answer says so. All that is kept is bounded by `memory_bytes_max`;
// a query that needs more is refused with Code::too_large, or by the budget of the control, which
// the answer is charged to as long as it lives. A failing evaluation is Code::invalid_argument;
// Code::cancelled and Code::deadline_exceeded are those of the control, which is asked once a row
// group, and in one of many keys by compare(). Damage costs the row group that it is in.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "query/metrics_axis.h"
#include "query/metrics_counts.h"
#include "query/query_budget.h"
#include "query/query_control.h"
#include "store/snapshot.h"
#include "traceql/ast.h"

namespace vivace {

struct MetricsLimits {
  uint32_t exemplars_max = 100;
  uint32_t series_max = 0;  // of an answer; 0: no limit
  uint32_t values_max = 10'000;
  int64_t memory_bytes_max = 64 << 20;
};

struct MetricsQuestion {
  const traceql::Query* query = nullptr;  // borrowed; has a metric
  // Whether whole traces say which spans count; else those do that pass all of `spans`, which are
  // borrowed from the query.
  bool is_of_traces = false;
  std::vector<const traceql::FieldExpr*> spans;
  bool never = false;  // no span passes
  MetricsAxis axis;
  MetricsLimits limits;
  ResourceCounts* maybe_counts = nullptr;  // what earlier queries counted; null: nothing is kept
};

struct MetricsLabel {
  std::string key;
  traceql::Datum value;
};

struct MetricsExemplar {
  std::vector<MetricsLabel> labels;
  double value = 0;
  uint64_t time_ns = 0;  // start of the span
};

struct MetricsSeries {
  std::vector<MetricsLabel> labels;
  std::vector<double> samples;  // one an interval; NaN: none
  std::vector<MetricsExemplar> exemplars;
};

struct MetricsResult {
  std::vector<MetricsSeries> series;  // in the order of answers
  std::string incomplete;             // why series or values are missing; empty: none are
  uint64_t counted_spans = 0;         // that passed, in the range
  uint64_t inspected_bytes = 0;
  uint64_t inspected_spans = 0;
  uint32_t parts = 0;
  uint32_t groups = 0;   // row groups that were looked at
  uint32_t damaged = 0;  // that could not be read
  MemoryCharge memory;   // of the series
};

// The query must outlive the question. Code::invalid_argument: `not a metrics query`.
Result<MetricsQuestion> plan_metrics(const traceql::Query& query);

Result<MetricsResult> evaluate_metrics(std::span<const Snapshot> snapshots,
                                       const MetricsQuestion& question,
                                       const QueryControl& control);

}  // namespace vivace
