// Tenants that found no room in the heads a short while ago. As long as there are any, no other may
// hold more than half of the room: one that sends without measure is held back, and not whoever
// happens to come while the heads are full.
//
// Any thread; while nobody waits, a look is one load.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

namespace vivace {

class HeadWaiters {
 public:
  // Senders come again within this time, or have given up.
  static constexpr int64_t kWaitNs = 10'000'000'000;
  static constexpr size_t kTenantsMax = 1'000;  // that are remembered

  // Times are those of a steady clock.
  void found_no_room(const std::string& tenant, int64_t now_ns) {
    const std::lock_guard lock(mutex_);
    std::erase_if(refused_ns_, [&](const auto& at) { return now_ns - at.second >= kWaitNs; });
    if (refused_ns_.size() >= kTenantsMax && !refused_ns_.contains(tenant)) return;
    refused_ns_[tenant] = now_ns;
    until_ns_.store(now_ns + kWaitNs, std::memory_order_relaxed);
  }

  bool others_wait(const std::string& tenant, int64_t now_ns) const {
    if (now_ns >= until_ns_.load(std::memory_order_relaxed)) return false;
    const std::lock_guard lock(mutex_);
    for (const auto& [other, at_ns] : refused_ns_) {
      if (other != tenant && now_ns - at_ns < kWaitNs) return true;
    }
    return false;
  }

 private:
  std::atomic<int64_t> until_ns_{INT64_MIN};
  mutable std::mutex mutex_;  // guards the times
  std::map<std::string, int64_t> refused_ns_;
};

}  // namespace vivace
