// GET /api/search (query-API contract, section 3): the newest traces that match.
//
//   q=...                     TraceQL
//   tags=k=v k2="v 2"         the old form (legacy_search.h), with minDuration and maxDuration; if
//                             neither q, tags nor a window is given, every other parameter is a tag
//   limit, spss               traces, and spans of each; both have a limit of their own
//   start, end or since       the window (window.h); whole seconds, both inclusive
//
// JSON, or protobuf when the Accept header asks for it. What could not be read is told in the log,
// and by completedJobs below totalJobs. Runs on a worker.
#pragma once

#include "api/call.h"
#include "base/clock.h"
#include "store/store.h"

namespace vivace::api {

struct SearchLimits {
  int64_t traces_default = 20;
  int64_t traces_max = 262'144;  // 0: no limit, likewise below
  int64_t spans_default = 3;     // of a set of spans
  int64_t spans_max = 100;
};

struct SearchSettings {
  SearchLimits limits;
  int64_t range_max_ns = 0;     // between start and end; 0: no limit
  int64_t query_bytes_max = 0;  // of `q`; 0: no limit
  int64_t timeout_ns = 0;       // 0: none
  const Clock* clock = nullptr;
};

void answer_search(Call call, const Store& store, const SearchSettings& settings);

}  // namespace vivace::api
