// What the rows of a run share: what was asked for, the loads, the yardsticks, and the server that
// holds the spans of the row "saturated", which lookups and restarts go on with. Each is made when
// it is first asked for, so that a single row costs no more than it needs.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "load.h"
#include "report.h"
#include "server_process.h"
#include "workload.h"
#include "yardsticks.h"

namespace vivace::bench {

struct Plan {
  std::string binary;
  std::string folder;  // everything is written below it, but what is kept
  std::string parent;  // of that folder
  uint64_t spans = 5'000'000;
  int templates = 2000;
  int connections = 16;
  int starts = 5;
  double seconds = 20;  // of phases that go by time
  uint64_t lookups = 2000;
  uint64_t traceql_spans = 20'000'000;
  bool uncompacted = false;  // traceql: of many blocks that were never merged
  bool keep = false;         // its store, for later runs
};

// A load and what it took.
struct LoadRun {
  PushResult pushed;
  double cpu_s = 0;  // of the server, until the last ack
  double cpu_until_idle_s = 0;
  std::optional<int64_t> written_bytes = {};  // to disk, until idle; if the kernel tells
  int64_t rss_peak_bytes = 0;

  double acked() const {  // never 0
    return static_cast<double>(std::max<uint64_t>(pushed.acked_spans, 1));
  }
  double cpu_us_per_span() const { return cpu_s / acked() * 1e6; }
  double cpu_us_per_span_idle() const { return cpu_until_idle_s / acked() * 1e6; }
};

struct Yardsticks {
  double walk_us = 0;  // a span
  WriteYardstick write;
  PackYardstick pack;
};

class Scene {
 public:
  explicit Scene(Plan plan) : plan_(std::move(plan)) {}
  ~Scene();

  const Plan& plan() const { return plan_; }
  Report& report() { return report_; }

  const Workload& shop();
  const Yardsticks& yardsticks();  // of shop
  std::string fresh_folder(const std::string& name) const;
  // Batches of traces that together hold at least so many spans.
  static uint64_t traces_for(const Workload& workload, uint64_t spans);

  // A server on an empty folder; a fault and nothing when it does not start.
  std::unique_ptr<ServerProcess> start_server(ServerFiles files);
  // Pushes, and waits until nothing is left to be done. Faults when the server's count of received
  // spans differs from what was acked. `pushed` is called between the two.
  LoadRun load(
      const ServerProcess& server, const Workload& workload, PushOptions options,
      const std::function<void()>& pushed = [] {});

  // The server of the row "saturated", after its load; nothing when it did not start.
  struct Loaded {
    std::unique_ptr<ServerProcess> server;
    LoadRun run;
  };
  Loaded* loaded();

  // The median, on empty folders; measured when first asked for.
  double start_ms();

 private:
  void add_saturated(const Loaded& loaded);

  const Plan plan_;
  Report report_;
  std::unique_ptr<Workload> shop_;
  std::optional<Yardsticks> yardsticks_;
  std::optional<double> start_ms_;
  bool tried_ = false;
  Loaded loaded_;
  double idle_rss_bytes_ = 0;
};

// Everything is durable and in blocks, merged as far as it will be, and CPU time stands still. The
// CPU seconds at the first such moment.
double wait_until_idle(const ServerProcess& server);

// The rows, by the file that makes them. Each adds to the scene's report.
void measure_start(Scene& scene);  // rows_load.cc
void measure_saturated(Scene& scene);
void measure_gzip(Scene& scene);
void measure_split(Scene& scene);
void measure_memory(Scene& scene);  // rows_steady.cc
void measure_steady(Scene& scene);
void measure_flood(Scene& scene);
void measure_cgroup(Scene& scene);         // rows_cgroup.cc
void measure_generator_row(Scene& scene);  // rows_generator.cc
void measure_disk(Scene& scene);           // rows_read.cc
void measure_lookup(Scene& scene);
void measure_search(Scene& scene);
void measure_restart(Scene& scene);
void measure_traceql(Scene& scene);  // rows_traceql.cc

}  // namespace vivace::bench
