// The time window of a question: `start` and `end`, or `since`, as search and tags take them
// (query-API contract, 3.1 and 3.2).
//
//   start=1700000000&end=1700003600        seconds; a longer number is nanoseconds
//   start=1700000000.25&end=...            seconds with a fraction
//   start=2023-11-14T22:13:20Z&end=...     RFC 3339
//   since=1h                               up to now
//
// Pure functions; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "api/params.h"

namespace vivace::api {

// A point in time, as any of the first three forms has it.
std::optional<int64_t> parse_time_ns(std::string_view text);

struct Window {
  int64_t start_ns = 0;  // unix time; both inclusive
  int64_t end_ns = 0;
};

// Nothing if there is none: then everything that is stored is asked for. `range_max_ns`: what is
// longer is refused; 0: no limit.
Result<std::optional<Window>> parse_window(const Params& params, int64_t now_ns,
                                           int64_t range_max_ns);

}  // namespace vivace::api
