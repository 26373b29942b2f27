// What the connections of one listener share: its options, its handler, its counts. Kept alive by
// the server and by its connections.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "base/metrics.h"
#include "net/http.h"
#include "net/server.h"

namespace vivace::net {

class Listener {
 public:
  Listener(const ListenerOptions& listener_options, Handler request_handler, Metrics& metrics)
      : options(listener_options),
        handler(std::move(request_handler)),
        metrics_(metrics),
        gauge_(metrics.gauge("vivace_net_connections", "Connections open.", labels())),
        accepted_(
            metrics.counter("vivace_net_connections_total", "Connections accepted.", labels())),
        refused_(metrics.counter("vivace_net_connections_refused_total",
                                 "Connections closed at once because too many were open.",
                                 labels())) {}

  const ListenerOptions options;
  const Handler handler;

  // Any thread. False: too many are open.
  bool opened() {
    const std::lock_guard lock(mutex_);
    if (open_ >= options.connections_max) {
      refused_.Increment();
      return false;
    }
    open_++;
    accepted_.Increment();
    gauge_.Set(static_cast<double>(open_));
    return true;
  }

  void closed() {
    const std::lock_guard lock(mutex_);
    open_--;
    gauge_.Set(static_cast<double>(open_));
    if (open_ == 0) none_.notify_all();
  }

  // True once no connection is open.
  bool wait_none(std::chrono::steady_clock::time_point deadline) {
    std::unique_lock lock(mutex_);
    return none_.wait_until(lock, deadline, [&] { return open_ == 0; });
  }

  void count_error(std::string_view kind) {
    metrics_
        .counter("vivace_net_http_errors_total", "Requests and connections that went wrong.",
                 {{"listener", options.name}, {"kind", std::string(kind)}})
        .Increment();
  }

 private:
  Labels labels() const { return {{"listener", options.name}}; }

  Metrics& metrics_;
  Gauge& gauge_;
  Counter& accepted_;
  Counter& refused_;
  std::mutex mutex_;  // guards open_
  int64_t open_ = 0;
  std::condition_variable none_;
};

}  // namespace vivace::net
