// The answers of metrics queries as JSON (query-API contract, 5.6 and 5.7). Clients decode those of
// instants strictly: no member but these, in this order, and zeros are left out.
#pragma once

#include <functional>
#include <string>

#include "query/metrics.h"

namespace vivace::api {

// `checkpoint` is called after each series; false ends it early.
void append_range_json(std::string& out, const MetricsAxis& axis, const MetricsResult& result,
                       const std::function<bool()>& checkpoint);

// Without any series if nothing matched.
void append_instant_json(std::string& out, const MetricsResult& result,
                         const std::function<bool()>& checkpoint);

}  // namespace vivace::api
