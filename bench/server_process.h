// The binary under measurement as a child process: started with a config of its own on free
// loopback ports and a data folder, watched through /proc, ended by a signal.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <sys/types.h>

namespace vivace::bench {

// The metrics-generator as a homelab has it. Nobody receives the rounds: they are made, packed and
// kept.
constexpr const char* kHomelabGenerator = R"(metrics_generator:
  registry: {external_labels: {source: tempo}}
  storage:
    path: generator
    remote_write: [{url: "http://127.0.0.1:1/api/v1/write", send_exemplars: true}]
  processor:
    span_metrics: {dimensions: [service.name, http.method, http.status_code, http.target]}
    service_graphs: {dimensions: [service.name]}
overrides:
  defaults: {metrics_generator: {processors: [span-metrics, service-graphs, local-blocks]}}
)";

struct ServerFiles {
  std::string binary;
  std::string folder;                           // data, config and log go there; must exist
  std::function<void()> before_exec;            // in the child, for limits of its own; may be empty
  std::string more_config = kHomelabGenerator;  // further sections of the file
};

class ServerProcess {
 public:
  // Picks ports and writes the config; starts nothing yet.
  explicit ServerProcess(ServerFiles files);
  ~ServerProcess() { (void)end(9); }
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  // Starts it and asks /ready each millisecond. The ms from fork to the first 200; empty when it
  // ended or was not ready within `seconds`: the reason is in `log_path`.
  std::optional<double> start(double seconds);
  // Sends the signal and waits for the end; the exit status, or 128 + signal. Nothing when not
  // running.
  std::optional<int> end(int signal);

  // "127.0.0.1:port"
  std::string api_address() const;
  std::string otlp_address() const;
  const std::string& folder() const { return files_.folder; }
  std::string log_path() const { return files_.folder + "/log"; }

  int64_t rss_bytes() const { return status_kib("VmRSS:") * 1024; }
  int64_t rss_peak_bytes() const { return status_kib("VmHWM:") * 1024; }
  double cpu_seconds() const;  // user and system, all threads
  // What was written so far to the disk that its folder is on, by whomever; after a sync of all.
  // Not /proc/PID/io: that counts a whole folio of the page cache, up to megabytes, for each write
  // into it. Nothing where the kernel does not tell.
  std::optional<int64_t> disk_written_bytes() const;
  // The sample of exactly that name and labels in /metrics.
  std::optional<double> metric(const std::string& sample) const;

 private:
  void write_config() const;
  int64_t status_kib(const std::string& key) const;
  void exec() const;
  bool is_ready();

  ServerFiles files_;
  uint16_t http_port_ = 0;
  uint16_t grpc_port_ = 0;
  uint16_t otlp_port_ = 0;
  pid_t pid_ = -1;
};

}  // namespace vivace::bench
