// How fast merging may go: a share of the machine's CPUs, so that it never takes what requests
// need. (Priorities do nothing inside a CPU quota.) The thread asks between chunks; when it has
// used more CPU than its share of the time since then, it sleeps until it has not.
//
//   Pace pace(clock, 0.5, [&](int64_t ns) { return wait_unless_stopping(ns); });
//   content.pace = [&] { return pace.step(); };
//
// The thread that merges alone, but for `set_cpus`: any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

#include "base/clock.h"
#include "base/result.h"

namespace vivace::compact {

class Pace {
 public:
  // Sleeps about so long; false: stop working.
  using Sleep = std::function<bool(int64_t ns)>;
  // CPU time of the calling thread.
  using CpuTime = std::function<int64_t()>;

  Pace(const Clock& clock, double cpus, Sleep sleep, CpuTime cpu_time = thread_cpu_ns);

  // What was not used while there was nothing to do is forgotten.
  void start();
  // Code::cancelled when it is time to stop.
  Result<void> step();

  void set_cpus(double cpus) { cpus_.store(cpus, std::memory_order_relaxed); }
  double cpus() const { return cpus_.load(std::memory_order_relaxed); }

 private:
  const Clock& clock_;
  std::atomic<double> cpus_;
  const Sleep sleep_;
  const CpuTime cpu_time_;
  int64_t cpu_before_ns_ = 0;
  int64_t time_before_ns_ = 0;
};

}  // namespace vivace::compact
