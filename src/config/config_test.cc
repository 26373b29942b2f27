// Whole files and command lines: the settings that come out, and every message word by word.
#include "config/config.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <unistd.h>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vivace::config {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

constexpr int64_t kHour = 3600LL * 1'000'000'000;

// What every good file needs.
constexpr std::string_view kStorage =
    "storage: {trace: {backend: local, local: {path: /data/blocks}}}\n";

constexpr std::string_view kHomelab = R"(
stream_over_http_enabled: true
server:
  http_listen_port: 3200
  grpc_listen_port: 9095
distributor:
  receivers:
    otlp:
      protocols:
        grpc:
          endpoint: "0.0.0.0:4317"
        http:
          endpoint: "0.0.0.0:4318"
storage:
  trace:
    backend: local
    wal: {path: /var/tempo/wal}
    local: {path: /var/tempo/blocks}
compactor:
  compaction: {block_retention: 168h}
metrics_generator:
  registry: {external_labels: {source: tempo}}
  storage:
    path: /var/tempo/generator/wal
    remote_write:
      - url: "http://prometheus.example:9090/api/v1/write"
        send_exemplars: true
  traces_storage: {path: /var/tempo/generator/traces}
  processor:
    span_metrics: {dimensions: [service.name, http.method, http.status_code, http.target]}
    service_graphs: {dimensions: [service.name]}
    local_blocks: {flush_to_storage: false}
overrides:
  defaults:
    metrics_generator:
      processors: [span-metrics, service-graphs, local-blocks]
)";

Loaded good(std::string_view text) {
  auto loaded = parse(std::string(text), "test.yaml");
  EXPECT_TRUE(loaded) << text << "\n" << loaded.error().message;
  return loaded ? *std::move(loaded) : Loaded();
}

// A file with working storage and this.
Loaded with(std::string_view text) { return good(std::string(kStorage) + std::string(text)); }

std::string error(const std::string& text) {
  const auto loaded = parse(text, "test.yaml");
  if (loaded) return "accepted";
  EXPECT_EQ(loaded.error().exit_code, 1);
  return loaded.error().message;
}

// The lines after the header of a file that does not fit the schema.
std::string misfit(const std::string& text) {
  constexpr std::string_view kHeader =
      "failed parsing config: failed to parse configFile test.yaml: yaml: unmarshal errors:\n";
  const std::string message = error(text);
  EXPECT_TRUE(message.starts_with(kHeader)) << text << "\n" << message;
  return message.substr(std::min(kHeader.size(), message.size()));
}

// The lines after the header of a file with working storage that fits and still cannot be used.
std::string invalid(const std::string& text, std::string_view storage = kStorage) {
  constexpr std::string_view kHeader = "invalid configuration in test.yaml:\n";
  const std::string message = error(std::string(storage) + text);
  EXPECT_TRUE(message.starts_with(kHeader)) << text << "\n" << message;
  return message.substr(std::min(kHeader.size(), message.size()));
}

// A file that is gone at the end of the test.
class TemporaryFile {
 public:
  explicit TemporaryFile(std::string_view text) {
    const int file = mkstemp(path_.data());
    EXPECT_EQ(write(file, text.data(), text.size()), static_cast<ssize_t>(text.size()));
    close(file);
  }
  ~TemporaryFile() { std::filesystem::remove(path_); }
  std::string flag() const { return "-config.file=" + path_; }
  const std::string& path() const { return path_; }

 private:
  std::string path_ = (std::filesystem::temp_directory_path() / "config_test_XXXXXX").string();
};

TEST(Config, HomelabFileIsTakenAsItIs) {
  const Loaded loaded = good(kHomelab);
  EXPECT_THAT(loaded.warnings, IsEmpty());
  EXPECT_THAT(loaded.inactive,
              ElementsAre("server.grpc", "distributor.receivers.otlp.protocols.grpc",
                          "overrides.defaults.metrics_generator", "compactor", "metrics_generator",
                          "stream_over_http_enabled"));
  const Config& config = loaded.config;
  EXPECT_TRUE(config.stream_over_http_enabled);
  EXPECT_EQ(config.server.http_listen_port, 3200);
  EXPECT_EQ(config.server.grpc_listen_port, 9095);
  ASSERT_TRUE(config.distributor.otlp_http);
  EXPECT_EQ(config.distributor.otlp_http->address, "0.0.0.0");
  EXPECT_EQ(config.distributor.otlp_http->port, 4318);
  EXPECT_EQ(config.storage.backend, "local");
  EXPECT_EQ(config.storage.local_path, "/var/tempo/blocks");
  EXPECT_EQ(config.storage.wal_path, "/var/tempo/wal");
  EXPECT_EQ(config.block_retention_ns, 168 * kHour);
  EXPECT_EQ(config.limits.max_bytes_per_trace, 0);
}

TEST(Config, HomelabFileVerifies) {
  const TemporaryFile file(kHomelab);
  const auto loaded = load({file.flag(), "-config.verify"});
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->action, Action::verify);
  EXPECT_THAT(loaded->warnings, IsEmpty());
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
overrides:
  defaults:
    global: {max_bytes_per_trace: 5000000}
    ingestion: {max_attribute_bytes: 50}
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
  EXPECT_EQ(config.limits.max_bytes_per_trace, 5'000'000);
  EXPECT_EQ(config.limits.max_attribute_bytes, 50);
  EXPECT_EQ(config.block_retention_ns, 48 * kHour);
}

TEST(Config, Receivers) {
  // None named: Tempo's default set, which has no OTLP over HTTP.
  for (const std::string_view none :
       {"", "distributor:", "distributor: {receivers: }", "distributor: {receivers: {}}"}) {
    const Loaded loaded = with(none);
    EXPECT_FALSE(loaded.config.distributor.otlp_http) << none;
    EXPECT_THAT(loaded.inactive, Contains("distributor.receivers.otlp.protocols.grpc"));
    EXPECT_THAT(loaded.inactive, Contains("distributor.receivers.jaeger"));
  }
  const auto receivers = [](std::string_view protocols) {
    return with(fmt::format("distributor: {{receivers: {{otlp: {{protocols: {}}}}}}}", protocols));
  };
  EXPECT_FALSE(receivers("{grpc: }").config.distributor.otlp_http);
  EXPECT_TRUE(receivers("{http: }").config.distributor.otlp_http);
  EXPECT_TRUE(receivers("{http: {}, grpc: {}}").config.distributor.otlp_http);
  EXPECT_THAT(receivers("{http: }").inactive, ElementsAre("server.grpc", "compactor"));
  EXPECT_EQ(receivers("{http: {endpoint: ':1234'}}").config.distributor.otlp_http->address, "");
  EXPECT_THAT(with("distributor: {receivers: {otlp: {protocols: {http: }}, "
                   "otlp/b: {protocols: {http: }}}}")
                  .inactive,
              Contains("distributor.receivers.otlp/b.protocols.http"));
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
  EXPECT_EQ(misfit("a: &a {prot: 1}\nserver: {<<: *a}\n"),
            "  line 1: field a not found in the top level\n"
            "  line 1: field prot not found in server");
}

struct Case {
  std::string text;
  std::string message;
};

TEST(Config, MisfitsAreNamedLineByLine) {
  const Case cases[] = {
      {"compacter:\n",
       "  line 1: field compacter not found in the top level (did you mean \"compactor\"?)"},
      {"server:\n  htp_listen_port: 1\n",
       "  line 2: field htp_listen_port not found in server (did you mean \"http_listen_port\"?)"},
      {"server:\n  zzz: {a: [b]}\n", "  line 2: field zzz not found in server"},
      {"compactor:\n  block_retention: 168h\n",
       "  line 2: field block_retention not found in compactor (did you mean "
       "\"compactor.compaction.block_retention\"?)"},
      {"distributor:\n  receivers:\n    otlp:\n      protocol: {http: }\n",
       "  line 4: field protocol not found in distributor.receivers.otlp (did you mean "
       "\"protocols\"?)"},
      {"distributor: {receivers: {otlp/x: {protocols: {http: {endpont: a}}}}}",
       "  line 1: field endpont not found in distributor.receivers.otlp/x.protocols.http (did you "
       "mean \"endpoint\"?)"},
      {"distributor: {receivers: {jaeger: {remote_sampling: {}}}}",
       "  line 1: field remote_sampling not found in distributor.receivers.jaeger"},
      {"distributor: {receivers: {otlq: }}",
       "  line 1: field otlq not found in distributor.receivers (did you mean \"otlp\"?)"},
      {"metrics_generator:\n  storage:\n    remote_write:\n    - url: a\n    - urll: b\n",
       "  line 5: field urll not found in metrics_generator.storage.remote_write[1] (did you mean "
       "\"url\"?)"},
      {"server: [1]\n", "  line 1: server: expected a section, found a list"},
      {"server: on\n", "  line 1: server: expected a section, found \"on\""},
      {"- a\n", "  line 1: the top level: expected a section, found a list"},
      {"just words", "  line 1: the top level: expected a section, found \"just words\""},
      {"server: {http_listen_port: many}",
       "  line 1: server.http_listen_port: expected a port (0 to 65535), found \"many\""},
      {"server: {http_listen_port: '3200'}",
       "  line 1: server.http_listen_port: expected a port (0 to 65535), found the string "
       "\"3200\""},
      {"server: {log_level: verbose}",
       "  line 1: server.log_level: expected one of debug, info, warn, error, found \"verbose\""},
      {"server: {graceful_shutdown_timeout: 30}",
       "  line 1: server.graceful_shutdown_timeout: expected a duration such as 30s or 1h30m, "
       "found "
       "\"30\""},
      {"compactor: {compaction: {block_retention: 7d}}",
       "  line 1: compactor.compaction.block_retention: expected a duration such as 30s or 1h30m, "
       "found \"7d\" (did you mean \"168h\"?)"},
      {"multitenancy_enabled: maybe",
       "  line 1: multitenancy_enabled: expected true or false, found \"maybe\""},
      {"distributor: {receivers: {otlp: {protocols: {http: {endpoint: 4318}}}}}",
       "  line 1: distributor.receivers.otlp.protocols.http.endpoint: expected an address such as "
       "localhost:4318, found \"4318\""},
      {"metrics_generator: {processor: {span_metrics: {dimensions: service.name}}}",
       "  line 1: metrics_generator.processor.span_metrics.dimensions: expected a list of strings, "
       "found \"service.name\""},
      {"metrics_generator: {processor: {span_metrics: {dimensions: [a, {b: c}]}}}",
       "  line 1: metrics_generator.processor.span_metrics.dimensions[1]: expected a string, found "
       "a "
       "section"},
      {"metrics_generator: {registry: {external_labels: {a: [b]}}}",
       "  line 1: metrics_generator.registry.external_labels.a: expected a string, found a list"},
      {"storage: {trace: {block: {parquet_dedicated_columns: [{scope: spam, name: a}]}}}",
       "  line 1: storage.trace.block.parquet_dedicated_columns[0].scope: expected one of "
       "resource, "
       "span, event, found \"spam\""},
      {"server:\n  http_listen_port: 1\n  http_listen_port: 2\n",
       "  line 3: field http_listen_port already set in server on line 2"},
      {"server:\n\nserver:\n", "  line 3: field server already set in the top level on line 1"},
      {"memberlist: {a: [{b: 1, b: 2}]}", "  line 1: field b already set in memberlist on line 1"},
      {"metrics_generator: {registry: {external_labels: {a: 1, a: 2}}}",
       "  line 1: field a already set in metrics_generator.registry.external_labels on line 1"},
      // All of them, by line.
      {"b: 1\nserver:\n  q: 1\n  http_listen_port: x\nb: 2\na: 1\n",
       "  line 1: field b not found in the top level\n"
       "  line 3: field q not found in server\n"
       "  line 4: server.http_listen_port: expected a port (0 to 65535), found \"x\"\n"
       "  line 5: field b already set in the top level on line 1\n"
       "  line 6: field a not found in the top level"},
  };
  for (const auto& [text, message] : cases) EXPECT_EQ(misfit(text), message) << text;
}

TEST(Config, NoMoreThanAHundredMisfits) {
  std::string text;
  for (int i = 0; i < 150; ++i) text += fmt::format("unknown_{}: 1\n", i);
  EXPECT_TRUE(misfit(text).ends_with("\n  ... and 50 more"));
}

TEST(Config, BadYaml) {
  EXPECT_TRUE(
      error("server: [\n")
          .starts_with(
              "failed parsing config: failed to parse configFile test.yaml: yaml: line 2: "));
  EXPECT_EQ(
      error("x: &x {y: *x}"),
      "failed parsing config: failed to parse configFile test.yaml: yaml: line 1: an alias must "
      "not lie inside its own anchor");
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

  EXPECT_EQ(misfit("distributor:\n  max_span_attr_byte: 7\n  max_attribute_bytes: 8\n"),
            "  line 3: distributor.max_attribute_bytes and distributor.max_span_attr_byte (line 2) "
            "are two spellings of one key and differ");
  EXPECT_EQ(misfit("auth_enabled: true\nmultitenancy_enabled: false\n"),
            "  line 2: multitenancy_enabled and auth_enabled (line 1) are two spellings of one key "
            "and differ");
  EXPECT_EQ(
      misfit("compactor: {compaction: {block_retention: 1h}}\n"
             "backend_worker: {compaction: {block_retention: 2h}}\n"),
      "  line 2: backend_worker.compaction.block_retention and "
      "compactor.compaction.block_retention (line 1) are two spellings of one key and differ");
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
  EXPECT_EQ(misfit("overrides:\n  defaults:\n    global: {max_bytes_per_trace: 1}\n"
                   "  max_traces_per_user: 1\n"),
            "  line 4: overrides.max_traces_per_user: flat keys and \"defaults\" (line 3) cannot "
            "stand in one file");
}

TEST(Config, Unusable) {
  const auto storage = [](std::string_view trace) {
    return fmt::format("storage: {{trace: {}}}\n", trace);
  };
  EXPECT_EQ(invalid("", ""), "  storage.trace.backend: unknown backend \"\"; use \"local\"");
  EXPECT_EQ(invalid("", storage("{backend: }")),
            "  storage.trace.backend: unknown backend \"\"; use \"local\"");
  EXPECT_EQ(invalid("", storage("{backend: floppy}")),
            "  line 1: storage.trace.backend: unknown backend \"floppy\"; use \"local\"");
  EXPECT_EQ(
      invalid("", storage("{backend: s3, s3: {bucket: a}}")),
      "  line 1: storage.trace.backend: \"s3\" is not supported in this version; use \"local\"");
  EXPECT_EQ(invalid("", storage("{backend: local}")),
            "  storage.trace.local.path: required: the directory of the blocks");
  EXPECT_EQ(invalid("", storage("{backend: local, local: {path: a}, wal: {path: \"\"}}")),
            "  line 1: storage.trace.wal.path: required: the directory of the write-ahead log");

  const Case cases[] = {
      {"target: distributor",
       "  line 2: target: \"distributor\" does not run on its own, all parts are one process; "
       "remove "
       "it or set it to \"all\""},
      {"compactor: {compaction: {block_retention: 0s}}",
       "  line 2: compactor.compaction.block_retention: 0 would delete every block as soon as it "
       "is "
       "finished; set how long traces are kept, such as 168h"},
      {"compactor: {compaction: {block_retention: -1h}}",
       "  line 2: compactor.compaction.block_retention: must not be negative"},
      {"shutdown_delay: -1s", "  line 2: shutdown_delay: must not be negative"},
      {"distributor: {receivers: {otlp: }}",
       "  line 2: distributor.receivers.otlp: no protocol is on; name at least one under "
       "\"protocols\""},
      {"distributor: {receivers: {kafka: {brokers: [a]}}}",
       "  line 2: distributor.receivers.kafka: this receiver is not supported in this version; "
       "remove "
       "it"},
      {"overrides: {defaults: {metrics_generator: {processors: [span-metrix, x]}}}",
       "  line 2: overrides.defaults.metrics_generator.processors: unknown processor span-metrix "
       "(did "
       "you mean \"span-metrics\"?)\n"
       "  line 2: overrides.defaults.metrics_generator.processors: unknown processor x"},
      {"metrics_generator: {storage: {remote_write: [{name: a}, {url: 'http://b', name: a}]}}",
       "  metrics_generator.storage.remote_write[0].url: required: an http:// or https:// URL\n"
       "  line 2: metrics_generator.storage.remote_write[1].name: \"a\" is the name of another "
       "entry "
       "too"},
      {"metrics_generator: {storage: {remote_write: [{url: 'http://b', bearer_token: a, "
       "basic_auth: "
       "{username: b}}]}}",
       "  line 2: metrics_generator.storage.remote_write[0]: at most one of basic_auth, "
       "authorization, bearer_token, oauth2, sigv4, azuread and google_iam"},
  };
  for (const auto& [text, message] : cases) EXPECT_EQ(invalid(text), message) << text;
}

TEST(Config, Warnings) {
  const Case cases[] = {
      {"ingester: {complete_block_timeout: 1m}",
       "ingester.complete_block_timeout (1m) is shorter than storage.trace.blocklist_poll (5m): a "
       "block could leave its first place before it is found in the next"},
      {"compactor: {compaction: {block_retention: 1m}}",
       "compactor.compaction.block_retention (1m) is shorter than storage.trace.blocklist_poll "
       "(5m): "
       "blocks are looked at less often than they expire"},
      {"compactor: {compaction: {retention_concurrency: 0}}",
       "compactor.compaction.retention_concurrency is 0: its default 10 is used"},
      {"distributor: {log_received_spans: {enabled: true}}",
       "distributor.log_received_spans is on: every span is a line in the log"},
      {"distributor: {log_discarded_spans: {enabled: true}}",
       "distributor.log_discarded_spans is on: every span is a line in the log"},
      {"target: scalable-single-binary",
       "target is not \"all\" and storage.trace.backend is \"local\": a local disk serves one "
       "process "
       "only"},
      {"compactor: {compaction: {v2_out_buffer_bytes: 1}}",
       "compactor.compaction.v2_out_buffer_bytes is set and storage.trace.block.version is not "
       "\"v2\": it has no effect"},
      {"overrides: {user_configurable_overrides: {client: {local: {path: /data/blocks}}}}",
       "overrides.user_configurable_overrides.client.local.path is storage.trace.local.path: the "
       "two "
       "must not share a directory"},
      {"query_frontend: {trace_by_id: {query_shards: 5, concurrent_shards: 6}}",
       "query_frontend.trace_by_id.concurrent_shards is more than query_shards (5): the rest has "
       "nothing to do"},
  };
  for (const auto& [text, message] : cases) {
    EXPECT_THAT(with(text).warnings, ElementsAre(message)) << text;
  }
  const auto of_storage = [](std::string_view keys) {
    return good(fmt::format("storage: {{trace: {{backend: local, local: {{path: a}}, {}}}}}", keys))
        .warnings;
  };
  EXPECT_THAT(of_storage("cache: memcached"),
              ElementsAre("storage.trace.cache is set: it is deprecated and has no effect"));
  EXPECT_THAT(of_storage("blocklist_poll_concurrency: 0"),
              ElementsAre("storage.trace.blocklist_poll_concurrency is 0: its default 50 is used"));
  EXPECT_THAT(
      of_storage("s3: {native_aws_auth_enabled: true}"),
      ElementsAre("storage.trace.s3.native_aws_auth_enabled is set: it is deprecated and has "
                  "no effect"));
  EXPECT_THAT(of_storage("block: {version: v2, v2_encoding: lz4}"), IsEmpty());
  EXPECT_THAT(of_storage("block: {v2_encoding: zstd}"), IsEmpty());
  // What only a cluster uses is neither an error nor a warning.
  EXPECT_THAT(with("memberlist: {join_members: [a]}\ningester_client: {x: 1}\n"
                   "querier: {frontend_worker: {frontend_address: a}}")
                  .warnings,
              IsEmpty());
}

TEST(Config, Inactive) {
  EXPECT_THAT(with("memberlist: {}").inactive, Contains("memberlist"));
  EXPECT_THAT(with("usage_report: {reporting_enabled: false}").inactive,
              Not(Contains("usage_report")));
  EXPECT_THAT(with("server: {register_instrumentation: true, http_listen_port: 1}").inactive,
              Not(Contains("server.register_instrumentation")));
  EXPECT_THAT(with("server: {register_instrumentation: false}").inactive,
              Contains("server.register_instrumentation"));
  EXPECT_THAT(with("query_frontend: {search: {max_duration: 1h}}").inactive,
              Contains("query_frontend"));
  EXPECT_THAT(with("query_frontend: {search: {}}").inactive, Not(Contains("query_frontend")));
}

TEST(Load, FlagsWin) {
  const TemporaryFile file(kHomelab);
  const auto loaded = load(
      {file.flag(), "-server.http-listen-port=4000", "-storage.trace.local.path=/other",
       "-compactor.compaction.block-retention=1h", "-log.level=debug", "-multitenancy.enabled"});
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->action, Action::run);
  EXPECT_EQ(loaded->config.server.http_listen_port, 4000);
  EXPECT_EQ(loaded->config.server.log_level, log::Level::debug);
  EXPECT_EQ(loaded->config.storage.local_path, "/other");
  EXPECT_EQ(loaded->config.block_retention_ns, kHour);
  EXPECT_TRUE(loaded->config.multitenancy_enabled);
}

TEST(Load, FlagsAreNamedInErrors) {
  const TemporaryFile file(kHomelab);
  const auto loaded = load({file.flag(), "-target=querier", "-storage.trace.backend=gcs"});
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().exit_code, 1);
  EXPECT_EQ(
      loaded.error().message,
      fmt::format("invalid configuration in {}:\n"
                  "  -target: \"querier\" does not run on its own, all parts are one process; "
                  "remove it or set it to \"all\"\n"
                  "  -storage.trace.backend: \"gcs\" is not supported in this version; use "
                  "\"local\"",
                  file.path()));
}

TEST(Load, WrongCommandLineEndsWithTwo) {
  const auto loaded = load({"-nonsense"});
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().exit_code, 2);
}

TEST(Load, FileThatCannotBeRead) {
  const auto missing = load({"-config.file=/nowhere/vivace.yaml"});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().exit_code, 1);
  EXPECT_EQ(
      missing.error().message,
      "failed parsing config: failed to read configFile /nowhere/vivace.yaml: No such file or "
      "directory");
  const auto directory = load({"-config.file=/"});
  ASSERT_FALSE(directory);
  EXPECT_EQ(directory.error().message,
            "failed parsing config: failed to read configFile /: Is a directory");
  const TemporaryFile large(std::string((4 << 20) + 1, '#'));
  const auto too_large = load({large.flag()});
  ASSERT_FALSE(too_large);
  EXPECT_TRUE(too_large.error().message.ends_with("yaml: larger than 4 MiB"));
}

TEST(Load, ExpandsTheEnvironmentWhenAsked) {
  const TemporaryFile file(
      "storage: {trace: {backend: local, local: {path: \"${VIVACE_TEST_PATH:-/from/default}\"}}}");
  const auto path = [&](const std::vector<std::string>& arguments) {
    const auto loaded = load(arguments);
    return loaded ? loaded->config.storage.local_path : loaded.error().message;
  };
  EXPECT_EQ(path({file.flag()}), "${VIVACE_TEST_PATH:-/from/default}");
  EXPECT_EQ(path({file.flag(), "-config.expand-env"}), "/from/default");
  EXPECT_EQ(path({file.flag(), "-config.expand-env=false"}), "${VIVACE_TEST_PATH:-/from/default}");
  setenv("VIVACE_TEST_PATH", "/from/environment", 1);
  EXPECT_EQ(path({file.flag(), "-config.expand-env=true"}), "/from/environment");
  unsetenv("VIVACE_TEST_PATH");
  const TemporaryFile broken("a: ${");
  EXPECT_EQ(
      path({broken.flag(), "-config.expand-env"}),
      fmt::format("failed parsing config: failed to expand env vars of configFile {}: line 1: "
                  "${{ without a closing }}",
                  broken.path()));
}

TEST(Load, HelpAndVersionNeedNoFile) {
  EXPECT_EQ(load({"-help"})->action, Action::help);
  EXPECT_EQ(load({"-config.file=/nowhere", "-version"})->action, Action::version);
}

TEST(Load, Health) {
  EXPECT_EQ(load({"-health", "-server.http-listen-port=81"})->health_url,
            "http://localhost:81/ready");
  EXPECT_EQ(load({"-health", "-health.url=http://a/b"})->health_url, "http://a/b");
  EXPECT_EQ(load({})->health_url, std::nullopt);
}

}  // namespace
}  // namespace vivace::config
