// Finished series: their order in answers, and what second stages leave of them. Pure functions,
// called once at the end of a query.
#pragma once

#include <vector>

#include "query/metrics.h"

namespace vivace::metrics {

// By the number of labels, then key, then text of the value.
void put_in_order(std::vector<MetricsSeries>& all);

// Applies the stages one after the other. Series and examples that lose all are dropped.
void apply(const std::vector<traceql::SecondStage>& stages, std::vector<MetricsSeries>& all);

// Without series that have no samples.
void drop_empty(std::vector<MetricsSeries>& all);

}  // namespace vivace::metrics
