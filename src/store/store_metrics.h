// What the store tells /metrics; the names are those that Tempo's dashboards and alerts know, with
// ours beside them. Counters and gauges may be touched from any thread.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "base/metrics.h"

namespace vivace {

class StoreMetrics {
 public:
  // Blocks by size: below 1 MiB, 8 MiB, 64 MiB, 512 MiB, and larger ones.
  static constexpr size_t kBlockSizes = 5;
  static size_t size_class(uint64_t bytes);

  explicit StoreMetrics(Metrics& registry);

  // Of a tenant, when somebody looks.
  struct Stored {
    double live_traces = 0;
    double live_bytes = 0;
    double blocks = 0;
    double block_bytes = 0;
    double block_spans = 0;
    double damaged_blocks = 0;
    double split_traces = 0;
    std::array<double, kBlockSizes> blocks_by_size = {};
  };
  // Sets the gauges of these tenants; of others to 0. When somebody looks again, the metrics of
  // those are gone, but for the one tenant that there is without multitenancy.
  void show(const std::map<std::string, Stored>& stored);

  void count_append(const std::string& tenant, uint32_t new_traces, size_t body_bytes);
  Counter& replay_errors(const std::string& tenant);

  Gauge& head_bytes;
  Gauge& head_bytes_max;
  Gauge& generation_age_seconds;
  Gauge& split_bytes;
  Gauge& split_bytes_max;
  Gauge& cache_bytes;
  Gauge& cuts_waiting;
  Counter& repeats;
  Counter& repeats_left_out;
  Histogram& join_seconds;
  Gauge& overflow_share;
  Counter& blocks_flushed;
  Counter& heads_cleared;
  Counter& failed_flushes;
  Counter& flush_retries;
  Histogram& flush_seconds;
  Histogram& flush_bytes;
  Counter& expired;
  Counter& expire_errors;
  Counter& displaced;
  Gauge& set_aside;

 private:
  struct Tenant {
    Gauge& live_traces;
    Gauge& live_bytes;
    Gauge& blocks;
    Gauge& block_bytes;
    Gauge& block_spans;
    Gauge& damaged_blocks;
    Gauge& split_traces;
    Gauge& bytes_per_span;
    std::array<Gauge*, kBlockSizes> blocks_by_size;
    Counter& traces_created;
    Counter& bytes_received;
    MetricsScope scope;    // of all of these
    bool is_gone = false;  // nothing of it was stored when somebody looked last
  };
  Tenant& tenant(const std::string& name);  // takes the mutex as held
  static std::array<Gauge*, kBlockSizes> blocks_by_size(MetricsScope& scope,
                                                        const std::string& tenant);

  Metrics& registry_;
  std::mutex mutex_;  // guards tenants_
  std::map<std::string, Tenant> tenants_;
};

}  // namespace vivace
