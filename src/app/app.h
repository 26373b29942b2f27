// The program, wired in road order.
//
// Start: the HTTP port is bound first and answers 503; the log is replayed; the receivers are
// bound; then /ready is 200. Stop: /ready is 503, receivers finish what they have and close, the
// store syncs, the HTTP port closes.
//
// One thread calls `start`, then `stop`.
#pragma once

#include <memory>

#include "base/result.h"
#include "config/config.h"

namespace vivace {

class App {
 public:
  explicit App(config::Loaded settings);
  ~App();

  Result<void> start();
  void stop();

 private:
  class Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace vivace
