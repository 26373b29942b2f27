// The part of the configuration that the metrics-generator reads: which processors run, how they
// make series of spans, and where the series are sent. Names are those of the file's keys; what a
// key of `overrides.defaults.metrics_generator` sets has taken the place of the processor's own key
// here.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace vivace::config {

// One step of write_relabel_configs, with Prometheus' defaults.
struct Relabel {
  std::vector<std::string> source_labels = {};
  std::string separator = ";";
  std::string regex = "(.*)";  // anchored
  uint64_t modulus = 0;
  std::string target_label = {};
  std::string replacement = "$1";
  std::string action = "replace";
  bool operator==(const Relabel&) const = default;
};

// Its regular expression as it is matched: against the whole text.
inline std::string anchored(const Relabel& rule) { return "^(?:" + rule.regex + ")$"; }

struct ClientTls {
  std::string ca, ca_file;  // texts and paths of PEM
  std::string cert, cert_file;
  std::string key, key_file;
  std::string server_name;
  bool insecure_skip_verify = false;
  std::string min_version;  // "TLS12", ...; "": the library's
  std::string max_version;
  bool operator==(const ClientTls&) const = default;
};

// One receiver of all series.
struct RemoteWrite {
  std::string name;  // for metrics and logs; unique
  std::string url;
  int64_t remote_timeout_ns = 30'000'000'000;
  std::map<std::string, std::string> headers;
  std::vector<std::pair<std::string, std::string>> more_headers;  // a name may come again
  bool send_exemplars = false;
  bool send_native_histograms = false;
  std::vector<Relabel> relabels;
  std::string username, password;  // basic_auth
  std::string authorization;       // the header's whole value; empty: none
  ClientTls tls;
  bool follow_redirects = true;
  bool enable_http2 = true;
  std::string proxy_url;
  std::string no_proxy;
  bool proxy_from_environment = false;
  std::vector<std::pair<std::string, std::string>> proxy_connect_headers;
  int64_t max_shards = 50;  // requests at once
  int64_t min_shards = 1;
  int64_t max_samples_per_send = 2000;
  int64_t min_backoff_ns = 30'000'000;
  int64_t max_backoff_ns = 5'000'000'000;
  bool retry_on_http_429 = true;  // unlike Prometheus: what is dropped is lost
  int64_t sample_age_limit_ns = 0;
  bool operator==(const RemoteWrite&) const = default;
};

// A value as YAML types it: 200 is not "200".
using PolicyValue = std::variant<std::string, bool, int64_t, double>;

struct PolicyAttribute {
  std::string key;  // kind, name, status, span.<attribute> or resource.<attribute>
  PolicyValue value;
  bool operator==(const PolicyAttribute&) const = default;
};

struct PolicyMatch {
  bool is_regex = false;
  std::vector<PolicyAttribute> attributes;
  bool operator==(const PolicyMatch&) const = default;
};

// What is not set does not decide.
struct FilterPolicy {
  std::optional<PolicyMatch> include;      // all of them
  std::optional<PolicyMatch> include_any;  // one of them
  std::optional<PolicyMatch> exclude;      // not all of them
  bool operator==(const FilterPolicy&) const = default;
};

struct DimensionMapping {
  std::string name;
  std::vector<std::string> source_labels;
  std::string join;
  bool operator==(const DimensionMapping&) const = default;
};

struct SpanMetrics {
  bool calls = false;  // which sub-processors run
  bool latency = false;
  bool size = false;
  std::vector<std::string> dimensions;
  bool service = true;  // intrinsic dimensions
  bool span_name = true;
  bool span_kind = true;
  bool status_code = true;
  bool status_message = false;
  std::vector<DimensionMapping> mappings;
  std::vector<double> histogram_buckets = {0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128,
                                           0.256, 0.512, 1.024, 2.048, 4.096, 8.192, 16.384};
  bool enable_target_info = false;
  std::vector<std::string> target_info_excluded_dimensions;
  bool enable_instance_label = true;
  std::vector<FilterPolicy> filter_policies;
  std::string span_multiplier_key;
  bool duration_seconds_alias = false;  // the histogram under a second name
  bool semconv_aliases = false;         // a dimension matches its older and newer name too

  bool is_on() const { return calls || latency || size; }
  bool operator==(const SpanMetrics&) const = default;
};

struct ServiceGraphs {
  bool is_on = false;
  int64_t wait_ns = 10'000'000'000;
  int64_t max_items = 0;  // 0: bounded by memory
  std::vector<std::string> dimensions;
  std::vector<std::string> peer_attributes = {"peer.service", "db.name", "db.system"};
  std::vector<std::string> database_name_attributes = {"db.namespace", "db.name", "db.system",
                                                       "db.system.name"};
  std::vector<double> histogram_buckets = {0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8};
  bool enable_client_server_prefix = false;
  bool enable_messaging_system_latency_histogram = false;
  bool enable_virtual_node_label = false;
  std::vector<FilterPolicy> filter_policies;
  std::string span_multiplier_key;
  bool operator==(const ServiceGraphs&) const = default;
};

struct HostInfo {
  bool is_on = false;
  std::vector<std::string> host_identifiers = {"k8s.node.name", "host.id"};
  std::string metric_name = "traces_host_info";
  bool operator==(const HostInfo&) const = default;
};

struct Generator {
  std::string path;  // empty: off
  int64_t slack_ns = 30'000'000'000;
  int64_t collection_interval_ns = 15'000'000'000;
  int64_t stale_duration_ns = 900'000'000'000;
  std::map<std::string, std::string> external_labels;
  std::string inject_tenant_id_as;
  int64_t max_label_name_length = 1024;
  int64_t max_label_value_length = 2048;
  bool instance_label = true;                // __metrics_gen_instance
  std::optional<int64_t> max_active_series;  // absent: sized to the memory; 0: no limit
  bool disable_collection = false;
  std::string trace_id_label_name = "traceID";
  bool classic_histograms = true;
  bool native_histograms = false;
  double native_bucket_factor = 1.1;  // more than 1
  int64_t native_buckets_max = 100;
  int64_t native_min_reset_ns = 900'000'000'000;  // 0: never
  std::map<std::string, std::string> remote_write_headers;
  bool add_org_id_header = true;
  int64_t flush_deadline_ns = 60'000'000'000;
  std::vector<RemoteWrite> remote_write;
  SpanMetrics span_metrics;
  ServiceGraphs service_graphs;
  HostInfo host_info;

  bool has_processors() const {
    return span_metrics.is_on() || service_graphs.is_on || host_info.is_on;
  }
  bool operator==(const Generator&) const = default;
};

}  // namespace vivace::config
