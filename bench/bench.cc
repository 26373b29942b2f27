// Starts the binary on an empty folder, loads it with spans that it knows, kills it, starts it
// again, and prints what that cost beside what the machine can do at best: as a table and as one
// line of JSON. Exits with 1 when a number does not add up: an acked span not counted, a trace not
// found.
//
//   vivace_bench --binary build/release/vivace [--dir FOLDER] [--spans 5000000] [--templates 2000]
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
#include <utility>

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
constexpr int kLookups = 2000;
constexpr int kSearches = 5;
constexpr const char* kCutsWaiting = "tempo_ingester_flush_queue_length";
constexpr const char* kBlocks = "tempodb_blocklist_length{tenant=\"single-tenant\"}";
constexpr const char* kBlockSpans = "vivace_block_spans{tenant=\"single-tenant\"}";
constexpr const char* kBlockBytes =
    "tempodb_backend_bytes_total{status=\"live\",tenant=\"single-tenant\"}";
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
  void measure_rest(const ServerProcess& server, double cpu_before);
  void measure_lookups(const ServerProcess& server, const char* when);
  void measure_search(const ServerProcess& server, const char* name, const std::string& query);
  bool measure_restart(ServerProcess& server, int signal, const char* name, const char* what);
  std::string fresh_folder(const std::string& name) const;

  const Options options_;
  const Workload& workload_;
  const uint64_t traces_;
  double walk_ns_ = 0;
  WriteYardstick write_;
  PackYardstick pack_;
  PushResult pushed_;
  double block_bytes_ = 0;
  std::vector<Row> rows_;
  std::vector<std::string> faults_;
};

std::string percent_encoded(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<uint8_t>(c));
  }
  return out;
}

// Of a search's answer.
double inspected_bytes(const std::string& body) {
  const std::string name = "\"inspectedBytes\":\"";
  const size_t at = body.find(name);
  return at == std::string::npos ? 0 : std::strtod(body.c_str() + at + name.size(), nullptr);
}

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
  options.retry = true;
  progress(fmt::format("pushing {} traces over {} connections", traces_, options.connections));
  const double cpu_before = server.cpu_seconds();
  pushed_ = push(workload_, options);
  const double cpu = server.cpu_seconds() - cpu_before;
  const auto acked = static_cast<double>(pushed_.acked_spans);

  add("acked_spans", "spans acked", acked, "", "");
  add("failed_requests", "requests failed", static_cast<double>(pushed_.failed), "", "goal 0");
  add("refused_requests", "requests refused with 429, sent again",
      static_cast<double>(pushed_.refused), "", fmt::format("of {}", pushed_.requests));
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
  // What found no room was received as well.
  const double received =
      server.metric(kReceived).value_or(-1) - static_cast<double>(pushed_.refused_spans);
  add("received_spans", "spans received, refused ones apart", received, "", "as acked");
  if (received != acked) {
    faults_.push_back(fmt::format("{} is {}, acked are {}", kReceived, received, acked));
  }
  measure_rest(server, cpu_before);
}

// What is left to do after the last ack, and what it leaves on the disk.
void Bench::measure_rest(const ServerProcess& server, double cpu_before) {
  progress("waiting until it is idle");
  double cpu = server.cpu_seconds(), before = -1;
  while (cpu - before > 0.02 || server.metric(kCutsWaiting).value_or(0) > 0) {
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    before = std::exchange(cpu, server.cpu_seconds());
  }
  const auto acked = std::max<double>(1, static_cast<double>(pushed_.acked_spans));
  add("cpu_us_per_span_idle", "server CPU a span, until idle", (cpu - cpu_before) / acked * 1e6,
      "us", "goal 2.0");
  const double spans = server.metric(kBlockSpans).value_or(0);
  const double bytes = server.metric(kBlockBytes).value_or(0);
  add("blocks", "blocks", server.metric(kBlocks).value_or(0), "", "");
  if (spans == 0) return;
  add("block_bytes_per_span", "bytes of blocks a span", bytes / spans, "B",
      fmt::format("goal 25; packed bodies {:.1f}", pack_.bytes_per_span));
  block_bytes_ = bytes;
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
  add(fmt::format("trace_by_id_{}_p99_ms", when), fmt::format("trace by id, 99 %, {}", when),
      took_ms[took_ms.size() * 99 / 100], "ms", "");
  if (missing != 0) {
    faults_.push_back(fmt::format("{}: {} of {} acked traces not found", when, missing, kLookups));
  }
}

// The median of a few, and what part of the blocks was read.
void Bench::measure_search(const ServerProcess& server, const char* name,
                           const std::string& query) {
  HttpConnection connection(server.api_address());
  std::vector<double> took_ms;
  std::string body;
  for (int i = 0; i < kSearches; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    const int status = connection.get("/api/search?q=" + percent_encoded(query), body);
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin;
    took_ms.push_back(took.count());
    if (status == 200) continue;
    faults_.push_back(fmt::format("search {}: {} {}", query, status, body));
    return;
  }
  std::ranges::sort(took_ms);
  add(fmt::format("search_{}_ms", name), "search " + query, took_ms[took_ms.size() / 2], "ms",
      fmt::format("reads {:.1f} % of the blocks",
                  block_bytes_ == 0 ? 0 : 100 * inspected_bytes(body) / block_bytes_));
}

bool Bench::measure_restart(ServerProcess& server, int signal, const char* name, const char* what) {
  progress(fmt::format("restart: {}", what));
  const auto status = server.end(signal);
  if (signal == SIGTERM && status != 0) {
    faults_.push_back("SIGTERM did not end the server with 0");
  }
  const std::optional<double> ms = server.start(kReadySeconds);
  if (!ms) {
    faults_.push_back("not ready after a restart; see " + server.log_path());
    return false;
  }
  add(name, what, *ms, "ms", "");
  return true;
}

bool Bench::run() {
  const std::string folder = fresh_folder("load");
  progress("measuring the yardsticks");
  walk_ns_ = walk_ns_per_span(workload_, traces_);
  write_ = write_and_sync(workload_, traces_, folder);
  pack_ = pack_with_zstd(workload_, traces_);
  if (!measure_starts()) return false;

  ServerProcess server({options_.binary, folder});
  if (!server.start(kReadySeconds)) {
    faults_.push_back("the server did not become ready; see " + server.log_path());
    return false;
  }
  measure_idle(server);
  measure_load(server);
  measure_lookups(server, "loaded");
  measure_search(server, "absent", "{ span.http.method = \"absent\" }");
  measure_search(server, "integer", "{ span.http.status_code > 599 }");
  measure_search(server, "service", "{ resource.service.name = \"checkout\" }");
  if (!measure_restart(server, SIGTERM, "restart_ms", "SIGTERM to ready again")) return false;
  if (!measure_restart(server, SIGKILL, "crash_restart_ms", "kill -9 to ready again")) return false;
  measure_lookups(server, "restarted");
  if (server.end(SIGTERM) != 0) faults_.push_back("SIGTERM did not end the server with 0");

  add("walk_ns_per_span", "yardstick: walk with protozero", walk_ns_, "ns", "");
  add("sync_us_per_chunk", "yardstick: write + sync 128 KiB", write_.us_per_chunk, "us", "");
  add("sync_us_per_span", "yardstick: the same, a span", write_.us_per_span, "us", "");
  add("zstd_ns_per_span", "yardstick: zstd -1 of the bodies", pack_.ns_per_span, "ns", "");
  add("zstd_bytes_per_span", "yardstick: the same, bytes", pack_.bytes_per_span, "B", "");
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
               .spans = flags.count("--spans", 5'000'000),
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
