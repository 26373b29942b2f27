// The oracle's metrics: what the spans that a query leaves come to over time (TraceQL reference, 12
// to 14). Spans are observed one by one and kept in lists; functions are computed from the lists.
//
// Not part of the product.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "query/testing/naive_pipeline.h"
#include "traceql/ast.h"

namespace vivace::naive {

struct MetricRange {
  uint64_t start_ns = 0;
  uint64_t end_ns = 0;
  uint64_t step_ns = 0;     // not of an instant
  bool is_instant = false;  // one value over (start, end], stamped with the end
};

struct Series {
  std::vector<Label> labels;
  std::map<uint64_t, double> points;  // by the right end of their interval, ns
};

// In the order of answers: by the number of labels, then key, then text of the value.
std::vector<Series> metrics(const std::vector<Trace>& traces, const traceql::Query& query,
                            const MetricRange& range);

// `{span.x="a", p=0.5}`, with types told apart.
std::string text_of(const std::vector<Label>& labels);

// The ranks that may count as the q-quantile of that many values: two where the rank is a whole
// number but for rounding.
std::pair<size_t, size_t> ranks_of(double q, size_t count);

}  // namespace vivace::naive
