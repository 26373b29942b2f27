// What the metrics-generator costs by itself, on one thread and without a server: CPU a span for
// several sets of processors and dimensions, memory and collection a series. Used by the row
// `generator` and by `generator_cost`, which profilers like better.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "workload.h"

namespace vivace::bench {

struct GeneratorCost {
  std::string name;  // key in JSON
  std::string what;
  double ns_per_span = 0;
  int64_t series = 0;
};

struct GeneratorCosts {
  uint64_t spans = 0;
  double look_ns_per_span = 0;  // the yardstick: each span's fields are looked at, nothing is kept
  std::vector<GeneratorCost> sets;
};

// Each set sees the same spans, batch by batch, so that they share the machine's moods. `only`
// names one set; empty: all.
GeneratorCosts measure_generator(const Workload& workload, uint64_t spans, const std::string& only);

struct SeriesCost {
  int64_t series = 0;
  double bytes = 0;  // of memory, each
  double collect_ns = 0;
  double sent_bytes = 0;
};

SeriesCost measure_series();

}  // namespace vivace::bench
