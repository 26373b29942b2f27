// Pushes a workload over OTLP/HTTP from several blocking connections, each a thread, and counts
// what was acked. A small HTTP/1.1 client of its own, so that the load costs little beside what it
// loads.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "workload.h"

namespace vivace::bench {

// One keep-alive connection to a numeric IPv4 "host:port"; opened when first used, and again after
// a failure. One thread.
class HttpConnection {
 public:
  explicit HttpConnection(std::string address) : address_(std::move(address)) {}
  ~HttpConnection() { drop(); }
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;

  // The status, or -1 when the connection failed. `body` gets the answer's body.
  int get(const std::string& path, std::string& body, const std::string& headers = "");
  int post(const std::string& path, const std::string& headers, const std::string& content);

 private:
  bool connect();
  bool send_all(const std::string& bytes);
  int receive(std::string& body);
  int exchange(const std::string& request, std::string& body);
  void drop();

  std::string address_;
  int fd_ = -1;
};

struct PushOptions {
  std::string address = "127.0.0.1:4318";
  std::string path = "/v1/traces";
  double seconds = 10;          // at most
  uint64_t traces_max = ~0ULL;  // at most
  uint64_t first = 0;           // number of the first trace
  double spans_per_s = 0;       // 0: as fast as it goes
  double back_s = 2;            // spans are that old when sent
  int connections = 2;
  bool gzip = false;
  bool retry = false;  // what is refused with 429 is sent again, until it is taken
};

struct PushResult {
  uint64_t acked_spans = 0;
  uint64_t acked_traces = 0;  // whole batches of which every request was acked
  uint64_t failed = 0;        // requests
  uint64_t refused = 0;       // sendings that got 429 and were repeated
  uint64_t refused_spans = 0;
  uint64_t requests = 0;
  uint64_t bytes = 0;  // before compression
  double seconds = 0;
  std::vector<double> ack_ms;           // sorted
  std::map<int, uint64_t> statuses;     // requests by HTTP status; -1: no answer
  std::vector<uint64_t> acked_batches;  // number of the first trace of each, sorted

  // The ack latency at quantile q of 0..1.
  double ack_ms_at(double q) const;
};

PushResult push(const Workload& workload, const PushOptions& options);

// As a gzip member at the fastest level.
std::string gzip(const std::string& bytes);

}  // namespace vivace::bench
