// The program's settings: defaults, then the YAML file, then the command line. Every key that Tempo
// 2.7 to 3.0 knows is accepted and type-checked; the fields here are those that something reads.
// Units are last in the names; durations are in ns.
//
// A Config is made once at start and never changes; limits that a tenant may override are read
// through `limits`.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "config/generator.h"

namespace vivace::config {

struct HttpServer {
  std::string http_listen_address;
  uint16_t http_listen_port = 3200;
  std::string grpc_listen_address;
  uint16_t grpc_listen_port = 9095;
  int64_t graceful_shutdown_timeout_ns = 30'000'000'000;
  int64_t http_server_read_timeout_ns = 30'000'000'000;
  int64_t http_server_write_timeout_ns = 30'000'000'000;
  int64_t http_server_idle_timeout_ns = 120'000'000'000;
  int64_t http_listen_conn_limit = 0;  // 0: our own limit
  log::Format log_format = log::Format::logfmt;
  log::Level log_level = log::Level::info;
  std::string http_path_prefix;
};

// Which pages may send from a browser; without origins none may.
struct Cors {
  std::vector<std::string> allowed_origins;  // with at most one * each
  std::vector<std::string> allowed_headers;
  int64_t max_age_s = 0;
};

struct OtlpHttp {
  std::string address = "localhost";  // host part of `endpoint`
  uint16_t port = 4318;
  std::string traces_url_path = "/v1/traces";
  int64_t max_request_body_size_bytes = 20 << 20;  // 0 in the file means this default
  int64_t read_timeout_ns = 0;
  int64_t idle_timeout_ns = 0;
  Cors cors;
  std::vector<std::string> compression_algorithms;      // "" is none; empty list: all
  std::map<std::string, std::string> response_headers;  // names in lower case
};

struct OtlpGrpc {
  std::string address = "localhost";  // host part of `endpoint`
  uint16_t port = 4317;
  int64_t max_recv_msg_size_bytes = 4 << 20;  // 0 in the file means this default
  int64_t max_concurrent_streams = 0;         // 0: our own limit
  int64_t max_connection_idle_ns = 0;         // 0: our own limit
};

struct Distributor {
  std::optional<OtlpHttp> otlp_http;   // absent: no such listener
  std::optional<OtlpGrpc> otlp_grpc;   // likewise
  int64_t max_attribute_bytes = 2048;  // 0: no cut
  int64_t retry_after_on_resource_exhausted_ns = 0;
};

struct Storage {
  std::string backend;     // "local"
  std::string local_path;  // blocks
  std::string wal_path = "/var/tempo/wal";
  int64_t bytes_max = 0;                       // of all data; 0: no bound but the volume
  std::optional<int64_t> free_bytes_min = {};  // none: of the volume's size
};

// When heads become blocks. Memory and the log's size may ask for it earlier.
struct Ingester {
  int64_t max_block_duration_ns = 1'800'000'000'000;
  int64_t max_block_bytes = 500 << 20;             // of memory; 0: no bound but ours
  int64_t flush_check_period_ns = 10'000'000'000;  // how often age and retention are looked at
  int64_t trace_idle_period_ns = 5'000'000'000;    // after which a trace is not live
};

// How blocks are merged.
struct Compactor {
  bool disabled = false;  // retention goes on
  int64_t compaction_window_ns = 3'600'000'000'000;
  int64_t max_compaction_objects = 6'000'000;  // traces of a block
  int64_t max_block_bytes = 100LL << 30;
};

// Per-tenant limits; 0 is off.
struct Limits {
  int64_t rate_limit_bytes = 0;  // a second
  int64_t burst_size_bytes = 0;  // of one moment; with a rate
  bool retry_info_enabled = true;
  int64_t max_traces_per_user = 0;  // live ones
  int64_t max_bytes_per_trace = 0;
  int64_t max_attribute_bytes = 0;  // 0: the distributor's
  int64_t max_bytes_per_tag_values_query = 1'000'000;
  bool operator==(const Limits&) const = default;
};

// Limits of questions; 0 is off.
struct Queries {
  int64_t search_range_max_ns = 0;  // between start and end
  int64_t search_timeout_ns = 30'000'000'000;
  int64_t expression_bytes_max = 128 << 10;
  int64_t memory_bytes_max = 0;  // of all at a time; 0: by the memory of the machine
  int64_t search_traces_default = 20;
  int64_t search_traces_max = 262'144;
  int64_t search_spans_default = 3;  // of a set of spans
  int64_t search_spans_max = 100;
  int64_t metrics_range_max_ns = 0;  // between start and end; 0: no limit
  int64_t metrics_exemplars_max = 100;
  int64_t metrics_intervals_max = 10'000;
  int64_t metrics_series_max = 0;  // of an answer; 0: no limit
};

struct Config {
  std::string target = "all";
  bool stream_over_http_enabled = false;
  bool multitenancy_enabled = false;
  std::string http_api_prefix;
  int64_t shutdown_delay_ns = 0;
  HttpServer server;
  Distributor distributor;
  Storage storage;
  Ingester ingester;
  Compactor compactor;
  Limits limits;
  Queries queries;
  Generator generator;
  int64_t block_retention_ns = 336LL * 3600 * 1'000'000'000;
};

// What the command line asked for.
enum class Action : uint8_t { run, verify, version, help };

class OverridesFile;  // overrides.h

struct Loaded {
  Action action = Action::run;
  Config config;
  std::shared_ptr<const OverridesFile> overrides = {};  // of single tenants; null: none is named
  std::vector<std::string> warnings;  // Tempo's CONFIGURATION WARNINGS: fatal only for `verify`
  std::vector<std::string> inactive;  // sections accepted and without effect in this version
  // `-health`: ask this URL, exit 0 when the answer is 200, else 1; nothing else is to be done.
  std::optional<std::string> health_url;
};

// Reads flags and file. The message holds all that is wrong, a line each, and `exit_code` says how
// the process should end: 2 for a wrong command line, as Go programs do, else 1.
struct LoadError {
  std::string message;
  int exit_code = 1;
};
std::expected<Loaded, LoadError> load(const std::vector<std::string>& arguments);

// The same for a file's text; `path` is for messages. Flags are not applied.
std::expected<Loaded, LoadError> parse(const std::string& text, const std::string& path);

// The settings for a start without a file: data in ./data, receivers on loopback. As YAML, so that
// it can be shown and copied.
std::string_view embedded_default();

// The text that `-help` prints.
std::string usage();

}  // namespace vivace::config
