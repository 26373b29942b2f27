// Rows about living with readers: a saturated server that is asked ten questions a second, one that
// gets 5,000 spans a second and the same questions, and one whose client sends ten times what it
// may.
#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "queries.h"
#include "scene.h"

namespace vivace::bench {
namespace {

constexpr double kQuestionsPerSecond = 10;
constexpr double kSteadySpansPerSecond = 5000;
constexpr int kSteadyConnections = 4;

constexpr double kAllowedSpansPerSecond = 10'000;
constexpr double kFloodFactor = 10;
constexpr int kFloodConnections = 8;
constexpr uint64_t kFloodLookups = 200;  // one round of them

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

// Traces that were stored before are looked up while a client floods; what the flood got acked is
// read back when it is over.
void measure_flood(Scene& scene) {
  const double span_bytes = 262;
  const auto allowed_bytes = static_cast<uint64_t>(kAllowedSpansPerSecond * span_bytes);
  const auto server = scene.start_server(
      {scene.plan().binary,
       scene.fresh_folder("flood"),
       {},
       fmt::format("overrides: {{defaults: {{ingestion: {{rate_limit_bytes: {0}, "
                   "burst_size_bytes: {0}}}}}}}\n",
                   allowed_bytes)});
  if (server == nullptr) return;
  const uint64_t before = Scene::traces_for(scene.shop(), 20'000);
  const PushResult stored =
      push(scene.shop(),
           {.address = server->otlp_address(), .seconds = 60, .traces_max = before, .retry = true});
  progress(fmt::format("ten times what is allowed for {:.0f} s, with lookups",
                       scene.plan().seconds / 2));
  PushResult flood;
  std::vector<double> took_ms;
  {
    std::atomic<bool> is_over = false;
    const std::jthread pusher([&] {
      flood = push(scene.shop(), {.address = server->otlp_address(),
                                  .seconds = scene.plan().seconds / 2,
                                  .first = before,
                                  .spans_per_s = kFloodFactor * kAllowedSpansPerSecond,
                                  .connections = kFloodConnections});
      is_over = true;
    });
    while (!is_over) {
      const ReadBack round = read_back(server->api_address(), scene.shop(), stored.acked_batches,
                                       {.traces_max = kFloodLookups});
      took_ms.insert(took_ms.end(), round.took_ms.begin(), round.took_ms.end());
    }
  }
  std::ranges::sort(took_ms);
  const ReadBack back = read_back(server->api_address(), scene.shop(), flood.acked_batches, {});
  if (back.missing_traces + back.missing_spans + back.excess_spans > 0) {
    scene.report().fault(
        fmt::format("flood: of {} acked traces {} were not found, {} spans were "
                    "missing, {} too many",
                    back.traces, back.missing_traces, back.missing_spans, back.excess_spans));
  }
  const auto sent = static_cast<double>(flood.requests);
  const auto refused = flood.statuses.contains(429) ? flood.statuses.at(429) : 0;
  Report& report = scene.report();
  report.add({"flood_refused",
              "a client at ten times its budget: refused with 429",
              100 * static_cast<double>(refused) / sent,
              "%",
              {"what is above the budget", 100 - 100 / kFloodFactor},
              ""});
  report.add({"flood_read_back",
              "the same: acked traces, each read back whole",
              static_cast<double>(back.traces),
              "",
              {},
              ""});
  report.add({"flood_trace_by_id_p99_ms",
              "the same: trace by id meanwhile, 99 %",
              quantile(took_ms, 0.99),
              "ms",
              {"its median", quantile(took_ms, 0.5)},
              "50"});
}

}  // namespace vivace::bench
