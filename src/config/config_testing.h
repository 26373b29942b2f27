// Files that the tests of this folder share, and short ways to read them.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <unistd.h>
#include <utility>

#include <gtest/gtest.h>

#include "config/config.h"

namespace vivace::config {

inline constexpr int64_t kHour = 3600LL * 1'000'000'000;

// What every good file needs.
inline constexpr std::string_view kStorage =
    "storage: {trace: {backend: local, local: {path: /data/blocks}}}\n";

// One person's deployment in a cluster of one node.
inline constexpr std::string_view kHomelab = R"(
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

inline Loaded good(std::string_view text) {
  auto loaded = parse(std::string(text), "test.yaml");
  EXPECT_TRUE(loaded) << text << "\n" << loaded.error().message;
  return loaded ? *std::move(loaded) : Loaded();
}

// A file with working storage and this.
inline Loaded with(std::string_view text) {
  return good(std::string(kStorage) + std::string(text));
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

}  // namespace vivace::config
