// Rows about what was stored: its bytes on disk, how fast it is found again, and how fast a server
// that holds it is back.
#include <filesystem>
#include <signal.h>
#include <sys/stat.h>
#include <thread>

#include <fmt/format.h>

#include "queries.h"
#include "scene.h"

namespace vivace::bench {
namespace {

constexpr int kSearches = 5;
constexpr int kLogSeconds = 90;
constexpr double kLogBytes = 1 << 20;  // of an empty one
constexpr double kReadySeconds = 120;
constexpr double kKillAfterSeconds = 3;
constexpr double kBlockBytes = 512;  // of st_blocks

// As `du` counts: what the files take, not how long they are.
double disk_usage(const std::string& folder) {
  double bytes = 0;
  std::error_code failed;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder, failed)) {
    struct stat info{};
    if (::lstat(entry.path().c_str(), &info) == 0) {
      bytes += static_cast<double>(info.st_blocks) * kBlockBytes;
    }
  }
  return bytes;
}

void add_written_row(Scene& scene, const LoadRun& run, const std::string& shape) {
  if (!run.written_bytes) return scene.report().fault("the kernel does not tell what was written");
  scene.report().add({shape + "_written_ratio",
                      shape + ": bytes written to disk, until idle",
                      static_cast<double>(*run.written_bytes) / run.acked(),
                      "B",
                      {"received, a span", static_cast<double>(run.pushed.bytes) / run.acked()},
                      "ratio 1.0"});
}

// After all heads were cut and all was merged that will be: then the data folder holds the spans
// once, in blocks, and the log is empty.
void add_disk_rows(Scene& scene, const ServerProcess& server, const LoadRun& run,
                   const std::string& shape, const PackYardstick& pack, const char* goal) {
  add_written_row(scene, run, shape);
  std::string body;
  if (HttpConnection(server.api_address()).get("/flush", body) != 204) {
    return scene.report().fault("/flush: " + body);
  }
  (void)wait_until_idle(server);
  // The log keeps spare segments for some periods of ingester.flush_check_period.
  for (int s = 0; s < kLogSeconds && disk_usage(server.folder() + "/wal") > kLogBytes; ++s) {
    std::this_thread::sleep_for(std::chrono::seconds(1));
  }
  const double stored = server.metric("vivace_block_spans{tenant=\"single-tenant\"}").value_or(0);
  if (stored != run.acked()) {
    scene.report().fault(fmt::format("{} spans are in blocks, acked are {}", stored, run.acked()));
  }
  Report& report = scene.report();
  report.add({shape + "_disk_bytes_per_span",
              shape + ": du of the data folder, merged, a span",
              disk_usage(server.folder()) / run.acked(),
              "B",
              {"the bodies under zstd -1", pack.bytes_per_span},
              goal});
  report.add({shape + "_block_bytes_per_span",
              "the same, its blocks alone",
              server.metric("vivace_block_bytes_per_span{tenant=\"single-tenant\"}").value_or(0),
              "B",
              {"the bodies under zstd -1", pack.bytes_per_span},
              ""});
}

void add_read_back(Scene& scene, const ReadBack& back, const std::string& when) {
  if (back.missing_traces + back.missing_spans + back.excess_spans == 0) return;
  scene.report().fault(
      fmt::format("{}: of {} acked traces {} were not found; {} spans of others "
                  "were not, {} were there twice",
                  when, back.traces, back.missing_traces, back.missing_spans, back.excess_spans));
}

void look_up(Scene& scene, const std::string& name, const std::string& when) {
  const Scene::Loaded& loaded = *scene.loaded();
  HttpConnection connection(loaded.server->api_address());
  std::vector<double> empty_ms;
  std::string body;
  for (int i = 0; i < 200; ++i) {
    const auto start = std::chrono::steady_clock::now();
    (void)connection.get("/api/echo", body);
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
    empty_ms.push_back(took.count());
  }
  std::ranges::sort(empty_ms);
  const ReadBack back =
      read_back(loaded.server->api_address(), scene.shop(), loaded.run.pushed.acked_batches,
                {.traces_max = scene.plan().lookups});
  add_read_back(scene, back, when);
  const Yardstick echo{"/api/echo", quantile(empty_ms, 0.5)};
  scene.report().add({name + "_p50_ms", "trace by id, median, " + when, quantile(back.took_ms, 0.5),
                      "ms", echo, "1"});
  scene.report().add({name + "_p99_ms", "trace by id, 99 %, " + when, quantile(back.took_ms, 0.99),
                      "ms", echo, "5"});
}

// Of a search's answer.
double inspected_bytes(const std::string& body) {
  const std::string name = "\"inspectedBytes\":\"";
  const size_t at = body.find(name);
  return at == std::string::npos ? 0 : std::strtod(body.c_str() + at + name.size(), nullptr);
}

// The median of a few, and what was read.
void search(Scene& scene, const std::string& name, const std::string& query, const char* goal) {
  const Scene::Loaded& loaded = *scene.loaded();
  HttpConnection connection(loaded.server->api_address());
  std::vector<double> took_ms;
  std::string body;
  for (int i = 0; i < kSearches; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    const int status = connection.get("/api/search?q=" + percent_encoded(query), body);
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin;
    took_ms.push_back(took.count());
    if (status != 200) {
      return scene.report().fault(fmt::format("search {}: {} {}", query, status, body));
    }
  }
  std::ranges::sort(took_ms);
  const double scan_ms =
      scan_ns_per_value(static_cast<uint64_t>(loaded.run.acked())) * loaded.run.acked() / 1e6;
  scene.report().add({"search_" + name + "_ms",
                      "search " + query,
                      took_ms[took_ms.size() / 2],
                      "ms",
                      {"a loop over as many codes", scan_ms},
                      goal});
  scene.report().add({"search_" + name + "_read_mib",
                      "the same: bytes read",
                      inspected_bytes(body) / 0x1p20,
                      "MiB",
                      {},
                      ""});
}

bool restart(Scene& scene, const std::string& name, const std::string& what, const char* goal) {
  progress("starting again: " + what);
  const std::optional<double> ms = scene.loaded()->server->start(kReadySeconds);
  if (ms) {
    scene.report().add({name,
                        what + " to ready",
                        *ms,
                        "ms",
                        {"start on an empty folder", scene.start_ms()},
                        goal});
  } else {
    scene.report().fault("not ready after " + what);
  }
  return ms.has_value();
}

}  // namespace

void measure_disk(Scene& scene) {
  const Scene::Loaded* shop = scene.loaded();
  if (shop == nullptr) return;
  add_disk_rows(scene, *shop->server, shop->run, "shop", scene.yardsticks().pack, "23");

  const Workload workload({.shape = Shape::beyla, .batch = 170, .templates = 200});
  const uint64_t traces = Scene::traces_for(workload, scene.plan().spans);
  const auto server = scene.start_server({scene.plan().binary, scene.fresh_folder("beyla"), {}});
  if (server == nullptr) return;
  progress("pushing spans of shape beyla");
  const LoadRun run =
      scene.load(*server, workload,
                 {.seconds = 600, .traces_max = traces, .connections = scene.plan().connections});
  add_disk_rows(scene, *server, run, "beyla", pack_with_zstd(workload, traces), "22");
}

void measure_lookup(Scene& scene) {
  if (scene.loaded() != nullptr) look_up(scene, "trace_by_id", "loaded");
}

void measure_search(Scene& scene) {
  if (scene.loaded() == nullptr) return;
  search(scene, "absent", "{ span.http.method = \"absent\" }", "5");
  search(scene, "integer", "{ span.http.status_code > 599 }", "5");
  search(scene, "service", "{ resource.service.name = \"checkout\" }", "");
}

// After SIGTERM, and after SIGKILL in the middle of a load; then everything acked is looked for.
void measure_restart(Scene& scene) {
  Scene::Loaded* loaded = scene.loaded();
  if (loaded == nullptr) return;
  ServerProcess& server = *loaded->server;
  (void)scene.start_ms();
  if (server.end(SIGTERM) != 0) scene.report().fault("SIGTERM did not end the server with 0");
  if (!restart(scene, "restart_ms", "SIGTERM", "500")) return;

  const uint64_t first = Scene::traces_for(scene.shop(), scene.plan().spans);
  PushResult pushed;
  {
    const std::jthread pusher([&] {
      pushed = push(scene.shop(), {.address = server.otlp_address(),
                                   .seconds = kKillAfterSeconds + 1,
                                   .first = first,
                                   .connections = scene.plan().connections,
                                   .retry = true});
    });
    std::this_thread::sleep_for(std::chrono::duration<double>(kKillAfterSeconds));
    (void)server.end(SIGKILL);
  }
  std::vector<uint64_t>& acked = loaded->run.pushed.acked_batches;
  acked.insert(acked.end(), pushed.acked_batches.begin(), pushed.acked_batches.end());
  if (!restart(scene, "crash_restart_ms", "kill -9 while saturated", "3000")) return;
  look_up(scene, "trace_by_id_restarted", "after kill -9");
  add_read_back(scene,
                read_back(server.api_address(), scene.shop(), pushed.acked_batches,
                          {.traces_max = 10 * scene.plan().lookups, .connections = 4}),
                "what was acked before kill -9");
}

}  // namespace vivace::bench
