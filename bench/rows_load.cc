// Rows about taking spans in: starts, the saturated server, and what gzip and small requests cost
// more.
#include <algorithm>

#include <fmt/format.h>

#include "scene.h"

namespace vivace::bench {
namespace {

constexpr double kLoadSeconds = 600;  // at most
constexpr int kSplitConnections = 64;

}  // namespace

void measure_start(Scene& scene) {
  scene.report().add(
      {"start_ms", "start to ready, empty folder", scene.start_ms(), "ms", {}, "100"});
}

void measure_saturated(Scene& scene) { (void)scene.loaded(); }

// The same load twice on fresh servers, plain and each body as a gzip member: what is left to be
// cut and merged is then the same.
void measure_gzip(Scene& scene) {
  const uint64_t traces = Scene::traces_for(scene.shop(), scene.plan().spans / 2);
  const double inflate_us = inflate_ns_per_span(scene.shop(), traces) / 1e3;
  double cpu_us[2] = {};
  for (const bool gzip : {false, true}) {
    const auto server = scene.start_server({scene.plan().binary, scene.fresh_folder("gzip"), {}});
    if (server == nullptr) return;
    progress(gzip ? "pushing gzipped bodies" : "pushing the same bodies plain");
    const LoadRun run = scene.load(*server, scene.shop(),
                                   {.seconds = kLoadSeconds,
                                    .traces_max = traces,
                                    .connections = scene.plan().connections,
                                    .gzip = gzip});
    cpu_us[gzip ? 1 : 0] = run.cpu_us_per_span_idle();
  }
  scene.report().add({"gzip_extra_us_per_span",
                      "gzip bodies: extra server CPU a span",
                      cpu_us[1] - cpu_us[0],
                      "us",
                      {"inflating the same with zlib", inflate_us},
                      "0.2"});
}

// A request for each service of a batch, some 25 spans.
void measure_split(Scene& scene) {
  progress("making templates of split requests");
  const Workload workload({.templates = scene.plan().templates / 4 + 1, .split = true});
  const uint64_t traces = Scene::traces_for(workload, scene.plan().spans / 2);
  const double walk_us = walk_ns_per_span(workload, std::min<uint64_t>(traces, 20'000)) / 1e3;
  const auto server = scene.start_server({scene.plan().binary, scene.fresh_folder("split"), {}});
  if (server == nullptr) return;
  progress(fmt::format("pushing small requests over {} connections", kSplitConnections));
  const LoadRun run =
      scene.load(*server, workload,
                 {.seconds = kLoadSeconds, .traces_max = traces, .connections = kSplitConnections});
  const Yardstick walk{"walking the same bytes", walk_us};
  const auto requests = static_cast<double>(run.pushed.requests);
  Report& report = scene.report();
  report.add({"split_spans_per_request",
              "small requests: spans in one",
              run.acked() / requests,
              "",
              {},
              ""});
  report.add({"split_cpu_us_per_span", "small requests: server CPU a span", run.cpu_us_per_span(),
              "us", walk, "1.5"});
  report.add({"split_cpu_us_per_span_idle", "the same, until idle", run.cpu_us_per_span_idle(),
              "us", walk, ""});
  report.add({"split_spans_per_s",
              "small requests: spans acked a second",
              run.acked() / run.pushed.seconds,
              "1/s",
              {"one core that only walks", 1e6 / walk_us},
              ""});
  report.add({"split_ack_p99_ms",
              "small requests: ack, 99 %",
              run.pushed.ack_ms_at(0.99),
              "ms",
              {"one write and sync of 128 KiB", scene.yardsticks().write.us_per_chunk / 1e3},
              ""});
}

}  // namespace vivace::bench
