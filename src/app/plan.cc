// One function a part of the program. What is shared out is what machine.h found; what bounds it
// from below is what a part needs to work at all.
#include "app/plan.h"

#include <algorithm>

#include "compact/plan.h"

namespace vivace {
namespace {

constexpr int64_t kMiB = 1 << 20;
constexpr int64_t kGenerationBytesMin = 256 << 10;  // smaller blocks would be nothing but overhead
constexpr int64_t kLogBytesMin = 24 * kMiB;
constexpr int64_t kLogBytesMax = 256 * kMiB;
constexpr double kCompactionShare = 0.25;  // of the CPUs, when not much waits
constexpr int64_t kMergeBytesPerRow = 26;  // of memory, at the peak of a merge

// A small disk has a small log, though one that takes the largest request.
int64_t log_bytes_max(const config::Storage& storage, Storage& disk) {
  int64_t bound = storage.bytes_max > 0 ? storage.bytes_max : INT64_MAX;
  (void)disk.make_folders(storage.wal_path);  // the store tells what is wrong with it
  if (const auto space = disk.space(storage.wal_path)) {
    bound = std::min(bound, static_cast<int64_t>(space->capacity_bytes));
  }
  return std::clamp(bound / 8, kLogBytesMin, kLogBytesMax);
}

DiskOptions disk_options(const config::Storage& storage) {
  DiskOptions out{.limits = {.bytes_max = static_cast<uint64_t>(storage.bytes_max)},
                  .tempo_folder = storage.local_path};
  if (storage.free_bytes_min) {
    out.limits.free_min = static_cast<uint64_t>(*storage.free_bytes_min);
  }
  return out;
}

// Half of the memory for merging is for the order of the rows, half for columns. Windows are no
// shorter than they were set to, and not so short that there are many of them.
CompactionOptions compaction_options(const config::Config& config, const Machine& machine,
                                     const MemoryPlan& plan) {
  const config::Compactor& compactor = config.compactor;
  CompactionOptions out{.enabled = !compactor.disabled,
                        .cpus = std::min(1.0, machine.cpus * kCompactionShare)};
  out.plan.window_ns =
      std::max(compactor.compaction_window_ns, compact::window_ns(config.block_retention_ns));
  out.plan.full_rows = std::min<uint64_t>(
      out.plan.full_rows, static_cast<uint64_t>(plan.compaction_bytes / kMergeBytesPerRow));
  out.plan.full_bytes =
      std::min(out.plan.full_bytes, static_cast<uint64_t>(compactor.max_block_bytes));
  if (const uint64_t room = merge_room_of(disk_options(config.storage).limits); room > 0) {
    out.plan.full_bytes = std::min(out.plan.full_bytes, room);
  }
  out.plan.full_traces =
      std::min(out.plan.full_traces, static_cast<uint64_t>(compactor.max_compaction_objects));
  return out;
}

}  // namespace

MemoryPlan::MemoryPlan(int64_t machine_bytes)
    : head_bytes(std::clamp(machine_bytes / 4, 32 * kMiB, 112 * kMiB)),
      bodies_bytes(std::clamp(machine_bytes / 16, 16 * kMiB, 48 * kMiB)),
      queries_bytes(std::clamp(machine_bytes / 8, 24 * kMiB, 512 * kMiB)),
      metrics_query_bytes(std::clamp(machine_bytes / 16, 16 * kMiB, 256 * kMiB)),
      block_cache_bytes(std::clamp(machine_bytes / 16, 8 * kMiB, 32 * kMiB)),
      split_bytes(std::clamp(machine_bytes / 16, 8 * kMiB, 32 * kMiB)),
      compaction_bytes(std::clamp(machine_bytes / 8, 16 * kMiB, 48 * kMiB)) {}

uint32_t count_of(int64_t value) {
  return static_cast<uint32_t>(std::clamp<int64_t>(value, 0, UINT32_MAX));
}

MetricsLimits metrics_limits(const config::Queries& queries, const MemoryPlan& plan) {
  return {.exemplars_max = count_of(queries.metrics_exemplars_max),
          .series_max = count_of(queries.metrics_series_max),
          .memory_bytes_max = plan.metrics_query_bytes};
}

IngestLimits ingest_limits(const config::Config& config, const config::Limits& limits) {
  const int64_t attribute_bytes = limits.max_attribute_bytes != 0
                                      ? limits.max_attribute_bytes
                                      : config.distributor.max_attribute_bytes;
  return {.attribute_bytes_max = static_cast<uint32_t>(attribute_bytes),
          .rate = {.bytes_per_s = limits.rate_limit_bytes, .burst_bytes = limits.burst_size_bytes},
          .traces = {.trace_bytes_max = limits.max_bytes_per_trace,
                     .live_traces_max = limits.max_traces_per_user,
                     .idle_ns = config.ingester.trace_idle_period_ns}};
}

// Half of the memory for heads is for the generation that is filled, half for those that are
// being cut. Small generations get small segments, so that each gives some of the log back.
StoreOptions store_options(const config::Config& config, const Machine& machine,
                           const MemoryPlan& plan, Storage& disk) {
  const config::Ingester& ingester = config.ingester;
  int64_t generation_bytes = plan.head_bytes / 2;
  if (ingester.max_block_bytes > 0) {
    generation_bytes = std::clamp(ingester.max_block_bytes, kGenerationBytesMin, generation_bytes);
  }
  const int64_t log_bytes = log_bytes_max(config.storage, disk);
  const int64_t segment_bytes =
      std::clamp(std::min(generation_bytes / 4, log_bytes / 16), kMiB, 16 * kMiB) / kMiB * kMiB;
  return {.wal = {.folder = config.storage.wal_path + "/vivace",
                  .segment_bytes = static_cast<uint64_t>(segment_bytes),
                  .bytes_max = log_bytes},
          .blocks_folder = config.storage.local_path + "/vivace/blocks",
          .head_bytes_max = plan.head_bytes,
          .generation_bytes_max = generation_bytes,
          .generation_age_max_ns = ingester.max_block_duration_ns,
          .retention_ns = config.block_retention_ns,
          .block_cache_bytes_max = plan.block_cache_bytes,
          .split_bytes_max = plan.split_bytes,
          .check_period_ms = static_cast<int>(
              std::clamp<int64_t>(ingester.flush_check_period_ns / 1'000'000, 100, 60'000)),
          .compaction = compaction_options(config, machine, plan),
          .disk = disk_options(config.storage)};
}

}  // namespace vivace
