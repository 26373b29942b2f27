// The row about the metrics-generator: what a homelab's processors add to the server's CPU a span,
// by two servers that get the same load in turns, one with them and one without; and what parts of
// it cost by themselves.
//
// The load is steady and below what saturates, so that the generator skips nothing; that it counted
// every span is checked.
#include <algorithm>

#include <fmt/format.h>

#include "generator_measure.h"
#include "scene.h"

namespace vivace::bench {
namespace {

constexpr double kSpansPerSecond = 150'000;
constexpr int kConnections = 8;
constexpr int kTurns = 3;

// CPU a span in microseconds; below 0 when it cannot be told.
double measure_server(Scene& scene, const std::string& config) {
  const bool is_on = !config.empty();
  const auto server =
      scene.start_server({scene.plan().binary, scene.fresh_folder("generator"), {}, config});
  if (server == nullptr) return -1;
  const LoadRun run = scene.load(*server, scene.shop(),
                                 {.seconds = scene.plan().seconds / 2,
                                  .spans_per_s = kSpansPerSecond,
                                  .connections = kConnections});
  const std::string name = "tempo_metrics_generator_spans_received_total";
  const auto counted = server->metric(name + "{tenant=\"single-tenant\"}");
  if (is_on && counted.value_or(0) != run.acked()) {
    scene.report().fault(fmt::format("the generator saw {} of {} spans", counted.value_or(0),
                                     run.pushed.acked_spans));
  }
  return run.cpu_us_per_span();
}

}  // namespace

void measure_generator_row(Scene& scene) {
  std::vector<double> extra;
  double without_us = 0;
  for (int turn = 0; turn < kTurns; ++turn) {
    progress(fmt::format("{:.0f} spans a second without and with the metrics-generator, {} of {}",
                         kSpansPerSecond, turn + 1, kTurns));
    without_us = measure_server(scene, "");
    const double with_us = measure_server(scene, kHomelabGenerator);
    if (without_us < 0 || with_us < 0) return;
    extra.push_back(with_us - without_us);
  }
  std::ranges::sort(extra);
  const Yardstick walk{"walking the same bytes", scene.yardsticks().walk_us};
  Report& report = scene.report();
  report.add({"generator_extra_us_per_span", "metrics-generator on: extra server CPU a span",
              extra[kTurns / 2], "us", walk, "0.15"});
  report.add(
      {"generator_without_us_per_span", "the same load without it", without_us, "us", walk, ""});
  progress("the metrics-generator by itself");
  const GeneratorCosts costs =
      measure_generator(scene.shop(), std::min<uint64_t>(scene.plan().spans, 2'000'000), "");
  for (const GeneratorCost& one : costs.sets) {
    report.add({"generator_" + one.name + "_ns",
                "generator alone: " + one.what,
                one.ns_per_span,
                "ns",
                {"only looking at the spans", costs.look_ns_per_span},
                ""});
  }
  const SeriesCost series = measure_series();
  report.add({"generator_bytes_per_series",
              "generator: memory of an active series",
              series.bytes,
              "B",
              {"what is sent of it each time", series.sent_bytes},
              ""});
  report.add({"generator_collect_ns_per_series",
              "generator: to collect a series",
              series.collect_ns,
              "ns",
              {},
              ""});
}

}  // namespace vivace::bench
