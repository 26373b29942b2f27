// metrics_generator and overrides.defaults.metrics_generator: what an override sets takes the place
// of the processor's own key. Mistakes that would only show when the first span comes (a pattern,
// an unknown processor) are told at start. See apply.h.
#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <re2/re2.h>

#include "config/apply.h"
#include "config/fields.h"
#include "config/nearest.h"

namespace vivace::config {
namespace {

constexpr std::string_view kOverrides = "overrides.defaults.metrics_generator";
constexpr std::string_view kSection = "metrics_generator";

class Filler : private FieldReader {
 public:
  Filler(const Settings& settings, Problems& problems) : FieldReader(settings, problems) {}

  Generator run() {
    processors();
    general();
    registry();
    span_metrics();
    service_graphs();
    host_info();
    to_.remote_write = to_receivers(settings_, problems_);
    return std::move(to_);
  }

 private:
  void processors() {
    constexpr auto kProcessors = std::to_array<std::string_view>(
        {"span-metrics", "span-metrics-latency", "span-metrics-count", "span-metrics-size",
         "service-graphs", "local-blocks", "host-info"});
    const std::string path = fmt::format("{}.processors", kOverrides);
    for (const std::string& name : settings_.texts(path)) {
      const bool all = name == "span-metrics";
      to_.span_metrics.calls |= all || name == "span-metrics-count";
      to_.span_metrics.latency |= all || name == "span-metrics-latency";
      to_.span_metrics.size |= all || name == "span-metrics-size";
      to_.service_graphs.is_on |= name == "service-graphs";
      to_.host_info.is_on |= name == "host-info";
      if (std::ranges::find(kProcessors, name) != kProcessors.end()) continue;
      wrong(path, fmt::format("unknown processor {}{}", name, hint(nearest(name, kProcessors))));
    }
  }

  void general() {
    to_.path = settings_.text("metrics_generator.storage.path");
    to_.slack_ns = not_negative("metrics_generator.metrics_ingestion_time_range_slack");
    const int64_t slack_ns = not_negative(over("ingestion_time_range_slack"));
    if (slack_ns > 0) to_.slack_ns = slack_ns;
    to_.disable_collection = settings_.boolean(over("disable_collection"));
    const std::string label = settings_.text(over("trace_id_label_name"));
    if (!label.empty()) to_.trace_id_label_name = label;
    native_histograms();
    to_.remote_write_headers = settings_.map(over("remote_write_headers"));
    check_headers(settings_, over("remote_write_headers"), to_.remote_write_headers, problems_);
    to_.add_org_id_header =
        settings_.boolean("metrics_generator.storage.remote_write_add_org_id_header");
    to_.flush_deadline_ns = not_negative("metrics_generator.storage.remote_write_flush_deadline");
  }

  void native_histograms() {
    const std::string form = settings_.text(over("generate_native_histograms"));
    to_.native_histograms = form == "native" || form == "both";
    to_.classic_histograms = form != "native";
    const std::string factor = over("native_histogram_bucket_factor");
    to_.native_bucket_factor = settings_.number(factor);
    if (!(to_.native_bucket_factor > 1)) wrong(factor, "must be greater than 1");
    const std::string buckets = over("native_histogram_max_bucket_number");
    to_.native_buckets_max = positive(buckets);
    constexpr int64_t kBucketsMax = 1000;
    if (to_.native_buckets_max > kBucketsMax) {
      wrong(buckets,
            fmt::format("at most {}: each histogram takes 16 bytes a bucket", kBucketsMax));
    }
    to_.native_min_reset_ns = not_negative(over("native_histogram_min_reset_duration"));
  }

  void registry() {
    const std::string path = "metrics_generator.registry.";
    to_.collection_interval_ns = positive(path + "collection_interval");
    const int64_t override = not_negative(over("collection_interval"));
    if (override > 0) to_.collection_interval_ns = override;
    to_.stale_duration_ns = positive(path + "stale_duration");
    to_.external_labels = settings_.map(path + "external_labels");
    to_.inject_tenant_id_as = settings_.text(path + "inject_tenant_id_as");
    to_.max_label_name_length = positive(path + "max_label_name_length");
    to_.max_label_value_length = positive(path + "max_label_value_length");
    to_.instance_label = settings_.boolean(path + "instance_label");
    if (settings_.has(over("max_active_series"))) {
      to_.max_active_series = not_negative(over("max_active_series"));
    }
  }

  void span_metrics() {
    SpanMetrics& to = to_.span_metrics;
    const std::string name = "span_metrics";
    to.dimensions = settings_.texts(either(name, "dimensions"));
    intrinsic(to.service, "service");
    intrinsic(to.span_name, "span_name");
    intrinsic(to.span_kind, "span_kind");
    intrinsic(to.status_code, "status_code");
    intrinsic(to.status_message, "status_message");
    mappings(either(name, "dimension_mappings"));
    buckets(either(name, "histogram_buckets"), to.histogram_buckets);
    to.enable_target_info = settings_.boolean(either(name, "enable_target_info"));
    to.target_info_excluded_dimensions =
        settings_.texts(either(name, "target_info_excluded_dimensions"));
    to.enable_instance_label =
        settings_.has(processor_override(name, "enable_instance_label"))
            ? settings_.boolean(processor_override(name, "enable_instance_label"))
            : settings_.boolean(processor(name, "enable_instance_label"));
    to.filter_policies = policies(either(name, "filter_policies"));
    to.span_multiplier_key = settings_.text(either(name, "span_multiplier_key"));
    to.duration_seconds_alias = settings_.boolean(processor(name, "duration_seconds_alias"));
    to.semconv_aliases = settings_.boolean(processor(name, "semconv_aliases"));
  }

  void service_graphs() {
    ServiceGraphs& to = to_.service_graphs;
    const std::string name = "service_graphs";
    to.wait_ns = not_negative(processor(name, "wait"));
    // A limit that protects Tempo from itself: bytes are what counts unless it is set.
    if (settings_.has(processor(name, "max_items"))) {
      to.max_items = not_negative(processor(name, "max_items"));
    }
    to.dimensions = settings_.texts(either(name, "dimensions"));
    to.peer_attributes = settings_.texts(either(name, "peer_attributes"));
    to.database_name_attributes = settings_.texts(processor(name, "database_name_attributes"));
    buckets(either(name, "histogram_buckets"), to.histogram_buckets);
    to.enable_client_server_prefix = settings_.boolean(either(name, "enable_client_server_prefix"));
    to.enable_messaging_system_latency_histogram =
        settings_.boolean(either(name, "enable_messaging_system_latency_histogram"));
    to.enable_virtual_node_label = settings_.boolean(either(name, "enable_virtual_node_label"));
    to.filter_policies = policies(either(name, "filter_policies"));
    to.span_multiplier_key = settings_.text(either(name, "span_multiplier_key"));
  }

  void host_info() {
    to_.host_info.host_identifiers = settings_.texts(either("host_info", "host_identifiers"));
    to_.host_info.metric_name = settings_.text(either("host_info", "metric_name"));
  }

  void intrinsic(bool& to, const std::string& name) {
    to = settings_.boolean(processor("span_metrics", "intrinsic_dimensions." + name));
    const std::string path = processor_override("span_metrics", "intrinsic_dimensions." + name);
    if (settings_.has(path)) to = settings_.boolean(path);
  }

  void mappings(const std::string& path) {
    for (size_t i = 0; settings_.has(fmt::format("{}[{}]", path, i)); ++i) {
      const std::string one = fmt::format("{}[{}].", path, i);
      to_.span_metrics.mappings.push_back({.name = settings_.text(one + "name"),
                                           .source_labels = settings_.texts(one + "source_labels"),
                                           .join = settings_.text(one + "join")});
      if (to_.span_metrics.mappings.back().name.empty()) {
        wrong(fmt::format("{}[{}]", path, i), "a mapping needs a name");
      }
    }
  }

  void buckets(const std::string& path, std::vector<double>& to) {
    std::vector<double> set = settings_.numbers(path);
    if (set.empty()) return;
    std::ranges::sort(set);
    const auto twice = std::ranges::unique(set);
    set.erase(twice.begin(), twice.end());
    to = std::move(set);
  }

  std::vector<FilterPolicy> policies(const std::string& path) {
    std::vector<FilterPolicy> out;
    for (size_t i = 0; settings_.has(fmt::format("{}[{}]", path, i)); ++i) {
      const std::string one = fmt::format("{}[{}].", path, i);
      FilterPolicy& to = out.emplace_back();
      if (settings_.has(one + "include")) to.include = match(one + "include");
      if (settings_.has(one + "include_any")) to.include_any = match(one + "include_any");
      if (settings_.has(one + "exclude")) to.exclude = match(one + "exclude");
    }
    return out;
  }

  PolicyMatch match(const std::string& path) {
    PolicyMatch to;
    to.is_regex = settings_.text(path + ".match_type") == "regex";
    for (size_t i = 0; settings_.has(fmt::format("{}.attributes[{}]", path, i)); ++i) {
      const std::string one = fmt::format("{}.attributes[{}]", path, i);
      const std::string key = settings_.text(one + ".key");
      const bool is_intrinsic = key == "kind" || key == "name" || key == "status";
      if (!is_intrinsic && !key.starts_with("span.") && !key.starts_with("resource.")) {
        wrong(one + ".key", fmt::format("\"{}\": expected kind, name, status, span.<attribute> or "
                                        "resource.<attribute>",
                                        key));
      }
      const Setting* const value = settings_.find(one + ".value");
      PolicyAttribute& attribute = to.attributes.emplace_back();
      attribute.key = key;
      if (value == nullptr) {
        wrong(one, "a value is missing");
      } else {
        attribute.value = typed(value->value);
      }
      if (to.is_regex && !std::holds_alternative<std::string>(attribute.value)) {
        wrong(one + ".value", "a regular expression must be a string; quote it");
      } else if (to.is_regex) {
        const re2::RE2 regex(std::get<std::string>(attribute.value), re2::RE2::Quiet);
        if (!regex.ok()) wrong(one + ".value", regex.error());
      }
    }
    return to;
  }

  static PolicyValue typed(const Value& value) {
    if (const auto* boolean = std::get_if<bool>(&value)) return *boolean;
    if (const auto* integer = std::get_if<int64_t>(&value)) return *integer;
    if (const auto* real = std::get_if<double>(&value)) return *real;
    const auto* text = std::get_if<std::string>(&value);
    return text == nullptr ? std::string() : *text;
  }

  // ------------------------------------------------------------------------------------ paths

  static std::string over(const std::string& key) { return fmt::format("{}.{}", kOverrides, key); }
  static std::string processor(const std::string& name, const std::string& key) {
    return fmt::format("{}.processor.{}.{}", kSection, name, key);
  }
  static std::string processor_override(const std::string& name, const std::string& key) {
    return fmt::format("{}.processor.{}.{}", kOverrides, name, key);
  }
  // The override if it is set (a list of sections: if it has an element), else the processor's.
  std::string either(const std::string& name, const std::string& key) const {
    const std::string path = processor_override(name, key);
    return settings_.has(path) || settings_.has(path + "[0]") ? path : processor(name, key);
  }

  Generator to_;
};

}  // namespace

Generator to_generator(const Settings& settings, Problems& problems) {
  return Filler(settings, problems).run();
}

}  // namespace vivace::config
