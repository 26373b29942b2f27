// Rows about living with readers: a saturated server that is asked ten questions a second, and one
// that gets 5,000 spans a second and the same questions.
#include <fmt/format.h>

#include "queries.h"
#include "scene.h"

namespace vivace::bench {
namespace {

constexpr double kQuestionsPerSecond = 10;
constexpr double kSteadySpansPerSecond = 5000;
constexpr int kSteadyConnections = 4;

struct ReadLoad {
  LoadRun run;
  Queries::Counts queries;
};

std::optional<ReadLoad> load_with_queries(Scene& scene, const char* name,
                                          const PushOptions& options) {
  (void)scene.yardsticks();
  const auto server = scene.start_server({scene.plan().binary, scene.fresh_folder(name), {}});
  if (server == nullptr) return std::nullopt;
  Queries queries(server->api_address(), scene.shop(), kQuestionsPerSecond);
  ReadLoad load;
  load.run = scene.load(*server, scene.shop(), options, [&] { load.queries = queries.stop(); });
  return load;
}

}  // namespace

void measure_memory(Scene& scene) {
  progress(fmt::format("saturated for {:.0f} s, with queries", scene.plan().seconds));
  const auto load = load_with_queries(
      scene, "memory", {.seconds = scene.plan().seconds, .connections = scene.plan().connections});
  if (!load) return;
  const double seconds = load->run.pushed.seconds;
  Report& report = scene.report();
  report.add({"queried_rss_peak_mib",
              "saturated with queries: peak resident",
              static_cast<double>(load->run.rss_peak_bytes) / 0x1p20,
              "MiB",
              {"the bytes of one second's load",
               static_cast<double>(load->run.pushed.bytes) / seconds / 0x1p20},
              "128"});
  report.add({"queried_spans_per_s",
              "saturated with queries: spans acked a second",
              load->run.acked() / seconds,
              "1/s",
              {"one core that only walks", 1e6 / scene.yardsticks().walk_us},
              ""});
  report.add({"queried_answers",
              "saturated with queries: answers",
              static_cast<double>(load->queries.answered),
              "",
              {},
              ""});
  report.add({"queried_failures",
              "saturated with queries: errors",
              static_cast<double>(load->queries.failed),
              "",
              {},
              "0"});
}

void measure_steady(Scene& scene) {
  progress(fmt::format("5,000 spans a second for {:.0f} s, with queries", scene.plan().seconds));
  const auto load = load_with_queries(scene, "steady",
                                      {.seconds = scene.plan().seconds,
                                       .spans_per_s = kSteadySpansPerSecond,
                                       .connections = kSteadyConnections});
  if (!load) return;
  const Yardstick sync{"one write and sync of 128 KiB",
                       scene.yardsticks().write.us_per_chunk / 1e3};
  Report& report = scene.report();
  report.add({"steady_cpu_us_per_span",
              "5,000 spans/s with queries: server CPU a span",
              load->run.cpu_us_per_span(),
              "us",
              {"walking the same bytes", scene.yardsticks().walk_us},
              "2.0"});
  report.add({"steady_rss_peak_mib",
              "5,000 spans/s with queries: peak resident",
              static_cast<double>(load->run.rss_peak_bytes) / 0x1p20,
              "MiB",
              {"the bytes of the whole load", static_cast<double>(load->run.pushed.bytes) / 0x1p20},
              "48"});
  report.add({"steady_ack_p50_ms", "5,000 spans/s: ack, median", load->run.pushed.ack_ms_at(0.5),
              "ms", sync, ""});
  report.add({"steady_ack_p99_ms", "5,000 spans/s: ack, 99 %", load->run.pushed.ack_ms_at(0.99),
              "ms", sync, "10 and a sync"});
}

}  // namespace vivace::bench
