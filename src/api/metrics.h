// GET /api/metrics/query_range and /api/metrics/query: numbers over time, and one number for the
// whole time (query-API contract, 5).
//
//   query_range   q (or query), start, end or since, step, exemplars
//   query         q (or query), start, end or since
//
// JSON only. What the answer lacks, because an attribute has too many values or there are too many
// series, is told by `"status":"PARTIAL"` and a message; what could not be read, in the log and by
// completedJobs below totalJobs. Runs on a worker.
#pragma once

#include <string_view>

#include "api/call.h"
#include "api/params.h"
#include "base/clock.h"
#include "query/metrics.h"
#include "store/store.h"

namespace vivace::api {

struct MetricsSettings {
  MetricsLimits limits;  // exemplars_max: what a request gets that does not ask for fewer
  uint32_t intervals_max = 10'000;
  int64_t range_max_ns = 0;     // between start and end; 0: no limit
  int64_t query_bytes_max = 0;  // 0: no limit
  int64_t timeout_ns = 0;       // 0: none
  const Clock* clock = nullptr;
  ResourceCounts* maybe_counts = nullptr;  // null: nothing is remembered between queries
};

void answer_metrics_range(Call call, const Store& store, const MetricsSettings& settings);
void answer_metrics_instant(Call call, const Store& store, const MetricsSettings& settings);

// The axis that the parameters ask for. `now_ns`: unix time.
Result<MetricsAxis> parse_metrics_axis(const Params& params, bool instant, int64_t now_ns,
                                       const MetricsSettings& settings);

}  // namespace vivace::api
