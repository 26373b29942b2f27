// The road from a command line to a Config: flags, file, environment, YAML, schema, flags on top,
// typed fields. Each step either passes everything on or ends the road with all that it found
// wrong. Called once by main.
#include "config/config.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include <fmt/format.h>

#include "config/apply.h"
#include "config/check.h"
#include "config/expand_env.h"
#include "config/flags.h"
#include "config/yaml.h"

namespace vivace::config {
namespace {

std::unexpected<LoadError> failed(std::string message) {
  return std::unexpected(LoadError{.message = std::move(message), .exit_code = 1});
}

std::unexpected<LoadError> failed_parsing(const std::string& path, std::string_view what) {
  return failed(
      fmt::format("failed parsing config: failed to parse configFile {}: yaml: {}", path, what));
}

// At most one byte more than parse_yaml takes; the errno of a failure.
std::expected<std::string, int> read_file(const std::string& path) {
  std::FILE* const file = std::fopen(path.c_str(), "rbe");
  if (file == nullptr) return std::unexpected(errno);
  std::string text(kYamlBytesMax + 1, '\0');
  errno = 0;
  text.resize(std::fread(text.data(), 1, text.size(), file));
  const int error = std::ferror(file) != 0 ? errno : 0;
  std::fclose(file);
  if (error != 0) return std::unexpected(error);
  return text;
}

std::expected<std::string, LoadError> read_text(const CommandLine& line) {
  if (line.file.empty()) return std::string(embedded_default());
  auto text = read_file(line.file);
  if (!text) {
    return failed(fmt::format("failed parsing config: failed to read configFile {}: {}", line.file,
                              std::strerror(text.error())));
  }
  if (!line.expand_env) return *std::move(text);
  auto expanded = expand_env(*text, environment_variable);
  if (!expanded) {
    return failed(
        fmt::format("failed parsing config: failed to expand env vars of configFile {}: {}",
                    line.file, expanded.error().message));
  }
  return *std::move(expanded);
}

std::expected<Loaded, LoadError> build(const std::string& text, const std::string& path,
                                       const CommandLine& line) {
  const auto document = parse_yaml(text);
  if (!document) return failed_parsing(path, document.error().message);
  auto [settings, problems] = check(*document);
  if (!problems.empty()) return failed_parsing(path, "unmarshal errors:\n" + render(problems));

  for (const auto& [key, setting] : line.settings) settings.set(key, setting);
  imply_receivers(settings);
  Loaded loaded;
  loaded.action = line.action;
  loaded.config = to_config(settings, problems);
  if (!problems.empty()) {
    return failed(fmt::format("invalid configuration in {}:\n{}", path, render(problems)));
  }
  loaded.warnings = warnings(settings);
  loaded.inactive = inactive(settings);
  return loaded;
}

}  // namespace

std::expected<Loaded, LoadError> parse(const std::string& text, const std::string& path) {
  return build(text, path, CommandLine());
}

std::expected<Loaded, LoadError> load(const std::vector<std::string>& arguments) {
  const CommandLine line = TRY(parse_flags(arguments));
  if (line.action == Action::help || line.action == Action::version) {
    Loaded loaded;
    loaded.action = line.action;
    return loaded;
  }
  const std::string text = TRY(read_text(line));
  Loaded loaded = TRY(build(text, line.file.empty() ? "(built-in)" : line.file, line));
  if (line.health) {
    const auto port = loaded.config.server.http_listen_port;
    loaded.health_url =
        line.health_url.empty() ? fmt::format("http://localhost:{}/ready", port) : line.health_url;
  }
  return loaded;
}

std::string_view embedded_default() {
  return R"(# What runs when no file is given: reachable from this machine only, data below ./data.
stream_over_http_enabled: true
server:
  http_listen_address: 127.0.0.1
  http_listen_port: 3200
  grpc_listen_address: 127.0.0.1
  grpc_listen_port: 9095
distributor:
  receivers:
    otlp:
      protocols:
        grpc: {endpoint: "127.0.0.1:4317"}
        http: {endpoint: "127.0.0.1:4318"}
storage:
  trace:
    backend: local
    wal: {path: ./data/wal}
    local: {path: ./data/blocks}
compactor:
  compaction: {block_retention: 336h}
)";
}

}  // namespace vivace::config
