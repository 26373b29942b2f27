// How long a question may take: until its deadline, or until whoever asked has gone. Work is cut
// into pieces of one row group, or of a few hundred look-ups; between two of them, `check` says
// whether to go on. Any thread.
#pragma once

#include <cstdint>
#include <stop_token>

#include "base/clock.h"
#include "base/result.h"

namespace vivace {

struct QueryControl {
  const Clock* maybe_clock = nullptr;  // null: no deadline
  int64_t deadline_steady_ns = INT64_MAX;
  std::stop_token stop = {};

  Result<void> check() const {
    if (stop.stop_requested()) return fail(Code::cancelled, "context canceled");
    if (maybe_clock != nullptr && maybe_clock->steady_ns() > deadline_steady_ns) {
      return fail(Code::deadline_exceeded, "context deadline exceeded");
    }
    return {};
  }
};

}  // namespace vivace
