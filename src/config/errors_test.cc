// Files that are refused, or warned of: every message word by word.
#include <algorithm>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/config.h"
#include "config/config_testing.h"

namespace vivace::config {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

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

TEST(Errors, MergedKeys) {
  EXPECT_EQ(misfit("a: &a {prot: 1}\nserver: {<<: *a}\n"),
            "  line 1: field a not found in the top level\n"
            "  line 1: field prot not found in server");
}

struct Case {
  std::string text;
  std::string message;
};

TEST(Errors, MisfitsAreNamedLineByLine) {
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

TEST(Errors, NoMoreThanAHundredMisfits) {
  std::string text;
  for (int i = 0; i < 150; ++i) text += fmt::format("unknown_{}: 1\n", i);
  EXPECT_TRUE(misfit(text).ends_with("\n  ... and 50 more"));
}

TEST(Errors, BadYaml) {
  EXPECT_TRUE(
      error("server: [\n")
          .starts_with(
              "failed parsing config: failed to parse configFile test.yaml: yaml: line 2: "));
  EXPECT_EQ(
      error("x: &x {y: *x}"),
      "failed parsing config: failed to parse configFile test.yaml: yaml: line 1: an alias must "
      "not lie inside its own anchor");
}

TEST(Errors, SpellingsThatDiffer) {
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

TEST(Errors, MixedOverrides) {
  EXPECT_EQ(misfit("overrides:\n  defaults:\n    global: {max_bytes_per_trace: 1}\n"
                   "  max_traces_per_user: 1\n"),
            "  line 4: overrides.max_traces_per_user: flat keys and \"defaults\" (line 3) cannot "
            "stand in one file");
}

TEST(Errors, Unusable) {
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
      {"overrides: {defaults: {ingestion: {rate_limit_bytes: 9, burst_size_bytes: 0}}}",
       "  line 2: overrides.defaults.ingestion.burst_size_bytes: 0 would refuse every request; set "
       "it, or set rate_limit_bytes to 0"},
      {"distributor: {receivers: {otlp: }}",
       "  line 2: distributor.receivers.otlp: no protocol is on; name at least one under "
       "\"protocols\""},
      {"distributor: {receivers: {otlp: {protocols: {http: {compression_algorithms: [gzip, "
       "br]}}}}}",
       "  line 2: distributor.receivers.otlp.protocols.http.compression_algorithms: unknown "
       "algorithm \"br\"; known are gzip, zstd, zlib, deflate, snappy, lz4 and \"\" for bodies "
       "that "
       "are not compressed"},
      {"distributor: {receivers: {otlp: {protocols: {http: {cors: {max_age: -1}}}}}}",
       "  line 2: distributor.receivers.otlp.protocols.http.cors.max_age: must not be negative"},
      {"distributor: {receivers: {otlp: {protocols: {http: {response_headers: {'a b': c}}}}}}",
       "  line 2: distributor.receivers.otlp.protocols.http.response_headers: \"a b\" is not the "
       "name of a header"},
      {"distributor: {receivers: {otlp: {protocols: {http: {response_headers: {Date: c}}}}}}",
       "  line 2: distributor.receivers.otlp.protocols.http.response_headers: the server sets "
       "\"Date\" itself"},
      {"distributor: {receivers: {otlp: {protocols: {http: {response_headers: {a: \"b\\nc\"}}}}}}",
       "  line 2: distributor.receivers.otlp.protocols.http.response_headers: the value of \"a\" "
       "holds a control character"},
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
      {"metrics_generator: {storage: {remote_write: [{url: 'http://b', http_headers: {Host: "
       "{values: "
       "[a]}}}]}}",
       "  line 2: metrics_generator.storage.remote_write[0].http_headers: Host cannot be set here"},
      {"metrics_generator: {storage: {remote_write: [{url: 'http://b', http_headers: {X-A: {files: "
       "[/nowhere]}}}]}}",
       "  line 2: metrics_generator.storage.remote_write[0].http_headers.X-A.files: /nowhere: No "
       "such "
       "file or directory"},
      {"overrides: {defaults: {metrics_generator: {remote_write_headers: {X-A: \"b\\nc\"}}}}",
       "  line 2: overrides.defaults.metrics_generator.remote_write_headers: X-A holds a line end"},
      {"metrics_generator: {storage: {remote_write: [{url: 'http://b', bearer_token: a, "
       "basic_auth: "
       "{username: b}}]}}",
       "  line 2: metrics_generator.storage.remote_write[0]: at most one of basic_auth, "
       "authorization, bearer_token, oauth2, sigv4, azuread and google_iam"},
      {"metrics_generator: {storage: {remote_write: [{url: 'http://b', write_relabel_configs: [\n"
       "{action: labeldrop, regex: a},\n"
       "{action: drop, source_labels: [b],\n"
       "regex: 'c('}, {action: hashmod, target_label: d},\n"
       "{regex: '*', target_label: e}, {source_labels: [f]}]}]}}",
       "  line 5: metrics_generator.storage.remote_write[0].write_relabel_configs[1].regex: "
       "\"c(\": missing ): ^(?:c()$\n"
       "  line 5: metrics_generator.storage.remote_write[0].write_relabel_configs[2]: hashmod "
       "needs "
       "a modulus that is greater than 0\n"
       "  line 6: metrics_generator.storage.remote_write[0].write_relabel_configs[3].regex: \"*\": "
       "no argument for repetition operator: *\n"
       "  line 6: metrics_generator.storage.remote_write[0].write_relabel_configs[4]: replace "
       "needs a target_label"},
  };
  for (const auto& [text, message] : cases) EXPECT_EQ(invalid(text), message) << text;
}

TEST(Errors, Warnings) {
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

}  // namespace
}  // namespace vivace::config
