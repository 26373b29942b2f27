// The row of the small machine: half a CPU and 256 MiB. The load generator stands outside. The rate
// is lowered until less than 1 % of the requests are refused; then every acked span is read back,
// by a server without limits, so that reading takes no longer than it must.
#include <signal.h>

#include <fmt/format.h>

#include "cgroup.h"
#include "queries.h"
#include "scene.h"

namespace vivace::bench {
namespace {

constexpr MachineLimits kLimits{.cpus = 0.5, .memory_bytes = 256LL << 20};
constexpr double kRefusedMax = 0.01;  // of the requests
constexpr int kTries = 5;
constexpr double kSlower = 0.9;  // from try to try
constexpr int kReaders = 4;

struct SmallRun {
  LoadRun load;
  double refused = 0;  // share of the requests
  double memory_peak_mib = 0;
};

std::optional<SmallRun> run_small(Scene& scene, double spans_per_s, const std::string& folder) {
  const std::optional<Cgroup> group = Cgroup::make(kLimits);
  const auto enter = [&group] {
    if (group) {
      if (!group->enter()) _exit(126);
    } else {
      limit_without_cgroup(kLimits);
    }
  };
  const auto server = scene.start_server({scene.plan().binary, folder, enter});
  if (server == nullptr) return std::nullopt;
  SmallRun run;
  run.load = scene.load(*server, scene.shop(),
                        {.seconds = scene.plan().seconds / 2,
                         .spans_per_s = spans_per_s,
                         .connections = scene.plan().connections});
  run.refused = static_cast<double>(run.load.pushed.refused) /
                static_cast<double>(std::max<uint64_t>(run.load.pushed.requests, 1));
  if (group) run.memory_peak_mib = static_cast<double>(group->memory_peak_bytes()) / 0x1p20;
  if (server->end(SIGTERM) != 0) scene.report().fault("cgroup: SIGTERM did not end it with 0");
  return run;
}

void read_everything(Scene& scene, const SmallRun& run, const std::string& folder) {
  progress("reading back every acked span");
  const auto server = scene.start_server({scene.plan().binary, folder, {}});
  if (server == nullptr) return;
  const ReadBack back = read_back(server->api_address(), scene.shop(),
                                  run.load.pushed.acked_batches, {.connections = kReaders});
  scene.report().add({"cgroup_traces_read_back",
                      "the same: traces read back, every span there",
                      static_cast<double>(back.traces - back.missing_traces),
                      "",
                      {"acked", static_cast<double>(run.load.pushed.acked_traces)},
                      "ratio 1"});
  if (back.missing_traces + back.missing_spans + back.excess_spans == 0) return;
  scene.report().fault(fmt::format("cgroup: {} acked traces missing, {} spans missing, {} twice",
                                   back.missing_traces, back.missing_spans, back.excess_spans));
}

}  // namespace

void measure_cgroup(Scene& scene) {
  const bool possible = Cgroup::make(kLimits).has_value();
  const std::string how = possible ? "half a CPU, 256 MiB (cgroup)"
                                   : "one core, 256 MiB of data (no cgroup can be made here)";
  (void)scene.yardsticks();
  double spans_per_s = 0;  // as fast as it goes
  for (int tries = 0; tries < kTries; ++tries) {
    progress(fmt::format("{}: {}", how,
                         spans_per_s == 0 ? "as fast as it goes"
                                          : fmt::format("{:.0f} spans a second", spans_per_s)));
    const std::string folder = scene.fresh_folder("cgroup");
    const auto run = run_small(scene, spans_per_s, folder);
    if (!run) return;
    const double reached = run->load.acked() / run->load.pushed.seconds;
    if (run->refused >= kRefusedMax && tries + 1 < kTries) {
      spans_per_s = reached * kSlower;
      continue;
    }
    Report& report = scene.report();
    report.add({"cgroup_spans_per_s",
                how + ": spans acked a second",
                reached,
                "1/s",
                {"half a core that only walks", kLimits.cpus * 1e6 / scene.yardsticks().walk_us},
                "350,000"});
    report.add({"cgroup_refused_percent",
                "the same: requests refused",
                100 * run->refused,
                "%",
                {},
                "< 1"});
    report.add({"cgroup_rss_peak_mib",
                "the same: peak resident",
                static_cast<double>(run->load.rss_peak_bytes) / 0x1p20,
                "MiB",
                {"the limit", 256},
                ""});
    report.add({"cgroup_memory_peak_mib",
                "the same: peak of the group, file pages too",
                run->memory_peak_mib,
                "MiB",
                {"the limit", 256},
                ""});
    report.add({"cgroup_ack_p99_ms",
                "the same: ack, 99 %",
                run->load.pushed.ack_ms_at(0.99),
                "ms",
                {"one write and sync of 128 KiB", scene.yardsticks().write.us_per_chunk / 1e3},
                ""});
    return read_everything(scene, *run, folder);
  }
}

}  // namespace vivace::bench
