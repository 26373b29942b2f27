// Starts the binary on an empty folder, loads it with spans that it knows, kills it, starts it
// again, and prints what that cost beside what the machine can do at best: as a table and as one
// line of JSON. Exits with 1 when a number does not add up: an acked span not counted, a trace not
// found.
//
//   vivace_bench --binary build/release/vivace [--dir FOLDER] [--spans 500000] [--templates 2000]
//                [--conns 16] [--starts 5] [--json FILE]
//
// Times and CPU are of a run that shares the machine with the load generator. See bench/README.md.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <signal.h>
#include <thread>
#include <unistd.h>

#include <fmt/format.h>

#include "base/bytes.h"
#include "flags.h"
#include "load.h"
#include "server_process.h"
#include "workload.h"
#include "yardsticks.h"

namespace vivace::bench {
namespace {

constexpr double kReadySeconds = 60;
constexpr int kLookups = 200;
constexpr const char* kReceived =
    "tempo_distributor_spans_received_total{tenant=\"single-tenant\"}";

struct Row {
  std::string name;  // key in the JSON
  std::string what;
  double value;
  std::string unit;
  std::string beside;  // the goal or the yardstick
};

struct Options {
  std::string binary;
  std::string folder;
  uint64_t spans;
  int connections;
  int starts;
};

// A run of the whole story. Steps add rows; what is wrong goes to `faults_`.
class Bench {
 public:
  Bench(Options options, const Workload& workload)
      : options_(std::move(options)), workload_(workload), traces_(traces_for(options_.spans)) {}

  // False when the server did not start: the rest is left out.
  bool run();
  void print() const;
  std::string json() const;
  bool is_sound() const { return faults_.empty(); }

 private:
  uint64_t traces_for(uint64_t spans) const;
  void add(std::string name, std::string what, double value, std::string unit, std::string beside);
  bool measure_starts();
  void measure_idle(const ServerProcess& server);
  void measure_load(const ServerProcess& server);
  void measure_lookups(const ServerProcess& server, const char* when);
  bool measure_replay(ServerProcess& server);
  std::string fresh_folder(const std::string& name) const;

  const Options options_;
  const Workload& workload_;
  const uint64_t traces_;
  double walk_ns_ = 0;
  WriteYardstick write_;
  PushResult pushed_;
  std::vector<Row> rows_;
  std::vector<std::string> faults_;
};

void progress(const std::string& text) { fmt::print(stderr, "bench: {}\n", text); }

// Whole batches that hold at least so many spans.
uint64_t Bench::traces_for(uint64_t spans) const {
  uint64_t first = 0, counted = 0;
  while (counted < spans) {
    for (const RequestTemplate& request : workload_.requests(first)) counted += request.spans;
    first += workload_.options().batch;
  }
  return first;
}

void Bench::add(std::string name, std::string what, double value, std::string unit,
                std::string beside) {
  rows_.push_back({std::move(name), std::move(what), value, std::move(unit), std::move(beside)});
}

std::string Bench::fresh_folder(const std::string& name) const {
  const std::string folder = options_.folder + "/" + name;
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  return folder;
}

// The median over several empty folders.
bool Bench::measure_starts() {
  progress(fmt::format("starting {} times on an empty folder", options_.starts));
  std::vector<double> took_ms;
  for (int i = 0; i < options_.starts; ++i) {
    ServerProcess server({options_.binary, fresh_folder("start")});
    const std::optional<double> ms = server.start(kReadySeconds);
    if (!ms) {
      faults_.push_back("the server did not become ready; see " + server.log_path());
      return false;
    }
    took_ms.push_back(*ms);
    if (server.end(SIGTERM) != 0) faults_.push_back("SIGTERM did not end the server with 0");
  }
  std::ranges::sort(took_ms);
  add("start_ms", "start to ready, empty folder", took_ms[took_ms.size() / 2], "ms", "goal 100");
  return true;
}

void Bench::measure_idle(const ServerProcess& server) {
  std::this_thread::sleep_for(std::chrono::seconds(2));
  add("idle_rss_mib", "resident, idle for 2 s", static_cast<double>(server.rss_bytes()) / 0x1p20,
      "MiB", "goal 15");
}

void Bench::measure_load(const ServerProcess& server) {
  PushOptions options;
  options.address = server.otlp_address();
  options.seconds = 600;
  options.traces_max = traces_;
  options.connections = options_.connections;
  progress(fmt::format("pushing {} traces over {} connections", traces_, options.connections));
  const double cpu_before = server.cpu_seconds();
  pushed_ = push(workload_, options);
  const double cpu = server.cpu_seconds() - cpu_before;
  const auto acked = static_cast<double>(pushed_.acked_spans);

  add("acked_spans", "spans acked", acked, "", "");
  add("failed_requests", "requests failed", static_cast<double>(pushed_.failed), "", "goal 0");
  add("spans_per_s", "spans acked a second", acked / pushed_.seconds, "1/s", "goal 1,000,000");
  add("cpu_us_per_span", "server CPU a span", cpu / std::max(acked, 1.0) * 1e6, "us",
      fmt::format("goal 1.0; the walk alone {:.3f}", walk_ns_ / 1e3));
  add("ack_p50_ms", "ack, median", pushed_.ack_ms_at(0.5), "ms",
      fmt::format("one write and sync {:.3f}", write_.us_per_chunk / 1e3));
  add("ack_p99_ms", "ack, 99 %", pushed_.ack_ms_at(0.99), "ms", "");
  add("rss_peak_mib", "resident, peak", static_cast<double>(server.rss_peak_bytes()) / 0x1p20,
      "MiB", "goal 256");
  if (pushed_.failed != 0) {
    for (const auto& [status, count] : pushed_.statuses) {
      if (status != 200) faults_.push_back(fmt::format("{} requests got {}", count, status));
    }
  }
  const double received = server.metric(kReceived).value_or(-1);
  add("received_spans", "spans received, by /metrics", received, "", "as acked");
  if (received != acked) {
    faults_.push_back(fmt::format("{} is {}, acked are {}", kReceived, received, acked));
  }
}

// Asks for acked traces, evenly spread; each must be there.
void Bench::measure_lookups(const ServerProcess& server, const char* when) {
  const std::vector<uint64_t>& batches = pushed_.acked_batches;
  if (batches.empty()) return;
  HttpConnection connection(server.api_address());
  std::vector<double> took_ms;
  int missing = 0;
  for (size_t i = 0; i < kLookups; ++i) {
    const uint64_t first = batches[i * batches.size() / kLookups];
    const std::string id =
        to_hex(trace_id(workload_.options().seed, first + i % workload_.options().batch));
    const auto begin = std::chrono::steady_clock::now();
    std::string body;
    if (connection.get("/api/traces/" + id, body) != 200) ++missing;
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin;
    took_ms.push_back(took.count());
  }
  std::ranges::sort(took_ms);
  add(fmt::format("trace_by_id_{}_ms", when), fmt::format("trace by id, median, {}", when),
      took_ms[took_ms.size() / 2], "ms", "goal 2");
  if (missing != 0) {
    faults_.push_back(fmt::format("{}: {} of {} acked traces not found", when, missing, kLookups));
  }
}

bool Bench::measure_replay(ServerProcess& server) {
  progress("killing it and starting it again");
  (void)server.end(SIGKILL);
  const std::optional<double> ms = server.start(kReadySeconds);
  if (!ms) {
    faults_.push_back("not ready after the kill; see " + server.log_path());
    return false;
  }
  add("restart_ms", "kill -9 to ready again", *ms, "ms", "");
  return true;
}

bool Bench::run() {
  const std::string folder = fresh_folder("load");
  progress("measuring the yardsticks");
  walk_ns_ = walk_ns_per_span(workload_, traces_);
  write_ = write_and_sync(workload_, traces_, folder);
  if (!measure_starts()) return false;

  ServerProcess server({options_.binary, folder});
  if (!server.start(kReadySeconds)) {
    faults_.push_back("the server did not become ready; see " + server.log_path());
    return false;
  }
  measure_idle(server);
  measure_load(server);
  measure_lookups(server, "loaded");
  if (!measure_replay(server)) return false;
  measure_lookups(server, "restarted");
  if (server.end(SIGTERM) != 0) faults_.push_back("SIGTERM did not end the server with 0");

  add("walk_ns_per_span", "yardstick: walk with protozero", walk_ns_, "ns", "");
  add("sync_us_per_chunk", "yardstick: write + sync 128 KiB", write_.us_per_chunk, "us", "");
  add("sync_us_per_span", "yardstick: the same, a span", write_.us_per_span, "us", "");
  std::filesystem::remove_all(options_.folder);
  return true;
}

void Bench::print() const {
  for (const Row& row : rows_) {
    const std::string value =
        row.value >= 1000 ? fmt::format("{:.0f}", row.value) : fmt::format("{:.3f}", row.value);
    fmt::print("{:<34} {:>12} {:<4} {}\n", row.what, value, row.unit, row.beside);
  }
  for (const std::string& fault : faults_) fmt::print("MISMATCH: {}\n", fault);
}

std::string Bench::json() const {
  std::string text = "{";
  for (const Row& row : rows_) text += fmt::format("\"{}\": {:.6g}, ", row.name, row.value);
  return text + fmt::format("\"faults\": {}}}", faults_.size());
}

int run(int argc, char** argv) {
  const Flags flags(argc, argv, 1, {});
  if (!flags.has("--binary")) {
    fmt::print(stderr, "usage: vivace_bench --binary FILE ... (see the top of bench/bench.cc)\n");
    return 2;
  }
  const std::string parent = flags.text("--dir", "bench_data");
  std::filesystem::create_directories(parent);
  const std::string folder =
      std::filesystem::absolute(parent).string() + "/" + std::to_string(::getpid());
  WorkloadOptions shape;
  shape.templates = static_cast<int>(flags.count("--templates", 2000));
  progress(fmt::format("making {} templates", shape.templates));
  const Workload workload(shape);
  Bench bench({.binary = flags.text("--binary", ""),
               .folder = folder,
               .spans = flags.count("--spans", 500'000),
               .connections = static_cast<int>(flags.count("--conns", 16)),
               .starts = static_cast<int>(flags.count("--starts", 5))},
              workload);
  const bool finished = bench.run();
  bench.print();
  const std::string json = bench.json();
  fmt::print("{}\n", json);
  if (flags.has("--json")) {
    if (std::FILE* file = std::fopen(flags.text("--json", "").c_str(), "w")) {
      fmt::print(file, "{}\n", json);
      std::fclose(file);
    }
  }
  return finished && bench.is_sound() ? 0 : 1;
}

}  // namespace
}  // namespace vivace::bench

int main(int argc, char** argv) { return vivace::bench::run(argc, argv); }
