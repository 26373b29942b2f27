// Which spans count, who gets them, and what the program says of itself about them. Counters are
// raised once a batch or once a collection, not once a span.
#include "generator/tenant.h"

#include <algorithm>
#include <limits>

#include "base/log.h"

namespace vivace::generator {
namespace {

Counter& discarded(MetricsScope& metrics, const std::string& tenant, const char* reason) {
  return metrics.counter("tempo_metrics_generator_spans_discarded_total",
                         "Spans that the metrics-generator did not count.",
                         {{"tenant", tenant}, {"reason", reason}});
}

Gauge& active_processor(MetricsScope& metrics, const std::string& tenant, const char* name) {
  return metrics.gauge("tempo_metrics_generator_active_processors", "Whether a processor runs.",
                       {{"tenant", tenant}, {"processor", name}});
}

constexpr size_t kSpansTogether = 32;

// A batch comes from another core: its attributes are far away until they are asked for.
void prefetch_attributes(const Batch& batch, const BatchSpan& span) {
  constexpr uint32_t kLineBytes = 64;
  constexpr uint32_t kBytesMax = 8 * kLineBytes;
  const AttributeRun& run = span.attributes;
  const auto* const first = reinterpret_cast<const char*>(batch.attributes.data() + run.first);
  const uint32_t bytes =
      std::min(kBytesMax, run.count * static_cast<uint32_t>(sizeof(BatchAttribute)));
  for (uint32_t at = 0; at < bytes; at += kLineBytes) __builtin_prefetch(first + at);
}

RegistryOptions registry_options(const config::Generator& config, const TenantOptions& options) {
  RegistryOptions out;
  // An explicit limit is the tenant's own; the default is one for all of them together.
  out.is_series_max_shared = !config.max_active_series.has_value();
  if (config.instance_label) out.labels.emplace_back("__metrics_gen_instance", options.instance);
  for (const auto& [name, value] : config.external_labels) out.labels.emplace_back(name, value);
  if (!config.inject_tenant_id_as.empty()) {
    out.labels.emplace_back(config.inject_tenant_id_as, options.tenant);
  }
  out.limits = {.name_max = static_cast<size_t>(config.max_label_name_length),
                .value_max = static_cast<size_t>(config.max_label_value_length)};
  out.series_max = config.max_active_series.value_or(options.series_max_default);
  if (out.series_max == 0) out.series_max = std::numeric_limits<int64_t>::max();
  out.stale_ms = config.stale_duration_ns / 1'000'000;
  out.form.is_classic = config.classic_histograms;
  if (config.native_histograms) {
    out.form.native = {.schema = schema_of(config.native_bucket_factor),
                       .buckets_max = static_cast<uint32_t>(config.native_buckets_max),
                       .min_reset_ms = config.native_min_reset_ns / 1'000'000};
  }
  out.exemplars =
      std::ranges::any_of(config.remote_write, [](const auto& r) { return r.send_exemplars; });
  return out;
}

}  // namespace

Tenant::Counters::Counters(const std::string& tenant, MetricsScope& metrics)
    : spans(metrics.counter("tempo_metrics_generator_spans_received_total",
                            "Spans that reached the metrics-generator.", {{"tenant", tenant}})),
      bytes(metrics.counter("tempo_metrics_generator_bytes_received_total", "Bytes of these spans.",
                            {{"tenant", tenant}})),
      behind(discarded(metrics, tenant, "behind")),
      too_old(discarded(metrics, tenant, "outside_metrics_ingestion_slack")),
      filtered(discarded(metrics, tenant, "span_metrics_filtered")),
      invalid_utf8(discarded(metrics, tenant, "invalid_utf8")),
      added(metrics.counter("tempo_metrics_generator_registry_series_added_total",
                            "Series that began.", {{"tenant", tenant}})),
      removed(metrics.counter("tempo_metrics_generator_registry_series_removed_total",
                              "Series that were stale.", {{"tenant", tenant}})),
      limited(metrics.counter("tempo_metrics_generator_registry_series_limited_total",
                              "Label sets that found no room, each time they were seen new.",
                              {{"tenant", tenant}})),
      collections(metrics.counter("tempo_metrics_generator_registry_collections_total",
                                  "Collections.", {{"tenant", tenant}})),
      active(metrics.gauge("tempo_metrics_generator_registry_active_series", "Series.",
                           {{"tenant", tenant}})),
      active_max(metrics.gauge("tempo_metrics_generator_registry_max_active_series",
                               "Limit of the series.", {{"tenant", tenant}})),
      demand(metrics.gauge("vivace_generator_series_bytes", "Memory of the series, estimated.",
                           {{"tenant", tenant}})),
      edges(metrics.counter("tempo_metrics_generator_processor_service_graphs_edges",
                            "Edges that began.", {{"tenant", tenant}})),
      expired_edges(
          metrics.counter("tempo_metrics_generator_processor_service_graphs_expired_edges",
                          "Edges whose other side did not come.", {{"tenant", tenant}})),
      dropped_spans(metrics.counter(
          "tempo_metrics_generator_processor_service_graphs_dropped_spans",
          "Spans that found no room to wait for their other side.", {{"tenant", tenant}})),
      waiting_sides(metrics.gauge("vivace_generator_waiting_edges",
                                  "Edges that wait for their other side.", {{"tenant", tenant}})),
      has_span_metrics(active_processor(metrics, tenant, "span-metrics")),
      has_service_graphs(active_processor(metrics, tenant, "service-graphs")),
      has_host_info(active_processor(metrics, tenant, "host-info")) {}

Tenant::Tenant(const config::Generator& config, const TenantOptions& options, SeriesBudget& series,
               Metrics& metrics)
    : options_(options), metrics_(metrics), counters_(options.tenant, metrics_), registry_(series) {
  apply(config);
}

void Tenant::reconfigure(const config::Generator& config) {
  apply(config);
  log::info("metrics-generator: settings of a tenant changed",
            {{"tenant", options_.tenant},
             {"span_metrics", config_.span_metrics.is_on()},
             {"service_graphs", config_.service_graphs.is_on},
             {"host_info", config_.host_info.is_on}});
}

void Tenant::apply(const config::Generator& next) {
  RegistryOptions options = registry_options(next, options_);
  const bool is_other_form = options.form != registry_.options.form;
  const auto changes = [&](const auto& own, const auto& old) {
    return is_other_form || own != old;
  };
  if (span_metrics_ && changes(next.span_metrics, config_.span_metrics)) span_metrics_.reset();
  if (service_graphs_ && changes(next.service_graphs, config_.service_graphs)) {
    show_edges();
    service_graphs_.reset();
    shown_edges_ = {};
    counters_.waiting_sides.Set(0);
  }
  if (host_info_ && changes(next.host_info, config_.host_info)) host_info_.reset();
  config_ = next;
  registry_.set_options(std::move(options));
  counters_.active_max.Set(static_cast<double>(registry_.options.series_max));
  if (config_.span_metrics.is_on() && !span_metrics_) {
    span_metrics_.emplace(config_.span_metrics, lookup_, registry_);
  }
  if (config_.service_graphs.is_on && !service_graphs_) {
    service_graphs_.emplace(config_.service_graphs, lookup_, registry_);
  }
  if (config_.host_info.is_on && !host_info_) {
    host_info_.emplace(config_.host_info, lookup_, registry_);
  }
  counters_.has_span_metrics.Set(span_metrics_ ? 1 : 0);
  counters_.has_service_graphs.Set(service_graphs_ ? 1 : 0);
  counters_.has_host_info.Set(host_info_ ? 1 : 0);
}

void Tenant::skip(uint64_t spans) { counters_.behind.Increment(static_cast<double>(spans)); }

bool Tenant::is_empty() const {
  return registry_.active_series == 0 && registry_.departed.empty() &&
         (!service_graphs_ || service_graphs_->sides().size() == 0);
}

void Tenant::take(const Batch& batch, std::span<const uint32_t> skip, int64_t received_ns) {
  if (!config_.has_processors()) return;
  counters_.spans.Increment(static_cast<double>(batch.spans.size()));
  counters_.bytes.Increment(static_cast<double>(batch.body.size()));
  lookup_.begin(batch);
  if (span_metrics_) span_metrics_->begin(batch);
  if (service_graphs_) service_graphs_->begin(batch);
  const int64_t now_ms = received_ns / 1'000'000;
  if (host_info_) host_info_->take(batch, now_ms);
  const auto earliest = static_cast<uint64_t>(received_ns - config_.slack_ns);
  const uint64_t width = 2 * static_cast<uint64_t>(config_.slack_ns);
  uint64_t too_old = 0;
  SpanMetrics::Left left;
  for (size_t i = 0; i < batch.spans.size(); ++i) {
    if (!skip.empty() && skip.front() == i) {
      skip = skip.subspan(1);
      continue;
    }
    const BatchSpan& span = batch.spans[i];
    if (span.end_ns - earliest > width) {
      ++too_old;
      continue;
    }
    prefetch_attributes(batch, span);
    at_hand_.push_back(&span);
    if (at_hand_.size() == kSpansTogether) hand_out(now_ms, left);
  }
  hand_out(now_ms, left);
  if (too_old > 0) counters_.too_old.Increment(static_cast<double>(too_old));
  if (left.filtered > 0) counters_.filtered.Increment(static_cast<double>(left.filtered));
  if (left.invalid_utf8 > 0) {
    counters_.invalid_utf8.Increment(static_cast<double>(left.invalid_utf8));
  }
}

// The spans that were gathered, to each processor.
void Tenant::hand_out(int64_t now_ms, SpanMetrics::Left& left) {
  if (span_metrics_) span_metrics_->take(at_hand_, now_ms, left);
  if (service_graphs_) service_graphs_->take(at_hand_, now_ms);
  at_hand_.clear();
}

void Tenant::tick(int64_t now_ms) {
  if (service_graphs_) service_graphs_->expire_sides(now_ms);
}

void Tenant::collect(std::span<RoundWriter* const> writers, int64_t now_ms) {
  tick(now_ms);  // what expires by now belongs to this round
  const int64_t before_ms = now_ms - registry_.options.stale_ms;
  if (span_metrics_) {
    span_metrics_->expire(before_ms);
    span_metrics_->collect(writers);
  }
  if (service_graphs_) {
    service_graphs_->expire(before_ms);
    service_graphs_->collect(writers);
  }
  if (host_info_) {
    host_info_->expire(before_ms);
    host_info_->collect(writers);
  }
  registry_.forget_departed(now_ms);
  if (!writers.empty()) counters_.collections.Increment();
  show();
}

void Tenant::show() {
  const auto raise = [](Counter& counter, uint64_t to) {
    counter.Increment(static_cast<double>(to) - counter.Value());
  };
  raise(counters_.added, registry_.added);
  raise(counters_.removed, registry_.removed);
  raise(counters_.limited, registry_.limited);
  counters_.active.Set(static_cast<double>(registry_.active_series));
  counters_.demand.Set(span_metrics_ ? static_cast<double>(span_metrics_->bytes()) : 0);
  if (service_graphs_) show_edges();
  const bool is_limited = registry_.limited > shown_limited_;
  shown_limited_ = registry_.limited;
  if (is_limited && !limited_) {
    log::warn("metrics-generator: too many series, new ones go to metric_overflow=\"true\"",
              {{"tenant", options_.tenant},
               {"active_series", registry_.active_series},
               {"max_active_series", registry_.options.series_max}});
  }
  limited_ = is_limited;
}

// What was counted since it was shown last: the next service graphs begin at 0, the counters go on.
void Tenant::show_edges() {
  const ServiceGraphs::Counts& now = service_graphs_->counts();
  const auto add = [](Counter& counter, uint64_t to, uint64_t from) {
    counter.Increment(static_cast<double>(to - from));
  };
  add(counters_.edges, now.edges, shown_edges_.edges);
  add(counters_.expired_edges, now.expired_edges, shown_edges_.expired_edges);
  add(counters_.dropped_spans, now.dropped_spans, shown_edges_.dropped_spans);
  shown_edges_ = now;
  counters_.waiting_sides.Set(static_cast<double>(service_graphs_->sides().size()));
}

}  // namespace vivace::generator
