// The per-tenant overrides while the process runs: the file is read again each period, and when its
// text has changed and can be used, the new state takes the place of the old one. A file that
// cannot be read or used changes nothing; that is logged, and shown in
// tempo_runtime_config_last_reload_successful.
//
//   TenantOverrides overrides(file, metrics);          // null file: never anything
//   CHECK_OK(overrides.start());
//   auto now = overrides.snapshot();                   // any thread; null without a file
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/metrics.h"
#include "base/result.h"
#include "config/overrides.h"

namespace vivace {

class TenantOverrides {
 public:
  TenantOverrides(std::shared_ptr<const config::OverridesFile> maybe_file, Metrics& metrics)
      : file_(std::move(maybe_file)), metrics_(metrics) {}
  ~TenantOverrides() { stop(); }

  bool has_file() const { return file_ != nullptr; }
  // Reads the file, and goes on reading it until `stop`. Code::invalid_argument: it cannot be used.
  Result<void> start();
  void stop();

  config::OverridesSnapshot snapshot() const;
  // What the thread does each period.
  Result<void> reload();

 private:
  void run();
  void publish(config::Overrides overrides);

  const std::shared_ptr<const config::OverridesFile> file_;
  Metrics& metrics_;
  std::string text_;          // that `current_` was made from
  std::string error_;         // that was logged last
  mutable std::mutex mutex_;  // guards the next
  config::OverridesSnapshot current_;
  bool stopping_ = false;
  std::condition_variable stop_;
  std::thread thread_;
};

}  // namespace vivace
