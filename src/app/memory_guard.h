// Watches what the process really uses, beside what budgets say: allocators keep more than they
// gave, and not everything is counted. Past a share of the limit the store takes no more until
// enough of it is free again: an answer of 429 is better than the kernel's.
//
// Any thread. `is_short` costs a look at a clock; /proc is read every few ms by one of those who
// ask.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

#include "base/clock.h"
#include "base/metrics.h"

namespace vivace {

// Memory that is this process's alone, as the kernel counts it; 0 if it does not say.
int64_t resident_bytes();

class MemoryGuard {
 public:
  using Used = std::function<int64_t()>;

  MemoryGuard(int64_t limit_bytes, const Clock& clock, Metrics& metrics,
              Used used = resident_bytes);

  // From kShortShare of the limit on, until it is below kEnoughShare.
  bool is_short();

  static constexpr double kShortShare = 0.92;
  static constexpr double kEnoughShare = 0.85;

 private:
  void look();

  const int64_t limit_bytes_;
  const Clock& clock_;
  const Used used_;
  std::atomic<int64_t> look_again_ns_{0};
  std::atomic<bool> short_{false};
  Gauge& short_gauge_;
};

}  // namespace vivace
