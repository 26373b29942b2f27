// Looks at the clock once in a while, and settles what it owes at once: no burst is saved up, and
// none is forgiven.
#include "compact/pace.h"

#include <algorithm>
#include <utility>

namespace vivace::compact {
namespace {

constexpr int64_t kSliceNs = 2'000'000;       // of CPU between two looks at the share
constexpr int64_t kSleepMaxNs = 200'000'000;  // however much is owed: one chunk may be large

}  // namespace

Pace::Pace(const Clock& clock, double cpus, Sleep sleep, CpuTime cpu_time)
    : clock_(clock), cpus_(cpus), sleep_(std::move(sleep)), cpu_time_(std::move(cpu_time)) {}

void Pace::start() {
  cpu_before_ns_ = cpu_time_();
  time_before_ns_ = clock_.steady_ns();
}

Result<void> Pace::step() {
  const int64_t used_ns = cpu_time_() - cpu_before_ns_;
  if (used_ns < kSliceNs) return sleep_(0) ? Result<void>() : fail(Code::cancelled, "stopping");
  const int64_t passed_ns = clock_.steady_ns() - time_before_ns_;
  const auto due_ns = static_cast<int64_t>(static_cast<double>(used_ns) / std::max(cpus(), 0.01));
  const int64_t sleep_ns = std::clamp<int64_t>(due_ns - passed_ns, 0, kSleepMaxNs);
  if (!sleep_(sleep_ns)) return fail(Code::cancelled, "stopping");
  start();
  return {};
}

}  // namespace vivace::compact
