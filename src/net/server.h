// Listens on ports, owns the connections and the io threads. A connection belongs to one io thread
// for life. The first bytes decide its protocol: the HTTP/2 preface means h2c, anything else is
// HTTP/1.1 (which may upgrade to h2c as RFC 7540 section 3.2 says).
//
// Life: construct, `listen` on each port (binding at once), then `stop` (idempotent): no new
// connections, idle ones close, requests in flight are answered until the deadline, threads end.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "base/budget.h"
#include "base/metrics.h"
#include "base/result.h"
#include "net/http.h"

namespace vivace::net {

struct ListenerOptions {
  std::string name = {};     // for logs and metrics: "http", "otlp-http"
  std::string address = {};  // "0.0.0.0", "127.0.0.1", "localhost", "::1"; empty: all addresses
  uint16_t port = 0;         // 0: any free one, told by the result of listen
  int64_t body_bytes_max = 20 << 20;
  int64_t header_bytes_max = 64 << 10;
  int64_t connections_max = 4096;
  uint32_t streams_max = 100;                        // of one HTTP/2 connection at once
  std::chrono::milliseconds header_timeout{30'000};  // first byte of a request to its last header
  std::chrono::milliseconds body_timeout{30'000};    // longest silence inside a body
  std::chrono::milliseconds idle_timeout{120'000};   // between requests
  Budget* bodies = nullptr;  // request bodies in flight are counted here; must outlive the server
};

class Server {
 public:
  Server(int io_threads, Metrics& metrics);
  ~Server();  // stops

  // Binds and starts to accept. The port that was bound, or Code::io with address and reason.
  // Not thread-safe against itself or `stop`.
  Result<uint16_t> listen(const ListenerOptions& options, Handler handler);

  // Closes one listener by name and waits (at most `grace`) until its requests in flight are
  // answered.
  void stop_listener(std::string_view name, std::chrono::milliseconds grace);

  // Ends everything; connections still busy after `grace` are cut.
  void stop(std::chrono::milliseconds grace);

 private:
  class Loop;
  std::unique_ptr<Loop> loop_;
};

}  // namespace vivace::net
