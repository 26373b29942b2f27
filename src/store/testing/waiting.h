// For tests that hand something to threads and wait until all of it was answered: with a deadline,
// so that a lost answer fails the test and does not hang it. And the value of a metric.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <string>

#include "base/metrics.h"
#include "base/result.h"

namespace vivace {

// Counts what is under way.
class Waiting {
 public:
  void begin() {
    const std::lock_guard lock(mutex_);
    ++under_way_;
  }
  void end() {
    const std::lock_guard lock(mutex_);
    ASSERT(under_way_ > 0);  // an answer too many
    if (--under_way_ == 0) none_.notify_all();
  }
  // Until nothing is under way.
  void wait() {
    std::unique_lock lock(mutex_);
    ASSERT(none_.wait_for(lock, std::chrono::seconds(120), [&] { return under_way_ == 0; }));
  }

 private:
  std::mutex mutex_;  // guards under_way_
  std::condition_variable none_;
  int under_way_ = 0;
};

// The sum over all label values of a counter or gauge, as /metrics shows it.
inline double metric(Metrics& metrics, const std::string& name) {
  const std::string text = metrics.render();
  double sum = 0;
  for (size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
    const size_t after = at + name.size();
    if (text.compare(at, name.size(), name) != 0) continue;
    if (text[after] != ' ' && text[after] != '{') continue;
    const size_t end = text.find('\n', at);
    sum += std::strtod(text.c_str() + text.rfind(' ', end), nullptr);
  }
  return sum;
}

}  // namespace vivace
