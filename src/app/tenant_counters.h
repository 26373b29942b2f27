// What ingestion tells of each tenant in metrics. A tenant that nobody has heard of for ten minutes
// makes way for another one, and its counters begin anew when it comes back; while all 2,000 are in
// use, further ones are counted together under the tenant "<others>", which nobody can be called.
// So names that senders make up take no memory without bound.
//
// Any thread; a call holds a short lock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/clock.h"
#include "base/metrics.h"

namespace vivace {

class TenantCounters {
 public:
  TenantCounters(const Clock& clock, Metrics& metrics, size_t tenants_max = 2000);

  // Bytes that came, before any limit.
  void count_ingress(const std::string& tenant, size_t bytes);
  void count_received(const std::string& tenant, size_t spans, size_t bytes, uint64_t truncated);
  // Spans that were not stored.
  void count_discarded(const std::string& tenant, const char* reason, size_t spans);

  size_t tenants() const;

 private:
  struct Of {
    Of(const std::string& tenant, Metrics& metrics);
    MetricsScope scope;
    Counter& ingress_bytes;
    Counter& spans;
    Counter& bytes;
    Counter& truncated;
    std::map<std::string, Counter*, std::less<>> discarded;  // by reason
    int64_t heard_ns = 0;                                    // steady
  };
  Of& of(const std::string& tenant);

  const Clock& clock_;
  Metrics& metrics_;
  const size_t tenants_max_;
  mutable std::mutex mutex_;  // guards the next three, and what is in them
  std::map<std::string, Of> tenants_;
  Of others_;
  int64_t looked_ns_ = INT64_MIN / 2;  // for tenants to forget; steady
};

}  // namespace vivace
