// What was freed stays with the allocator until it is asked for it: that is done once, when memory
// gets short.
#include "app/memory_guard.h"

#include <cstdio>
#include <malloc.h>
#include <unistd.h>
#include <utility>

#include "base/log.h"

namespace vivace {
namespace {

constexpr int64_t kLookEveryNs = 5'000'000;

}  // namespace

int64_t resident_bytes() {
  std::FILE* const file = std::fopen("/proc/self/statm", "re");
  if (file == nullptr) return 0;
  long total = 0;
  long resident = 0;
  long shared = 0;
  const int read = std::fscanf(file, "%ld %ld %ld", &total, &resident, &shared);
  std::fclose(file);
  return read == 3 ? (resident - shared) * sysconf(_SC_PAGESIZE) : 0;
}

MemoryGuard::MemoryGuard(int64_t limit_bytes, const Clock& clock, Metrics& metrics, Used used)
    : limit_bytes_(limit_bytes),
      clock_(clock),
      used_(std::move(used)),
      short_gauge_(metrics.gauge("vivace_memory_short",
                                 "1 while nothing is admitted because memory is short.")) {
  metrics.gauge("vivace_memory_limit_bytes", "What the machine or its cgroup allows.")
      .Set(static_cast<double>(limit_bytes));
}

bool MemoryGuard::is_short() {
  const int64_t now_ns = clock_.steady_ns();
  int64_t due_ns = look_again_ns_.load(std::memory_order_relaxed);
  if (now_ns >= due_ns && look_again_ns_.compare_exchange_strong(due_ns, now_ns + kLookEveryNs)) {
    look();
  }
  return short_.load(std::memory_order_relaxed);
}

void MemoryGuard::look() {
  const auto share_of_limit = [&] {
    return static_cast<double>(used_()) / static_cast<double>(limit_bytes_);
  };
  const bool was_short = short_.load(std::memory_order_relaxed);
  double share = share_of_limit();
  if (!was_short && share >= kShortShare) {
    malloc_trim(0);
    share = share_of_limit();
  }
  const bool is_short = share >= (was_short ? kEnoughShare : kShortShare);
  if (is_short == was_short) return;
  short_.store(is_short, std::memory_order_relaxed);
  short_gauge_.Set(is_short ? 1 : 0);
  if (is_short) {
    log::warn("memory is short; nothing is admitted until it is not", {{"share", share}});
  } else {
    log::info("memory is not short any more", {{"share", share}});
  }
}

}  // namespace vivace
