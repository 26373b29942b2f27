// Finished series: their order in answers, what they take, and what second stages leave of them.
// Functions of what they are given alone, called once at the end of a query.
#pragma once

#include <vector>

#include "query/metrics.h"

namespace vivace::metrics {

// By the number of labels, then key, then text of the value.
void put_in_order(std::vector<MetricsSeries>& all);

// Applies the stages one after the other. Series and examples that lose all are dropped. Errors are
// those of the control, which is asked once a series, or once a point in time.
Result<void> apply(const std::vector<traceql::SecondStage>& stages, const QueryControl& control,
                   std::vector<MetricsSeries>& all);

// Of memory, until the answer is written: put_in_order has its labels a second time.
uint64_t bytes_of(const MetricsSeries& series);
uint64_t bytes_of(const std::vector<MetricsSeries>& all);

// Without series that have no samples.
void drop_empty(std::vector<MetricsSeries>& all);

}  // namespace vivace::metrics
