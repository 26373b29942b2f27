// The machine's clocks, by way of std::chrono. The only place but the log and the socket timers
// that asks what time it is.
#include "base/clock.h"

#include <chrono>
#include <ctime>

namespace vivace {
namespace {

template <class Source>
int64_t ns_since_epoch() {
  const auto since = Source::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(since).count();
}

}  // namespace

int64_t thread_cpu_ns() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

int64_t SystemClock::unix_ns() const { return ns_since_epoch<std::chrono::system_clock>(); }
int64_t SystemClock::steady_ns() const { return ns_since_epoch<std::chrono::steady_clock>(); }

}  // namespace vivace
