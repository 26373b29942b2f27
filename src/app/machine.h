// What the machine gives this process: memory and CPU, as the cgroup (v1 and v2) limits them, and
// what the process uses of it, as /proc tells.
#pragma once

#include <cstdint>

#include "base/metrics.h"

namespace vivace {

struct Machine {
  int64_t memory_bytes =
      0;            // the smallest limit of the cgroups this process is in, or all there is
  double cpus = 1;  // the CPU quota, or the number of CPUs it may run on
};

Machine read_machine();

// Lets this process open as many files as the hard limit allows: each block and each connection
// holds one, and the usual soft limit of 1,024 was made for programs that use select().
void raise_open_files_limit();

// process_* and go_memstats_* (the names that Tempo's dashboards ask for; the numbers are
// the allocator's), read at each scrape. `mapped_bytes` adds memory that the allocator does not
// see.
[[nodiscard]] Metrics::ScrapeHook add_process_metrics(Metrics& metrics,
                                                      std::function<int64_t()> mapped_bytes);

}  // namespace vivace
