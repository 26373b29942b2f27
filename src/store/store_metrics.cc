// Names, help texts and buckets of the store's metrics. Those with `tempo` in front are Tempo's,
// with the meaning that its dashboards and alerts expect.
#include "store/store_metrics.h"

#include "model/tenant.h"

namespace vivace {

StoreMetrics::StoreMetrics(Metrics& registry)
    : head_bytes(
          registry.gauge("vivace_head_bytes", "Memory of the heads, with what is on its way.")),
      head_bytes_max(registry.gauge("vivace_head_bytes_max", "Limit of vivace_head_bytes.")),
      generation_age_seconds(registry.gauge("vivace_generation_age_seconds",
                                            "Age of the oldest span that is in no block.")),
      split_bytes(registry.gauge("vivace_split_bytes",
                                 "What is kept of traces that lie in several parts.")),
      split_bytes_max(registry.gauge("vivace_split_bytes_max", "Limit of vivace_split_bytes.")),
      cache_bytes(registry.gauge("vivace_block_cache_bytes", "Sections of blocks in memory.")),
      cuts_waiting(registry.gauge("tempo_ingester_flush_queue_length",
                                  "Frozen heads that are not yet blocks.")),
      repeats(registry.counter("vivace_repeated_spans_total",
                               "Spans that had been stored before and were dropped.")),
      repeats_left_out(registry.counter("vivace_cut_repeats_left_out_total",
                                        "Spans of heads that older blocks had already.")),
      join_seconds(registry.histogram("vivace_split_join_seconds",
                                      "Time to look up a head's traces in older blocks.",
                                      {0.001, 0.004, 0.016, 0.064, 0.25, 1, 4, 16})),
      overflow_share(registry.gauge("vivace_overflow_share",
                                    "Share of attributes without a column, in the newest blocks.")),
      blocks_flushed(registry.counter("tempo_ingester_blocks_flushed_total", "Blocks written.")),
      heads_cleared(registry.counter("tempo_ingester_blocks_cleared_total",
                                     "Heads that became blocks and were dropped.")),
      failed_flushes(registry.counter("tempo_ingester_failed_flushes_total",
                                      "Attempts to turn heads into blocks that failed.")),
      flush_retries(registry.counter("tempo_ingester_flush_retries_total",
                                     "Attempts to turn heads into blocks after a failed one.")),
      flush_seconds(registry.histogram("tempo_ingester_flush_duration_seconds",
                                       "Time to turn heads into blocks.",
                                       {0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512})),
      flush_bytes(registry.histogram("tempo_ingester_flush_size_bytes", "Size of written blocks.",
                                     {1 << 20, 4 << 20, 16 << 20, 64 << 20, 256 << 20})),
      expired(registry.counter("tempodb_retention_deleted_total",
                               "Blocks removed because they were past retention.")),
      expire_errors(registry.counter("tempodb_retention_errors_total",
                                     "Failed attempts to remove blocks past retention.")),
      displaced(registry.counter("vivace_disk_displaced_blocks_total",
                                 "Blocks removed before their time, to make room on the disk.")),
      set_aside(registry.gauge("vivace_set_aside_files",
                               "Bodies of log records that made no spans, kept to be looked at.")),
      registry_(registry) {}

size_t StoreMetrics::size_class(uint64_t bytes) {
  size_t out = 0;
  for (uint64_t below = 1U << 20; bytes >= below && out + 1 < kBlockSizes; below *= 8) ++out;
  return out;
}

std::array<Gauge*, StoreMetrics::kBlockSizes> StoreMetrics::blocks_by_size(
    MetricsScope& scope, const std::string& tenant) {
  constexpr std::array<const char*, kBlockSizes> kSizes = {"under_1MiB", "under_8MiB",
                                                           "under_64MiB", "under_512MiB", "larger"};
  std::array<Gauge*, kBlockSizes> out{};
  for (size_t i = 0; i < kBlockSizes; ++i) {
    out[i] = &scope.gauge("vivace_blocks_by_size", "Blocks of this size.",
                          {{"tenant", tenant}, {"size", kSizes[i]}});
  }
  return out;
}

StoreMetrics::Tenant& StoreMetrics::tenant(const std::string& name) {
  const auto found = tenants_.find(name);
  if (found != tenants_.end()) return found->second;
  const Labels of{{"tenant", name}};
  MetricsScope scope(registry_);
  const auto gauge = [&](const char* metric, const char* help, const Labels& labels) -> Gauge& {
    return scope.gauge(metric, help, labels);
  };
  Tenant made{
      .live_traces = gauge("tempo_ingester_live_traces", "Traces in heads.", of),
      .live_bytes = gauge("tempo_ingester_live_trace_bytes", "Memory of heads.", of),
      .blocks = gauge("tempodb_blocklist_length", "Blocks.", of),
      .block_bytes = gauge("tempodb_backend_bytes_total", "Bytes of blocks.",
                           {{"tenant", name}, {"status", "live"}}),
      .block_spans = gauge("vivace_block_spans", "Spans in blocks.", of),
      .damaged_blocks = gauge("vivace_damaged_blocks", "Blocks that cannot be opened.", of),
      .split_traces = gauge("vivace_split_traces", "Traces that lie in several blocks.", of),
      .bytes_per_span = gauge("vivace_block_bytes_per_span", "Bytes of blocks, a span.", of),
      .blocks_by_size = blocks_by_size(scope, name),
      .traces_created =
          scope.counter("tempo_ingester_traces_created_total", "Traces begun in a head.", of),
      .bytes_received =
          scope.counter("tempo_ingester_bytes_received_total", "Bytes of OTLP appended to heads.",
                        {{"tenant", name}, {"data_type", "trace"}}),
      .scope = std::move(scope)};
  return tenants_.emplace(name, std::move(made)).first->second;
}

void StoreMetrics::show(const std::map<std::string, Stored>& stored) {
  const std::lock_guard lock(mutex_);
  std::erase_if(tenants_, [&](const auto& entry) {
    return entry.second.is_gone && !stored.contains(entry.first) && entry.first != kSingleTenant;
  });
  for (const auto& [name, values] : stored) tenant(name);
  for (auto& [name, tenant] : tenants_) {
    const auto found = stored.find(name);
    tenant.is_gone = found == stored.end();
    const Stored values = tenant.is_gone ? Stored() : found->second;
    tenant.live_traces.Set(values.live_traces);
    tenant.live_bytes.Set(values.live_bytes);
    tenant.blocks.Set(values.blocks);
    tenant.block_bytes.Set(values.block_bytes);
    tenant.block_spans.Set(values.block_spans);
    tenant.damaged_blocks.Set(values.damaged_blocks);
    tenant.split_traces.Set(values.split_traces);
    tenant.bytes_per_span.Set(values.block_spans == 0 ? 0
                                                      : values.block_bytes / values.block_spans);
    for (size_t i = 0; i < kBlockSizes; ++i) {
      tenant.blocks_by_size[i]->Set(values.blocks_by_size[i]);
    }
  }
}

void StoreMetrics::count_append(const std::string& name, uint32_t new_traces, size_t body_bytes) {
  const std::lock_guard lock(mutex_);
  Tenant& owner = tenant(name);
  owner.traces_created.Increment(new_traces);
  owner.bytes_received.Increment(static_cast<double>(body_bytes));
}

Counter& StoreMetrics::replay_errors(const std::string& tenant) {
  return registry_.counter("tempo_ingester_replay_errors_total",
                           "Log records that could not be replayed.", {{"tenant", tenant}});
}

}  // namespace vivace
