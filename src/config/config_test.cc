// Whole files: the settings that come out.
#include "config/config.h"

#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/config_testing.h"

namespace vivace::config {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;
using testing::Pair;

TEST(Config, MergingOfBlocks) {
  const Compactor plain = good(kStorage).config.compactor;
  EXPECT_FALSE(plain.disabled);
  EXPECT_EQ(plain.compaction_window_ns, kHour);
  const Compactor set = with(
                            "compactor: {disabled: true, compaction: {compaction_window: 2h, "
                            "max_compaction_objects: 7, max_block_bytes: 1000}}")
                            .config.compactor;
  EXPECT_TRUE(set.disabled);
  EXPECT_EQ(set.compaction_window_ns, 2 * kHour);
  EXPECT_EQ(set.max_compaction_objects, 7);
  EXPECT_EQ(set.max_block_bytes, 1000);
}

TEST(Config, BoundsOfTheDiskAreRead) {
  const auto with = [](const std::string& keys) {
    return good("storage: {trace: {backend: local, local: {path: a" + keys + "}}}").config.storage;
  };
  EXPECT_EQ(with("").bytes_max, 0);
  EXPECT_EQ(with("").free_bytes_min, std::nullopt);
  EXPECT_EQ(with(", max_bytes: 8GiB, min_free_bytes: 100MiB").bytes_max, int64_t{8} << 30);
  EXPECT_EQ(with(", max_bytes: 8GiB, min_free_bytes: 100MiB").free_bytes_min, 100 << 20);
  EXPECT_EQ(with(", min_free_bytes: 0").free_bytes_min, 0);
}

TEST(Config, HomelabFileIsTakenAsItIs) {
  const Loaded loaded = good(kHomelab);
  EXPECT_THAT(loaded.warnings, IsEmpty());
  EXPECT_THAT(loaded.inactive, ElementsAre("server.grpc", "stream_over_http_enabled"));
  const Config& config = loaded.config;
  EXPECT_TRUE(config.stream_over_http_enabled);
  EXPECT_EQ(config.server.http_listen_port, 3200);
  EXPECT_EQ(config.server.grpc_listen_port, 9095);
  ASSERT_TRUE(config.distributor.otlp_http);
  EXPECT_EQ(config.distributor.otlp_http->address, "0.0.0.0");
  EXPECT_EQ(config.distributor.otlp_http->port, 4318);
  ASSERT_TRUE(config.distributor.otlp_grpc);
  EXPECT_EQ(config.distributor.otlp_grpc->address, "0.0.0.0");
  EXPECT_EQ(config.distributor.otlp_grpc->port, 4317);
  EXPECT_EQ(config.storage.backend, "local");
  EXPECT_EQ(config.storage.local_path, "/var/tempo/blocks");
  EXPECT_EQ(config.storage.wal_path, "/var/tempo/wal");
  EXPECT_EQ(config.block_retention_ns, 168 * kHour);
  EXPECT_EQ(config.limits.max_bytes_per_trace, 0);
}

TEST(Config, DefaultsAreThoseOfTheStructs) {
  const Config config = good(kStorage).config;
  const Config plain;
  EXPECT_EQ(config.target, plain.target);
  EXPECT_EQ(config.stream_over_http_enabled, plain.stream_over_http_enabled);
  EXPECT_EQ(config.multitenancy_enabled, plain.multitenancy_enabled);
  EXPECT_EQ(config.shutdown_delay_ns, plain.shutdown_delay_ns);
  EXPECT_EQ(config.block_retention_ns, plain.block_retention_ns);
  EXPECT_EQ(config.server.http_listen_port, plain.server.http_listen_port);
  EXPECT_EQ(config.server.grpc_listen_port, plain.server.grpc_listen_port);
  EXPECT_EQ(config.server.graceful_shutdown_timeout_ns, plain.server.graceful_shutdown_timeout_ns);
  EXPECT_EQ(config.server.http_server_read_timeout_ns, plain.server.http_server_read_timeout_ns);
  EXPECT_EQ(config.server.http_server_write_timeout_ns, plain.server.http_server_write_timeout_ns);
  EXPECT_EQ(config.server.http_server_idle_timeout_ns, plain.server.http_server_idle_timeout_ns);
  EXPECT_EQ(config.server.log_format, plain.server.log_format);
  EXPECT_EQ(config.server.log_level, plain.server.log_level);
  EXPECT_EQ(config.distributor.max_attribute_bytes, plain.distributor.max_attribute_bytes);
  EXPECT_EQ(config.storage.wal_path, plain.storage.wal_path);
  EXPECT_EQ(config.limits.max_bytes_per_trace, plain.limits.max_bytes_per_trace);
  EXPECT_EQ(config.limits.max_bytes_per_tag_values_query,
            plain.limits.max_bytes_per_tag_values_query);
  EXPECT_EQ(config.queries.search_range_max_ns, plain.queries.search_range_max_ns);
  EXPECT_EQ(config.queries.search_timeout_ns, plain.queries.search_timeout_ns);
  EXPECT_EQ(config.queries.expression_bytes_max, plain.queries.expression_bytes_max);
  const OtlpHttp otlp =
      *with("distributor: {receivers: {otlp: {protocols: {http: }}}}").config.distributor.otlp_http;
  EXPECT_EQ(otlp.address, OtlpHttp().address);
  EXPECT_EQ(otlp.port, OtlpHttp().port);
  EXPECT_EQ(otlp.traces_url_path, OtlpHttp().traces_url_path);
  EXPECT_EQ(otlp.max_request_body_size_bytes, OtlpHttp().max_request_body_size_bytes);
}

TEST(Config, BuiltInSettingsWork) {
  const Loaded loaded = good(embedded_default());
  EXPECT_THAT(loaded.warnings, IsEmpty());
  EXPECT_EQ(loaded.config.server.http_listen_address, "127.0.0.1");
  EXPECT_EQ(loaded.config.server.http_listen_port, 3200);
  EXPECT_EQ(loaded.config.distributor.otlp_http->address, "127.0.0.1");
  EXPECT_EQ(loaded.config.distributor.otlp_http->port, 4318);
  EXPECT_EQ(loaded.config.storage.wal_path, "./data/wal");
  EXPECT_EQ(loaded.config.storage.local_path, "./data/blocks");
  const auto without_file = load({});
  ASSERT_TRUE(without_file);
  EXPECT_EQ(without_file->config.storage.local_path, "./data/blocks");
}

TEST(Config, AllFields) {
  const Config config = with(R"(
multitenancy_enabled: true
http_api_prefix: /tempo
shutdown_delay: 5s
server:
  http_listen_address: 127.0.0.1
  http_listen_port: 80
  grpc_listen_address: "::1"
  graceful_shutdown_timeout: 10s
  http_server_read_timeout: 1m
  http_server_write_timeout: 2m
  http_server_idle_timeout: -1s
  http_listen_conn_limit: 12
  log_format: json
  log_level: warn
  http_path_prefix: /p
distributor:
  max_span_attr_byte: 100
  retry_after_on_resource_exhausted: 2s
  receivers:
    otlp/main:
      protocols:
        http:
          endpoint: "[::1]:4999"
          traces_url_path: in/traces
          max_request_body_size: 0
          read_timeout: 3s
          idle_timeout: 4s
          cors: {allowed_origins: ["https://*.shop.io", "*"], allowed_headers: [X-A], max_age: 600}
          compression_algorithms: ["", gzip]
          response_headers: {X-Frame-Options: deny, b: "1"}
overrides:
  defaults:
    global: {max_bytes_per_trace: 5000000}
    ingestion:
      max_attribute_bytes: 50
      rate_limit_bytes: 1000
      burst_size_bytes: 2000
      max_traces_per_user: 300
      retry_info_enabled: false
    compaction: {block_retention: 2d}
)")
                            .config;
  EXPECT_TRUE(config.multitenancy_enabled);
  EXPECT_EQ(config.http_api_prefix, "/tempo");
  EXPECT_EQ(config.shutdown_delay_ns, 5'000'000'000);
  EXPECT_EQ(config.server.http_listen_address, "127.0.0.1");
  EXPECT_EQ(config.server.http_listen_port, 80);
  EXPECT_EQ(config.server.grpc_listen_address, "::1");
  EXPECT_EQ(config.server.graceful_shutdown_timeout_ns, 10'000'000'000);
  EXPECT_EQ(config.server.http_server_read_timeout_ns, 60'000'000'000);
  EXPECT_EQ(config.server.http_server_write_timeout_ns, 120'000'000'000);
  EXPECT_EQ(config.server.http_server_idle_timeout_ns, 0);
  EXPECT_EQ(config.server.http_listen_conn_limit, 12);
  EXPECT_EQ(config.server.log_format, log::Format::json);
  EXPECT_EQ(config.server.log_level, log::Level::warn);
  EXPECT_EQ(config.server.http_path_prefix, "/p");
  EXPECT_EQ(config.distributor.max_attribute_bytes, 100);
  EXPECT_EQ(config.distributor.retry_after_on_resource_exhausted_ns, 2'000'000'000);
  ASSERT_TRUE(config.distributor.otlp_http);
  EXPECT_EQ(config.distributor.otlp_http->address, "::1");
  EXPECT_EQ(config.distributor.otlp_http->port, 4999);
  EXPECT_EQ(config.distributor.otlp_http->traces_url_path, "/in/traces");
  EXPECT_EQ(config.distributor.otlp_http->max_request_body_size_bytes, 20 << 20);
  EXPECT_EQ(config.distributor.otlp_http->read_timeout_ns, 3'000'000'000);
  EXPECT_EQ(config.distributor.otlp_http->idle_timeout_ns, 4'000'000'000);
  EXPECT_THAT(config.distributor.otlp_http->cors.allowed_origins,
              ElementsAre("https://*.shop.io", "*"));
  EXPECT_THAT(config.distributor.otlp_http->cors.allowed_headers, ElementsAre("X-A"));
  EXPECT_EQ(config.distributor.otlp_http->cors.max_age_s, 600);
  EXPECT_THAT(config.distributor.otlp_http->compression_algorithms, ElementsAre("", "gzip"));
  EXPECT_THAT(config.distributor.otlp_http->response_headers,
              ElementsAre(Pair("b", "1"), Pair("x-frame-options", "deny")));
  EXPECT_EQ(config.limits.max_bytes_per_trace, 5'000'000);
  EXPECT_EQ(config.limits.max_attribute_bytes, 50);
  EXPECT_EQ(config.limits.rate_limit_bytes, 1000);
  EXPECT_EQ(config.limits.burst_size_bytes, 2000);
  EXPECT_EQ(config.limits.max_traces_per_user, 300);
  EXPECT_FALSE(config.limits.retry_info_enabled);
  EXPECT_EQ(config.block_retention_ns, 48 * kHour);
}

TEST(Config, TheRateLimitIsOffUntilAKeyIsSet) {
  const auto limits = [](const std::string& ingestion) {
    return with("overrides: {defaults: {ingestion: {" + ingestion + "}}}").config.limits;
  };
  EXPECT_EQ(limits("").rate_limit_bytes, 0);
  EXPECT_TRUE(limits("").retry_info_enabled);
  EXPECT_EQ(limits("rate_limit_bytes: 5").rate_limit_bytes, 5);
  EXPECT_EQ(limits("rate_limit_bytes: 5").burst_size_bytes, 20'000'000);
  EXPECT_EQ(limits("burst_size_bytes: 5").rate_limit_bytes, 15'000'000);
  EXPECT_EQ(limits("rate_limit_bytes: 0, burst_size_bytes: 0").rate_limit_bytes, 0);
}

TEST(Config, Receivers) {
  // None named: Tempo's default set, which has no OTLP over HTTP.
  for (const std::string_view none :
       {"", "distributor:", "distributor: {receivers: }", "distributor: {receivers: {}}"}) {
    const Loaded loaded = with(none);
    EXPECT_FALSE(loaded.config.distributor.otlp_http) << none;
    EXPECT_TRUE(loaded.config.distributor.otlp_grpc) << none;
    EXPECT_THAT(loaded.inactive, Contains("distributor.receivers.jaeger"));
  }
  const auto receivers = [](std::string_view protocols) {
    return with(fmt::format("distributor: {{receivers: {{otlp: {{protocols: {}}}}}}}", protocols));
  };
  EXPECT_FALSE(receivers("{grpc: }").config.distributor.otlp_http);
  EXPECT_TRUE(receivers("{http: }").config.distributor.otlp_http);
  EXPECT_TRUE(receivers("{http: {}, grpc: {}}").config.distributor.otlp_http);
  EXPECT_THAT(receivers("{http: }").inactive, ElementsAre("server.grpc"));
  EXPECT_EQ(receivers("{http: {endpoint: ':1234'}}").config.distributor.otlp_http->address, "");
  EXPECT_THAT(with("distributor: {receivers: {otlp: {protocols: {http: }}, "
                   "otlp/b: {protocols: {http: }}}}")
                  .inactive,
              Contains("distributor.receivers.otlp/b.protocols.http"));
}

TEST(Config, OtlpGrpcReceiver) {
  const auto grpc = [](std::string_view keys) {
    return with(
        fmt::format("distributor: {{receivers: {{otlp: {{protocols: {{grpc: {}}}}}}}}}", keys));
  };
  const OtlpGrpc plain;
  for (const std::string_view none : {"", "{}", "{max_recv_msg_size_mib: 0}"}) {
    const OtlpGrpc got = grpc(none).config.distributor.otlp_grpc.value();
    EXPECT_EQ(got.address, plain.address);
    EXPECT_EQ(got.port, plain.port);
    EXPECT_EQ(got.max_recv_msg_size_bytes, 4 << 20);
    EXPECT_EQ(got.max_concurrent_streams, 0);
    EXPECT_EQ(got.max_connection_idle_ns, 0);
  }
  const Loaded loaded = grpc(
      "{endpoint: '[::1]:5', transport: tcp, max_recv_msg_size_mib: 16, max_concurrent_streams: 7, "
      "keepalive: {server_parameters: {max_connection_idle: 3s}}}");
  const OtlpGrpc got = loaded.config.distributor.otlp_grpc.value();
  EXPECT_EQ(got.address, "::1");
  EXPECT_EQ(got.port, 5);
  EXPECT_EQ(got.max_recv_msg_size_bytes, 16 << 20);
  EXPECT_EQ(got.max_concurrent_streams, 7);
  EXPECT_EQ(got.max_connection_idle_ns, 3'000'000'000);
  EXPECT_THAT(loaded.inactive, ElementsAre("server.grpc"));
  EXPECT_THAT(grpc("{keepalive: {enforcement_policy: {min_time: 1m}}}").inactive,
              Contains("distributor.receivers.otlp.protocols.grpc.keepalive.enforcement_policy"));
  EXPECT_THAT(with("distributor: {receivers: {otlp: {protocols: {grpc: }}, "
                   "otlp/b: {protocols: {grpc: }}}}")
                  .inactive,
              Contains("distributor.receivers.otlp/b.protocols.grpc"));
}

TEST(Config, NullSectionsAreTheirDefaults) {
  with(
      "server:\ndistributor:\ningester:\ncompactor:\n  compaction:\nquerier: ~\noverrides:\n"
      "  defaults:\n    metrics_generator:\nmetrics_generator:\n  storage:\n    remote_write:\n");
}

TEST(Config, MergesAndAnchors) {
  const Config config = with(R"(
ingester: &periods
  max_block_duration: 5m
distributor:
  receivers:
    otlp:
      protocols:
        http: &listener {endpoint: "127.0.0.1:1", max_request_body_size: 1MiB}
    zipkin: {<<: *listener, endpoint: "127.0.0.1:2"}
)")
                            .config;
  EXPECT_EQ(config.distributor.otlp_http->max_request_body_size_bytes, 1 << 20);
}

TEST(Config, BothSpellings) {
  EXPECT_EQ(with("distributor: {max_attribute_bytes: 7}").config.distributor.max_attribute_bytes,
            7);
  EXPECT_EQ(with("distributor: {max_span_attr_byte: 7}").config.distributor.max_attribute_bytes, 7);
  with("distributor: {max_span_attr_byte: 7, max_attribute_bytes: 7}");
  EXPECT_TRUE(with("auth_enabled: true").config.multitenancy_enabled);
  EXPECT_EQ(with("backend_scheduler: {provider: {compaction: {compaction: {block_retention: 5h}}}}")
                .config.block_retention_ns,
            5 * kHour);
  EXPECT_EQ(with("backend_worker: {compaction: {block_retention: 5h, other: [1]}, ring: {}}")
                .config.block_retention_ns,
            5 * kHour);
}

TEST(Config, FlatOverrides) {
  const Loaded loaded = with(
      "overrides:\n  max_bytes_per_trace: 9\n  block_retention: 3d\n"
      "  metrics_generator_processors: [span-metrics]\n"
      "  per_tenant_override_config: /etc/overrides.yaml\n");
  EXPECT_EQ(loaded.config.limits.max_bytes_per_trace, 9);
  EXPECT_EQ(loaded.config.block_retention_ns, 72 * kHour);
  EXPECT_THAT(loaded.warnings,
              ElementsAre("overrides.block_retention is a flat key: this shape of overrides is "
                          "deprecated; write overrides.defaults.compaction.block_retention"));
}

TEST(Config, LimitsOfQuestions) {
  const Config frontend = with("query_frontend: {search: {max_duration: 168h}}").config;
  EXPECT_EQ(frontend.queries.search_range_max_ns, 168 * kHour);
  const Loaded loaded = with(
      "query_frontend: {search: {max_duration: 168h}, max_query_expression_size_bytes: 100,\n"
      "  max_query_memory_bytes: 8MiB}\n"
      "querier: {search: {query_timeout: 1h}}\n"
      "overrides: {defaults: {read: {max_search_duration: 24h, "
      "max_bytes_per_tag_values_query: 5}}}\n");
  EXPECT_EQ(loaded.config.queries.search_range_max_ns, 24 * kHour);
  EXPECT_EQ(loaded.config.queries.search_timeout_ns, kHour);
  EXPECT_EQ(loaded.config.queries.expression_bytes_max, 100);
  EXPECT_EQ(loaded.config.queries.memory_bytes_max, 8 << 20);
  EXPECT_EQ(frontend.queries.memory_bytes_max, 0);
  EXPECT_EQ(loaded.config.limits.max_bytes_per_tag_values_query, 5);
  const Config metrics = with(
                             "query_frontend: {metrics: {max_duration: 24h, max_exemplars: 10,\n"
                             "  max_intervals: 500, max_response_series: 7}}")
                             .config;
  EXPECT_EQ(metrics.queries.metrics_range_max_ns, 24 * kHour);
  EXPECT_EQ(metrics.queries.metrics_exemplars_max, 10);
  EXPECT_EQ(metrics.queries.metrics_intervals_max, 500);
  EXPECT_EQ(metrics.queries.metrics_series_max, 7);
  EXPECT_EQ(with("").config.queries.metrics_range_max_ns, 0) << "off unless it is set";
  for (const char* section : {"query_frontend", "querier", "overrides.defaults.read"}) {
    EXPECT_THAT(loaded.inactive, Not(Contains(section)));
  }
}

TEST(Config, Inactive) {
  EXPECT_THAT(with("memberlist: {}").inactive, Contains("memberlist"));
  EXPECT_THAT(with("usage_report: {reporting_enabled: false}").inactive,
              Not(Contains("usage_report")));
  EXPECT_THAT(with("server: {register_instrumentation: true, http_listen_port: 1}").inactive,
              Not(Contains("server.register_instrumentation")));
  EXPECT_THAT(with("server: {register_instrumentation: false}").inactive,
              Contains("server.register_instrumentation"));
  EXPECT_THAT(with("query_frontend: {max_retries: 3}").inactive, Contains("query_frontend"));
  EXPECT_THAT(with("query_frontend: {search: {}}").inactive, Not(Contains("query_frontend")));
  for (const char* set : {"true", "false"}) {  // generate_native_histograms decides
    EXPECT_THAT(
        with(fmt::format("metrics_generator: {{storage: {{remote_write: [{{url: 'http://a'}}, "
                         "{{url: 'http://b', send_native_histograms: {}}}]}}}}",
                         set))
            .inactive,
        Contains("metrics_generator.storage.remote_write.send_native_histograms"));
  }
}

}  // namespace
}  // namespace vivace::config
