// What the parts are told of themselves: the configuration and what the machine gives, turned into
// their options. Memory is shared out here, once. Pure but for a look at the log's volume; called
// by App at start, limits of tenants by any thread.
#pragma once

#include <cstdint>

#include "app/ingest.h"
#include "app/machine.h"
#include "config/config.h"
#include "query/metrics.h"
#include "storage/storage.h"
#include "store/store.h"

namespace vivace {

// Shares of the memory that the machine gives.
struct MemoryPlan {
  explicit MemoryPlan(int64_t machine_bytes);
  int64_t head_bytes;
  int64_t bodies_bytes;
  int64_t queries_bytes;        // of all together
  int64_t metrics_query_bytes;  // of these, for what each counts
  int64_t block_cache_bytes;
  int64_t split_bytes;
  int64_t compaction_bytes;
};

// A setting as a number of things that there are in memory.
uint32_t count_of(int64_t value);

MetricsLimits metrics_limits(const config::Queries& queries, const MemoryPlan& plan);

// `limits` are the tenant's own, or the configuration's.
IngestLimits ingest_limits(const config::Config& config, const config::Limits& limits);

// Without what other parts are asked for: is_memory_short, listener.
StoreOptions store_options(const config::Config& config, const Machine& machine,
                           const MemoryPlan& plan, Storage& disk);

}  // namespace vivace
