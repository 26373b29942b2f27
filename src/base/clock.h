// The seam to time. Everything that stamps, ages or waits for a moment takes a Clock&, so that
// tests can step it. Two clocks are never mixed: `unix_ns` is what people and files see and may
// jump; `steady_ns` only grows and is for measuring and deadlines.
#pragma once

#include <atomic>
#include <cstdint>

namespace vivace {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual int64_t unix_ns() const = 0;    // ns since 1970 UTC
  virtual int64_t steady_ns() const = 0;  // ns since an arbitrary start
};

// CPU time that the calling thread has used.
int64_t thread_cpu_ns();

// The machine's clocks. Any thread.
class SystemClock final : public Clock {
 public:
  int64_t unix_ns() const override;
  int64_t steady_ns() const override;
};

// Stands still until told. Any thread.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(int64_t unix_ns = 0) : unix_ns_(unix_ns) {}
  int64_t unix_ns() const override { return unix_ns_.load(); }
  int64_t steady_ns() const override { return steady_ns_.load(); }
  void advance(int64_t ns) {
    unix_ns_ += ns;
    steady_ns_ += ns;
  }
  void step_unix(int64_t ns) { unix_ns_ += ns; }  // as an operator or NTP would

 private:
  std::atomic<int64_t> unix_ns_;
  std::atomic<int64_t> steady_ns_{1};
};

}  // namespace vivace
