// The binary under measurement as a child process: started with a config of its own on free
// loopback ports and a data folder, watched through /proc, ended by a signal.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <sys/types.h>

namespace vivace::bench {

struct ServerFiles {
  std::string binary;
  std::string folder;                 // data, config and log go there; must exist
  std::function<void()> before_exec;  // in the child, for limits of its own; may be empty
  std::string more_config = {};       // further sections of the file
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
  // What it caused to be written to disk, by the kernel's count (/proc/PID/io).
  int64_t written_bytes() const;
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
