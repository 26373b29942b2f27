// Which parts of the configuration have an effect in this version. Every key is accepted and
// checked; the start logs one line that names those that do nothing yet. Whoever builds a part
// removes its line here. A line is the beginning of paths; the longest that fits a key counts. See
// apply.h.
#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "base/result.h"
#include "config/apply.h"
#include "config/check.h"
#include "config/schema.h"

namespace vivace::config {
namespace {

enum class State : uint8_t {
  works,
  waits,      // named when it is set
  ignored,    // likewise, also when it is set to its default: what holds is decided elsewhere
  always_on,  // on without being set, and so always named
};

struct Part {
  std::string_view beginning;
  State state;
};

constexpr auto kParts = std::to_array<Part>({
    {"target", State::works},
    {"multitenancy_enabled", State::works},
    {"http_api_prefix", State::works},
    {"shutdown_delay", State::works},
    {"usage_report", State::works},  // the effect is that nothing is sent
    {"server", State::works},
    {"server.grpc", State::always_on},
    {"server.http_listen_network", State::waits},
    {"server.http_log_closed_connections", State::waits},
    {"server.http_path_prefix", State::waits},
    {"server.http_server_read_header_timeout", State::waits},
    {"server.http_server_write_timeout", State::waits},
    {"server.http_tls_config", State::waits},
    {"server.log_request", State::waits},
    {"server.log_source_ips", State::waits},
    {"server.trace_request", State::waits},
    {"server.tls_", State::waits},
    {"server.proxy_protocol_enabled", State::waits},
    {"server.register_instrumentation", State::waits},
    {"server.report_grpc_codes", State::waits},
    {"server.cluster_validation", State::waits},
    {"server.throughput", State::waits},
    {"distributor", State::works},
    {"distributor.receivers.otlp.protocols.grpc.tls", State::waits},
    {"distributor.receivers.otlp.protocols.grpc.auth", State::waits},
    {"distributor.receivers.otlp.protocols.grpc.read_buffer_size", State::waits},
    {"distributor.receivers.otlp.protocols.grpc.write_buffer_size", State::waits},
    {"distributor.receivers.otlp.protocols.grpc.keepalive.server_parameters.max_connection_age",
     State::waits},
    {"distributor.receivers.otlp.protocols.grpc.keepalive.server_parameters.time", State::waits},
    {"distributor.receivers.otlp.protocols.grpc.keepalive.enforcement_policy.", State::waits},
    {"distributor.receivers.otlp.protocols.http.tls", State::waits},
    {"distributor.receivers.otlp.protocols.http.auth", State::waits},
    {"distributor.receivers.jaeger", State::waits},
    {"distributor.receivers.zipkin", State::waits},
    {"distributor.artificial_delay", State::waits},
    {"distributor.log_received_spans", State::waits},
    {"distributor.log_discarded_spans", State::waits},
    {"distributor.metric_received_spans", State::waits},
    {"distributor.forwarders", State::waits},
    {"distributor.usage", State::waits},
    {"distributor.extend_writes", State::waits},
    {"distributor.override_ring_key", State::waits},
    {"distributor.ring", State::waits},
    {"distributor.kafka", State::waits},
    {"distributor.ingester_write_path", State::waits},
    {"storage", State::works},
    {"storage.trace.block.", State::waits},
    {"storage.trace.blocklist_poll", State::waits},
    {"storage.trace.search", State::waits},
    {"storage.trace.pool", State::waits},
    {"storage.trace.empty_tenant_deletion", State::waits},
    {"storage.trace.cache", State::waits},
    {"storage.trace.background_cache", State::waits},
    {"storage.trace.memcached", State::waits},
    {"storage.trace.redis", State::waits},
    {"storage.trace.s3", State::waits},
    {"storage.trace.gcs", State::waits},
    {"storage.trace.azure", State::waits},
    {"overrides", State::works},
    {"overrides.user_configurable_overrides", State::waits},
    {"overrides.defaults.ingestion.", State::waits},
    {"overrides.defaults.ingestion.max_attribute_bytes", State::works},
    {"overrides.defaults.ingestion.rate_", State::works},  // one process: the strategies are one
    {"overrides.defaults.ingestion.burst_size_bytes", State::works},
    {"overrides.defaults.ingestion.retry_info_enabled", State::works},
    {"overrides.defaults.ingestion.max_traces_per_user", State::works},
    {"overrides.defaults.read", State::waits},
    {"overrides.defaults.read.max_bytes_per_tag_values_query", State::works},
    {"overrides.defaults.read.max_search_duration", State::works},
    {"overrides.defaults.read.max_metrics_duration", State::works},
    {"overrides.defaults.compaction", State::waits},
    {"overrides.defaults.compaction.block_retention", State::works},
    {"overrides.defaults.storage", State::waits},
    {"overrides.defaults.forwarders", State::waits},
    {"overrides.defaults.cost_attribution", State::waits},
    {"overrides.defaults.metrics_generator", State::works},
    {"overrides.defaults.metrics_generator.forwarder", State::waits},
    {"overrides.defaults.metrics_generator.ring_size", State::waits},
    {"overrides.defaults.metrics_generator.max_active_entities", State::waits},
    {"overrides.defaults.metrics_generator.max_cardinality_per_label", State::waits},
    {"overrides.defaults.metrics_generator.span_name_sanitization", State::waits},
    {"overrides.defaults.metrics_generator.processor.service_graphs.enable_tracestate",
     State::waits},
    {"overrides.defaults.metrics_generator.processor.span_metrics.enable_tracestate", State::waits},
    {"compactor", State::waits},
    {"compactor.disabled", State::works},
    {"compactor.compaction.block_retention", State::works},
    {"compactor.compaction.compaction_window", State::works},
    {"compactor.compaction.max_compaction_objects", State::works},
    {"compactor.compaction.max_block_bytes", State::works},
    {"ingester", State::waits},
    {"ingester.max_block_duration", State::works},
    {"ingester.max_block_bytes", State::works},
    {"ingester.flush_check_period", State::works},
    {"ingester.trace_idle_period", State::works},
    {"querier", State::waits},
    {"querier.search.query_timeout", State::works},
    {"query_frontend", State::waits},
    {"query_frontend.max_query_expression_size_bytes", State::works},
    {"query_frontend.max_query_memory_bytes", State::works},
    {"query_frontend.search.max_duration", State::works},
    {"query_frontend.search.default_result_limit", State::works},
    {"query_frontend.search.max_result_limit", State::works},
    {"query_frontend.search.default_spans_per_span_set", State::works},
    {"query_frontend.search.max_spans_per_span_set", State::works},
    {"query_frontend.metrics.max_duration", State::works},
    {"query_frontend.metrics.max_exemplars", State::works},
    {"query_frontend.metrics.max_intervals", State::works},
    {"query_frontend.metrics.max_response_series", State::works},
    {"metrics_generator", State::works},
    {"metrics_generator.storage.wal", State::waits},
    {"metrics_generator.storage.remote_write.round_robin_dns", State::waits},
    {"metrics_generator.storage.remote_write.protobuf_message", State::waits},
    {"metrics_generator.storage.remote_write.send_native_histograms", State::ignored},
    {"metrics_generator.storage.remote_write.oauth2", State::waits},
    {"metrics_generator.storage.remote_write.sigv4", State::waits},
    {"metrics_generator.storage.remote_write.azuread", State::waits},
    {"metrics_generator.storage.remote_write.google_iam", State::waits},
    {"metrics_generator.storage.remote_write.queue_config.capacity", State::waits},
    {"metrics_generator.storage.remote_write.queue_config.batch_send_deadline", State::waits},
    {"metrics_generator.storage.remote_write.metadata_config", State::waits},
    {"metrics_generator.processor.span_metrics.histogram_override", State::waits},
    {"metrics_generator.processor.span_metrics.enable_tracestate", State::waits},
    {"metrics_generator.processor.span_metrics.subprocessors", State::waits},
    {"metrics_generator.processor.service_graphs.histogram_override", State::waits},
    {"metrics_generator.processor.service_graphs.enable_tracestate", State::waits},
    {"metrics_generator.processor.service_graphs.workers", State::waits},
    {"metrics_generator.query_timeout", State::waits},
    {"metrics_generator.limiter_type", State::waits},
    {"metrics_generator.codec", State::waits},
    {"metrics_generator.disable_grpc", State::waits},
    {"metrics_generator.ring", State::waits},
    {"metrics_generator.override_ring_key", State::waits},
    {"metrics_generator.instance_id", State::waits},
    {"metrics_generator.ingest_concurrency", State::waits},
    {"metrics_generator.leave_consumer_group_on_shutdown", State::waits},
    {"internal_server", State::waits},
    {"stream_over_http_enabled", State::waits},
    {"enable_go_runtime_metrics", State::waits},
    {"memory", State::waits},
    {"cache", State::waits},
    {"memberlist", State::waits},
    {"ingester_client", State::waits},
    {"metrics_generator_client", State::waits},
    {"live_store_client", State::waits},
    {"backend_scheduler_client", State::waits},
    {"partition_ring_live_store", State::waits},
    {"ingest", State::waits},
    {"block_builder", State::waits},
    {"live_store", State::waits},
    {"backend_scheduler", State::waits},
    {"backend_worker", State::waits},
});

std::string_view name_of(const Part& part) {
  return part.beginning.substr(0, part.beginning.find_last_not_of("._") + 1);
}

// `distributor.receivers.otlp/a.protocols` is judged as `distributor.receivers.otlp.protocols`, an
// element of a list (`remote_write[1].oauth2`) as if it were alone.
std::string without_suffix(std::string path) {
  while (true) {
    const size_t open = path.find('[');
    if (open == path.npos) break;
    path.erase(open, path.find(']', open) + 1 - open);
  }
  const size_t slash = path.find('/');
  if (slash != path.npos) path.erase(slash, path.find('.', slash) - slash);
  return path;
}

const Part& part_of(std::string_view path) {
  const Part* best = nullptr;
  for (const Part& part : kParts) {
    if (!path.starts_with(part.beginning)) continue;
    if (best == nullptr || part.beginning.size() > best->beginning.size()) best = &part;
  }
  ASSERT(best != nullptr);
  return *best;
}

// A section asks for something by its keys, but a receiver is on by being named; a switch that is
// set to what holds anyway asks for nothing.
bool asks_for_something(const std::string& path, const Setting& setting) {
  const Field* const field = find_field(path);
  ASSERT(field != nullptr);
  if (field->type == Type::section) return path.starts_with("distributor.receivers.");
  if (const bool* const on = std::get_if<bool>(&setting.value)) {
    return *on != (field->default_text == "true");
  }
  return field->default_text.empty() || setting.value != default_value(*field);
}

// One OTLP listener a protocol is served: the first by name, as apply.cc takes it.
std::vector<std::string> further_listeners(const Settings& settings) {
  std::vector<std::string> paths;
  for (const char* protocol : {"grpc", "http"}) {
    bool first = true;
    for (const std::string& name : settings.children("distributor.receivers")) {
      const std::string path = "distributor.receivers." + name + ".protocols." + protocol;
      if (!name.starts_with("otlp") || !settings.has(path)) continue;
      if (!std::exchange(first, false)) paths.push_back(path);
    }
  }
  return paths;
}

}  // namespace

std::vector<std::string> inactive(const Settings& settings) {
  std::set<std::string_view> asked;
  for (const auto& [path, setting] : settings.entries()) {
    const Part& part = part_of(without_suffix(path));
    const bool is_named = part.state == State::ignored ||
                          (part.state == State::waits && asks_for_something(path, setting));
    if (is_named) asked.insert(part.beginning);
  }
  std::vector<std::string> names = further_listeners(settings);
  for (const Part& part : kParts) {
    if (part.state == State::always_on || asked.contains(part.beginning)) {
      names.emplace_back(name_of(part));
    }
  }
  return names;
}

}  // namespace vivace::config
