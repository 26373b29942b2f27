// Parameters of the query API, with the very texts that Tempo answers on bad ones (query-API
// contract, 2.1 and 2.2), because scripts and Grafana show them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "model/ids.h"

namespace vivace::api {

// Decoded parameters of a request, in order.
class Params {
 public:
  explicit Params(std::string_view query);
  // The first value of that name; empty when absent.
  std::string_view get(std::string_view name) const;

 private:
  std::vector<std::pair<std::string, std::string>> pairs_;
};

// A number as `function` of Go reads it; `otherwise` when the parameter is absent. The error has
// Go's words: invalid limit: strconv.Atoi: parsing "x": invalid syntax.
Result<int64_t> parse_integer(const Params& params, std::string_view name,
                              std::string_view function, int64_t otherwise);

// Up to 32 hexadecimal digits of either case; fewer are padded with zeros on the left.
Result<TraceId> parse_trace_id(std::string_view text);

// `start` and `end` in unix seconds, both optional. Only checked: a trace is looked for everywhere.
Result<void> check_time_range(const Params& params);

// `mode`, `blockStart` and `blockEnd`, which the parts of a Tempo cluster send each other.
Result<void> check_internal(const Params& params);

}  // namespace vivace::api
