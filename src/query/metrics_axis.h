// The time axis of a metrics query: intervals that are open on the left, closed on the right, and
// stamped with their right end. A span belongs to the interval of its start.
//
//   range(start 3 s, end 7 s, step 4 s)     stamps 0 4 8 s: start rounded down, end rounded up
//      (-4 0] (0 4] (4 8]
//   instant(start 1 s, end 6 s)             one interval (1 6]
//
// Plain values; any thread.
#pragma once

#include <cstdint>

#include "base/result.h"

namespace vivace {

struct MetricsAxis {
  uint64_t first_ns = 1;  // the first and the last ns that count
  uint64_t last_ns = 1;
  uint64_t pad_ns = 0;  // what the first interval lacks in front of first_ns, near 1970
  uint64_t step_ns = 1;
  uint64_t stamp_ns = 1;  // of the first interval
  uint32_t count = 1;     // of intervals
  bool is_instant = false;

  // Errors (Code::invalid_argument) are those that clients know: `start required`, `end must be
  // greater than start`, `step of 1ms is too small, ...`.
  static Result<MetricsAxis> range(uint64_t start_ns, uint64_t end_ns, uint64_t step_ns,
                                   uint32_t intervals_max);
  static Result<MetricsAxis> instant(uint64_t start_ns, uint64_t end_ns);

  bool has(uint64_t time_ns) const { return time_ns - first_ns <= last_ns - first_ns; }
  // Of a time that it has.
  uint32_t interval(uint64_t time_ns) const {
    return static_cast<uint32_t>((time_ns - first_ns + pad_ns) / step_ns);
  }
  uint64_t stamp(uint32_t interval) const { return stamp_ns + interval * step_ns; }
  double step_s() const { return static_cast<double>(step_ns) / 1e9; }
};

// The step of a range request without one: 240 points or a little more, rounded to what reads well.
uint64_t default_metrics_step_ns(uint64_t start_ns, uint64_t end_ns);

}  // namespace vivace
