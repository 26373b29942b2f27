// Loads and waits. Figures of a load are taken from outside: /proc of the server, its /metrics, and
// the clock of whoever pushes.
#include "scene.h"

#include <chrono>
#include <filesystem>
#include <signal.h>
#include <thread>
#include <utility>

#include <fmt/format.h>

namespace vivace::bench {
namespace {

constexpr double kReadySeconds = 60;
constexpr double kIdleSeconds = 120;  // then what is left is told, and not waited for
constexpr const char* kReceived =
    "tempo_distributor_spans_received_total{tenant=\"single-tenant\"}";

// Gauges of work that waits; a server without one of them has none of that work.
constexpr const char* kWork[] = {"tempo_ingester_flush_queue_length", "vivace_cuts_waiting",
                                 "vivace_compaction_debt_bytes"};

bool has_work(const ServerProcess& server) {
  for (const char* gauge : kWork) {
    if (server.metric(gauge).value_or(0) > 0) return true;
  }
  return false;
}

}  // namespace

double wait_until_idle(const ServerProcess& server) {
  using Steady = std::chrono::steady_clock;
  const auto give_up = Steady::now() + std::chrono::duration<double>(kIdleSeconds);
  double cpu = server.cpu_seconds();
  for (int calm = 0; calm < 3 && Steady::now() < give_up;) {
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    const bool still = server.cpu_seconds() - cpu <= 0.02;
    if (!still) cpu = server.cpu_seconds();
    calm = still && !has_work(server) ? calm + 1 : 0;
  }
  return cpu;
}

Scene::~Scene() {
  loaded_.server.reset();
  std::error_code failed;
  std::filesystem::remove_all(plan_.folder, failed);
}

const Workload& Scene::shop() {
  if (shop_ == nullptr) {
    progress(fmt::format("making {} templates", plan_.templates));
    shop_ = std::make_unique<Workload>(WorkloadOptions{.templates = plan_.templates});
  }
  return *shop_;
}

const Yardsticks& Scene::yardsticks() {
  if (yardsticks_) return *yardsticks_;
  const uint64_t traces = traces_for(shop(), std::min<uint64_t>(plan_.spans, 2'000'000));
  progress("measuring the yardsticks");
  yardsticks_ = {.walk_us = walk_ns_per_span(shop(), traces) / 1e3,
                 .write = write_and_sync(shop(), traces, fresh_folder("yardstick")),
                 .pack = pack_with_zstd(shop(), traces)};
  return *yardsticks_;
}

std::string Scene::fresh_folder(const std::string& name) const {
  const std::string folder = plan_.folder + "/" + name;
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  return folder;
}

uint64_t Scene::traces_for(const Workload& workload, uint64_t spans) {
  uint64_t first = 0, counted = 0;
  while (counted < spans) {
    for (const RequestTemplate& request : workload.requests(first)) counted += request.spans;
    first += workload.options().batch;
  }
  return first;
}

std::unique_ptr<ServerProcess> Scene::start_server(ServerFiles files) {
  auto server = std::make_unique<ServerProcess>(std::move(files));
  if (server->start(kReadySeconds)) return server;
  report_.fault("the server did not become ready; see " + server->log_path());
  return nullptr;
}

LoadRun Scene::load(const ServerProcess& server, const Workload& workload, PushOptions options,
                    const std::function<void()>& pushed) {
  options.address = server.otlp_address();
  options.retry = true;
  LoadRun run;
  const double cpu_before = server.cpu_seconds();
  const std::optional<int64_t> written_before = server.disk_written_bytes();
  run.pushed = push(workload, options);
  run.cpu_s = server.cpu_seconds() - cpu_before;
  pushed();
  run.cpu_until_idle_s = wait_until_idle(server) - cpu_before;
  if (const auto written = server.disk_written_bytes(); written && written_before) {
    run.written_bytes = *written - *written_before;
  }
  run.rss_peak_bytes = server.rss_peak_bytes();
  for (const auto& [status, count] : run.pushed.statuses) {
    if (status != 200 && status != 429) {
      report_.fault(fmt::format("{} requests got {}", count, status));
    }
  }
  // What found no room was received as well.
  const double received =
      server.metric(kReceived).value_or(-1) - static_cast<double>(run.pushed.refused_spans);
  const auto acked = static_cast<double>(run.pushed.acked_spans);
  if (options.first == 0 && run.pushed.failed == 0 && received != acked) {
    report_.fault(fmt::format("{} is {}, acked are {}", kReceived, received, acked));
  }
  return run;
}

double Scene::start_ms() {
  if (start_ms_) return *start_ms_;
  progress(fmt::format("starting {} times on an empty folder", plan_.starts));
  std::vector<double> took_ms;
  for (int i = 0; i < plan_.starts; ++i) {
    ServerProcess server({plan_.binary, fresh_folder("start"), {}});
    const std::optional<double> ms = server.start(kReadySeconds);
    if (!ms) report_.fault("no start on an empty folder; see " + server.log_path());
    took_ms.push_back(ms.value_or(0));
    if (server.end(SIGTERM) != 0) report_.fault("SIGTERM did not end the server with 0");
  }
  std::ranges::sort(took_ms);
  start_ms_ = took_ms[took_ms.size() / 2];
  return *start_ms_;
}

Scene::Loaded* Scene::loaded() {
  if (!std::exchange(tried_, true)) {
    (void)yardsticks();
    loaded_.server = start_server({plan_.binary, fresh_folder("saturated"), {}});
    if (loaded_.server == nullptr) return nullptr;
    std::this_thread::sleep_for(std::chrono::seconds(2));
    idle_rss_bytes_ = static_cast<double>(loaded_.server->rss_bytes());
    const uint64_t traces = traces_for(shop(), plan_.spans);
    progress(fmt::format("pushing {} spans over {} connections", plan_.spans, plan_.connections));
    loaded_.run = load(*loaded_.server, shop(),
                       {.seconds = 600, .traces_max = traces, .connections = plan_.connections});
    add_saturated(loaded_);
  }
  return loaded_.server == nullptr ? nullptr : &loaded_;
}

void Scene::add_saturated(const Loaded& loaded) {
  const LoadRun& run = loaded.run;
  const Yardstick walk{"walking the same bytes", yardsticks().walk_us};
  const Yardstick sync{"one write and sync of 128 KiB", yardsticks().write.us_per_chunk / 1e3};
  const auto refused = static_cast<double>(run.pushed.refused);
  report_.add({"idle_rss_mib", "resident, idle, empty", idle_rss_bytes_ / 0x1p20, "MiB", {}, "15"});
  report_.add({"acked_spans", "saturated: spans acked", run.acked(), "", {}, ""});
  report_.add(
      {"refused_requests", "saturated: requests refused and sent again", refused, "", {}, ""});
  report_.add({"spans_per_s",
               "saturated: spans acked a second",
               run.acked() / run.pushed.seconds,
               "1/s",
               {"one core that only walks", 1e6 / walk.value},
               "1,000,000"});
  report_.add({"cpu_us_per_span", "saturated: server CPU a span", run.cpu_us_per_span(), "us", walk,
               "1.0"});
  report_.add({"cpu_us_per_span_idle", "the same, until idle", run.cpu_us_per_span_idle(), "us",
               walk, "2.0"});
  report_.add({"ack_p50_ms", "saturated: ack, median", run.pushed.ack_ms_at(0.5), "ms", sync, ""});
  report_.add({"ack_p99_ms", "saturated: ack, 99 %", run.pushed.ack_ms_at(0.99), "ms", sync, "50"});
}

}  // namespace vivace::bench
