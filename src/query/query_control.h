// How long a question may take: until its deadline, or until whoever asked has gone; and the memory
// that it takes. Work is cut into pieces of one row group, or of a few hundred look-ups; between
// two of them, `check` says whether to go on. Any thread.
#pragma once

#include <cstdint>
#include <stop_token>

#include "base/clock.h"
#include "base/result.h"

namespace vivace {

class QueryMemory;

struct QueryControl {
  const Clock* maybe_clock = nullptr;  // null: no deadline
  int64_t deadline_steady_ns = INT64_MAX;
  std::stop_token stop = {};
  QueryMemory* maybe_memory = nullptr;  // null: nothing is counted; see query_budget.h

  Result<void> check() const {
    if (stop.stop_requested()) return fail(Code::cancelled, "context canceled");
    if (maybe_clock != nullptr && maybe_clock->steady_ns() > deadline_steady_ns) {
      return fail(Code::deadline_exceeded, "context deadline exceeded");
    }
    return {};
  }
  // For who asks without limits; lives as long as the program.
  static const QueryControl& none();
};

// For loops over single rows, spans or pairs: a look at the clock every so many of them.
class ControlledLoop {
 public:
  static constexpr uint32_t kStepsBetweenLooks = 1024;

  explicit ControlledLoop(const QueryControl& control) : control_(control) {}
  // `cost`: how many plain steps this one is worth.
  Result<void> step(uint32_t cost = 1) {
    steps_ += cost;
    if (steps_ < kStepsBetweenLooks) return {};
    steps_ = 0;
    return control_.check();
  }

 private:
  const QueryControl& control_;
  uint32_t steps_ = 0;
};

}  // namespace vivace
