// The processors of one tenant and the series that they make: batches in, rounds of series out.
// What it tells of the tenant in metrics goes with it.
//
// The generator's thread; time comes in as arguments.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/metrics.h"
#include "config/generator.h"
#include "generator/attribute_lookup.h"
#include "generator/host_info.h"
#include "generator/round_writer.h"
#include "generator/series_table.h"
#include "generator/service_graphs.h"
#include "generator/span_metrics.h"
#include "model/batch.h"

namespace vivace::generator {

struct TenantOptions {
  std::string tenant;
  std::string instance;            // for __metrics_gen_instance
  int64_t series_max_default = 0;  // when the config sets none
};

class Tenant {
 public:
  // `series` is shared with other tenants and outlives this.
  Tenant(const config::Generator& config, const TenantOptions& options, SeriesBudget& series,
         Metrics& metrics);

  // Other settings from now on: processors come and go; one whose settings are other than before
  // begins anew, the others go on.
  void reconfigure(const config::Generator& config);

  // `skip` are ordinals of spans that were stored before, ascending.
  void take(const Batch& batch, std::span<const uint32_t> skip, int64_t received_ns);
  // Ends what has waited long enough.
  void tick(int64_t now_ms);
  // All series, as of now, to each writer; forgets stale ones first.
  void collect(std::span<RoundWriter* const> writers, int64_t now_ms);

  // Counts spans that nobody had the time to look at.
  void skip(uint64_t spans);

  int64_t active_series() const { return registry_.active_series; }
  // Whether nothing would be lost with it: no series, and none that went so lately that it must not
  // begin with a zero again, and nobody who waits.
  bool is_empty() const;

 private:
  struct Counters {
    Counters(const std::string& tenant, MetricsScope& metrics);
    Counter& spans;
    Counter& bytes;
    Counter& behind;
    Counter& too_old;
    Counter& filtered;
    Counter& invalid_utf8;
    Counter& added;
    Counter& removed;
    Counter& limited;
    Counter& collections;
    Gauge& active;
    Gauge& active_max;
    Gauge& demand;
    Counter& edges;
    Counter& expired_edges;
    Counter& dropped_spans;
    Gauge& waiting_sides;
    Gauge& has_span_metrics;  // which processors run
    Gauge& has_service_graphs;
    Gauge& has_host_info;
  };

  void hand_out(int64_t now_ms, SpanMetrics::Left& left);
  void apply(const config::Generator& next);
  void show();
  void show_edges();

  const TenantOptions options_;
  MetricsScope metrics_;
  config::Generator config_;
  Counters counters_;
  AttributeLookup lookup_;
  Registry registry_;
  std::optional<SpanMetrics> span_metrics_;
  std::optional<ServiceGraphs> service_graphs_;
  std::optional<HostInfo> host_info_;
  ServiceGraphs::Counts shown_edges_;  // of service_graphs_, in counters_
  uint64_t shown_limited_ = 0;
  bool limited_ = false;                   // whether the last interval was
  std::vector<const BatchSpan*> at_hand_;  // of the batch, not handed out yet
};

}  // namespace vivace::generator
