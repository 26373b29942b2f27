// What the metrics-generator costs, without a server: the figures of generator_measure.h as text.
// One set of processors alone is what a profiler wants to see.
//
//   generator_cost [--spans 2000000] [--templates 500] [--only homelab]
#include <fmt/format.h>

#include "flags.h"
#include "generator_measure.h"

namespace vivace::bench {
namespace {

int run(int argc, char** argv) {
  const Flags flags(argc, argv, 1, {});
  const Workload workload({.templates = static_cast<int>(flags.count("--templates", 500))});
  const GeneratorCosts costs =
      measure_generator(workload, flags.count("--spans", 2'000'000), flags.text("--only", ""));
  fmt::print("{} spans\n  {:<40} {:8.1f} ns a span\n", costs.spans, "yardstick: only looked at",
             costs.look_ns_per_span);
  for (const GeneratorCost& one : costs.sets) {
    fmt::print("  {:<40} {:8.1f} ns a span, {} series ({})\n", one.what, one.ns_per_span,
               one.series, one.name);
  }
  const SeriesCost series = measure_series();
  fmt::print("  {} series: {:.0f} bytes of memory each, {:.0f} ns to collect, {:.1f} bytes sent\n",
             series.series, series.bytes, series.collect_ns, series.sent_bytes);
  return 0;
}

}  // namespace
}  // namespace vivace::bench

int main(int argc, char** argv) { return vivace::bench::run(argc, argv); }
