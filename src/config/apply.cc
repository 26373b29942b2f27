// One line a field: Config is filled from the settings here and nowhere else. The checks beside it
// are those whose answer is an error; those that only warn are in warnings.cc. See apply.h.
#include "config/apply.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "config/fields.h"
#include "config/values.h"

namespace vivace::config {
namespace {

constexpr int64_t kBodyBytesDefault = 20 << 20;
constexpr int64_t kMessageBytesDefault = 4 << 20;
constexpr int64_t kRateBytesDefault = 15'000'000;
constexpr int64_t kBurstBytesDefault = 20'000'000;
constexpr int64_t kQueryMemoryBytesMin = 1 << 20;
constexpr int64_t kMessageMibMax = 4095;  // a gRPC frame's length has 32 bits
constexpr std::string_view kReceivers = "distributor.receivers";

// RFC 9110, 5.6.2.
bool is_header_character(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
         std::string_view("!#$%&'*+-.^_`|~").contains(c);
}

bool is_control_character(char c) { return (c >= 0 && c < ' ' && c != '\t') || c == '\x7f'; }

class Filler : private FieldReader {
 public:
  Filler(const Settings& settings, Problems& problems) : FieldReader(settings, problems) {}

  Config run() {
    general();
    server();
    distributor();
    storage();
    ingester();
    compactor();
    limits();
    queries();
    config_.generator = to_generator(settings_, problems_);
    return std::move(config_);
  }

 private:
  void general() {
    config_.target = settings_.text("target");
    if (config_.target != "all" && config_.target != "scalable-single-binary") {
      wrong("target", fmt::format("\"{}\" does not run on its own, all parts are one process; "
                                  "remove it or set it to \"all\"",
                                  config_.target));
    }
    config_.stream_over_http_enabled = settings_.boolean("stream_over_http_enabled");
    config_.multitenancy_enabled = settings_.boolean("multitenancy_enabled");
    config_.http_api_prefix = settings_.text("http_api_prefix");
    config_.shutdown_delay_ns = not_negative("shutdown_delay");
  }

  void server() {
    HttpServer& to = config_.server;
    to.http_listen_address = settings_.text("server.http_listen_address");
    to.http_listen_port = static_cast<uint16_t>(settings_.integer("server.http_listen_port"));
    to.grpc_listen_address = settings_.text("server.grpc_listen_address");
    to.grpc_listen_port = static_cast<uint16_t>(settings_.integer("server.grpc_listen_port"));
    to.graceful_shutdown_timeout_ns = not_negative("server.graceful_shutdown_timeout");
    to.http_server_read_timeout_ns = timeout("server.http_server_read_timeout");
    to.http_server_write_timeout_ns = timeout("server.http_server_write_timeout");
    to.http_server_idle_timeout_ns = timeout("server.http_server_idle_timeout");
    to.http_listen_conn_limit = not_negative("server.http_listen_conn_limit");
    to.http_path_prefix = settings_.text("server.http_path_prefix");
    const bool json = settings_.text("server.log_format") == "json";
    to.log_format = json ? log::Format::json : log::Format::logfmt;
    to.log_level = level(settings_.text("server.log_level"));
  }

  void distributor() {
    Distributor& to = config_.distributor;
    to.max_attribute_bytes = settings_.integer("distributor.max_attribute_bytes");
    to.retry_after_on_resource_exhausted_ns =
        not_negative("distributor.retry_after_on_resource_exhausted");
    for (const std::string& name : settings_.children(kReceivers)) {
      receiver(name, fmt::format("{}.{}", kReceivers, name));
    }
  }

  void receiver(const std::string& name, const std::string& path) {
    const std::string_view kind = std::string_view(name).substr(0, name.find('/'));
    if (kind == "kafka" || kind == "opencensus") {
      wrong(path, "this receiver is not supported in this version; remove it");
    }
    if (kind != "otlp" && kind != "jaeger") return;
    if (settings_.children(path + ".protocols").empty()) {
      wrong(path, "no protocol is on; name at least one under \"protocols\"");
    }
    const std::string http = path + ".protocols.http";
    const bool first = !config_.distributor.otlp_http;
    if (kind == "otlp" && first && settings_.has(http)) {
      config_.distributor.otlp_http = otlp_http(http);
    }
    const std::string grpc = path + ".protocols.grpc";
    const bool first_grpc = !config_.distributor.otlp_grpc;
    if (kind == "otlp" && first_grpc && settings_.has(grpc)) {
      config_.distributor.otlp_grpc = otlp_grpc(grpc);
    }
  }

  OtlpGrpc otlp_grpc(const std::string& path) {
    OtlpGrpc to;
    const auto address = parse_address(settings_.text(path + ".endpoint"));
    to.address = address->host;  // the schema lets no other text in
    to.port = address->port;
    if (settings_.text(path + ".transport") != "tcp") {
      wrong(path + ".transport", "only \"tcp\" is supported in this version");
    }
    const int64_t mib = not_negative(path + ".max_recv_msg_size_mib");
    if (mib > kMessageMibMax) {
      wrong(path + ".max_recv_msg_size_mib", fmt::format("at most {}", kMessageMibMax));
    }
    to.max_recv_msg_size_bytes = mib == 0 ? kMessageBytesDefault : mib << 20;
    to.max_concurrent_streams = not_negative(path + ".max_concurrent_streams");
    to.max_connection_idle_ns = timeout(path + ".keepalive.server_parameters.max_connection_idle");
    return to;
  }

  OtlpHttp otlp_http(const std::string& path) {
    OtlpHttp to;
    const auto address = parse_address(settings_.text(path + ".endpoint"));
    to.address = address->host;  // the schema lets no other text in
    to.port = address->port;
    to.traces_url_path = settings_.text(path + ".traces_url_path");
    if (to.traces_url_path.empty()) to.traces_url_path = "/v1/traces";
    if (!to.traces_url_path.starts_with('/')) to.traces_url_path.insert(0, "/");
    const int64_t body_bytes = settings_.integer(path + ".max_request_body_size");
    to.max_request_body_size_bytes = body_bytes == 0 ? kBodyBytesDefault : body_bytes;
    to.read_timeout_ns = timeout(path + ".read_timeout");
    to.idle_timeout_ns = timeout(path + ".idle_timeout");
    to.cors.allowed_origins = settings_.texts(path + ".cors.allowed_origins");
    to.cors.allowed_headers = settings_.texts(path + ".cors.allowed_headers");
    to.cors.max_age_s = not_negative(path + ".cors.max_age");
    to.compression_algorithms = compression_algorithms(path + ".compression_algorithms");
    to.response_headers = response_headers(path + ".response_headers");
    return to;
  }

  Texts compression_algorithms(const std::string& path) {
    constexpr auto kKnown =
        std::to_array<std::string_view>({"", "gzip", "zstd", "zlib", "deflate", "snappy", "lz4"});
    Texts names = settings_.texts(path);
    for (const std::string& name : names) {
      if (std::ranges::find(kKnown, name) != kKnown.end()) continue;
      wrong(path, fmt::format("unknown algorithm \"{}\"; known are gzip, zstd, zlib, deflate, "
                              "snappy, lz4 and \"\" for bodies that are not compressed",
                              name));
    }
    return names;
  }

  // Names in lower case, as HTTP/2 wants them.
  TextMap response_headers(const std::string& path) {
    constexpr auto kOurs = std::to_array<std::string_view>(
        {"connection", "content-length", "date", "keep-alive", "trailer", "transfer-encoding"});
    TextMap out;
    for (const auto& [name, value] : settings_.map(path)) {
      std::string lower;
      for (const char c : name) lower += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
      if (lower.empty() || !std::ranges::all_of(lower, is_header_character)) {
        wrong(path, fmt::format("\"{}\" is not the name of a header", name));
      } else if (std::ranges::find(kOurs, lower) != kOurs.end()) {
        wrong(path, fmt::format("the server sets \"{}\" itself", name));
      } else if (std::ranges::any_of(value, is_control_character)) {
        wrong(path, fmt::format("the value of \"{}\" holds a control character", name));
      }
      out.emplace(std::move(lower), value);
    }
    return out;
  }

  void storage() {
    Storage& to = config_.storage;
    constexpr std::string_view kBackend = "storage.trace.backend";
    to.backend = settings_.text(kBackend);
    to.local_path = settings_.text("storage.trace.local.path");
    to.wal_path = settings_.text("storage.trace.wal.path");
    constexpr std::string_view kFreeMin = "storage.trace.local.min_free_bytes";
    to.bytes_max = settings_.integer("storage.trace.local.max_bytes");
    if (settings_.has(kFreeMin)) to.free_bytes_min = settings_.integer(kFreeMin);
    if (to.backend == "s3" || to.backend == "gcs" || to.backend == "azure") {
      return wrong(kBackend, fmt::format("\"{}\" is not supported in this version; use \"local\"",
                                         to.backend));
    }
    if (to.backend != "local") {
      return wrong(kBackend, fmt::format("unknown backend \"{}\"; use \"local\"", to.backend));
    }
    if (to.local_path.empty()) {
      wrong("storage.trace.local.path", "required: the directory of the blocks");
    }
    if (to.wal_path.empty()) {
      wrong("storage.trace.wal.path", "required: the directory of the write-ahead log");
    }
  }

  void ingester() {
    config_.ingester = {.max_block_duration_ns = positive("ingester.max_block_duration"),
                        .max_block_bytes = not_negative("ingester.max_block_bytes"),
                        .flush_check_period_ns = positive("ingester.flush_check_period"),
                        .trace_idle_period_ns = not_negative("ingester.trace_idle_period")};
  }

  void compactor() {
    config_.compactor = {
        .disabled = settings_.boolean("compactor.disabled"),
        .compaction_window_ns = positive("compactor.compaction.compaction_window"),
        .max_compaction_objects = positive("compactor.compaction.max_compaction_objects"),
        .max_block_bytes = positive("compactor.compaction.max_block_bytes")};
  }

  void limits() {
    const std::string_view retention = "compactor.compaction.block_retention";
    const std::string_view for_tenants = "overrides.defaults.compaction.block_retention";
    config_.limits.max_bytes_per_trace =
        settings_.integer("overrides.defaults.global.max_bytes_per_trace");
    config_.limits.max_attribute_bytes =
        settings_.integer("overrides.defaults.ingestion.max_attribute_bytes");
    rate_limit();
    config_.limits.max_traces_per_user =
        not_negative("overrides.defaults.ingestion.max_traces_per_user");
    config_.block_retention_ns = not_negative(retention);
    if (settings_.integer(retention) == 0) {
      wrong(retention,
            "0 would delete every block as soon as it is finished; "
            "set how long traces are kept, such as 168h");
    }
    if (const int64_t override = not_negative(for_tenants); override > 0) {
      config_.block_retention_ns = override;
    }
  }

  // On once either key is set; the other one then has Tempo's default.
  void rate_limit() {
    const std::string_view rate = "overrides.defaults.ingestion.rate_limit_bytes";
    const std::string_view burst = "overrides.defaults.ingestion.burst_size_bytes";
    Limits& to = config_.limits;
    if (settings_.has(rate) || settings_.has(burst)) {
      to.rate_limit_bytes = settings_.has(rate) ? not_negative(rate) : kRateBytesDefault;
      to.burst_size_bytes = settings_.has(burst) ? not_negative(burst) : kBurstBytesDefault;
      if (to.rate_limit_bytes > 0 && to.burst_size_bytes == 0) {
        wrong(burst, "0 would refuse every request; set it, or set rate_limit_bytes to 0");
      }
    }
    to.retry_info_enabled = settings_.boolean("overrides.defaults.ingestion.retry_info_enabled");
  }

  void queries() {
    Queries& to = config_.queries;
    config_.limits.max_bytes_per_tag_values_query =
        settings_.integer("overrides.defaults.read.max_bytes_per_tag_values_query");
    // A limit that protects Tempo from itself: off unless it is set.
    const std::string_view range = "query_frontend.search.max_duration";
    if (settings_.has(range)) to.search_range_max_ns = not_negative(range);
    if (const int64_t override = not_negative("overrides.defaults.read.max_search_duration");
        override > 0) {
      to.search_range_max_ns = override;
    }
    to.search_timeout_ns = not_negative("querier.search.query_timeout");
    to.expression_bytes_max = settings_.integer("query_frontend.max_query_expression_size_bytes");
    const std::string_view memory = "query_frontend.max_query_memory_bytes";
    to.memory_bytes_max = not_negative(memory);
    if (to.memory_bytes_max > 0 && to.memory_bytes_max < kQueryMemoryBytesMin) {
      wrong(memory, "at least 1 MiB, or 0 for an eighth of the memory there is");
    }
    to.search_traces_default = not_negative("query_frontend.search.default_result_limit");
    // The default of 2.10: an answer is held in memory.
    const std::string_view traces_max = "query_frontend.search.max_result_limit";
    if (settings_.has(traces_max)) to.search_traces_max = not_negative(traces_max);
    to.search_spans_default = not_negative("query_frontend.search.default_spans_per_span_set");
    to.search_spans_max = not_negative("query_frontend.search.max_spans_per_span_set");
    metrics_queries(to);
  }

  void metrics_queries(Queries& to) {
    const std::string_view range = "query_frontend.metrics.max_duration";
    if (settings_.has(range)) to.metrics_range_max_ns = not_negative(range);
    if (const int64_t override = not_negative("overrides.defaults.read.max_metrics_duration");
        override > 0) {
      to.metrics_range_max_ns = override;
    }
    to.metrics_exemplars_max = not_negative("query_frontend.metrics.max_exemplars");
    to.metrics_intervals_max = positive("query_frontend.metrics.max_intervals");
    to.metrics_series_max = not_negative("query_frontend.metrics.max_response_series");
  }

  static log::Level level(std::string_view name) {
    if (name == "debug") return log::Level::debug;
    if (name == "warn") return log::Level::warn;
    return name == "error" ? log::Level::error : log::Level::info;
  }

  // Go servers take a negative timeout for none.
  int64_t timeout(std::string_view path) const {
    return std::max<int64_t>(0, settings_.integer(path));
  }

  Config config_;
};

}  // namespace

void imply_receivers(Settings& settings) {
  if (!settings.children(kReceivers).empty()) return;
  settings.imply("distributor.receivers.jaeger.protocols.grpc");
  settings.imply("distributor.receivers.jaeger.protocols.thrift_http");
  settings.imply("distributor.receivers.otlp.protocols.grpc");
}

Config to_config(const Settings& settings, Problems& problems) {
  return Filler(settings, problems).run();
}

}  // namespace vivace::config
