// The road from a command line to a Config: flags, file, environment, YAML, schema, flags on top,
// typed fields. Each step either passes everything on or ends the road with all that it found
// wrong. Called once by main.
#include "config/config.h"

#include <fmt/format.h>

#include "config/apply.h"
#include "config/check.h"
#include "config/expand_env.h"
#include "config/flags.h"
#include "config/overrides.h"
#include "config/read_file.h"
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

std::expected<std::string, LoadError> read_text(const CommandLine& line) {
  if (line.file.empty()) return std::string(embedded_default());
  auto text = read_file(line.file, kYamlBytesMax + 1);
  if (!text) {
    return failed(fmt::format("failed parsing config: failed to read configFile {}: {}", line.file,
                              text.error()));
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
  const std::string overrides = settings.text("overrides.per_tenant_override_config");
  if (!overrides.empty()) {
    loaded.overrides = std::make_shared<const OverridesFile>(
        settings, overrides, settings.integer("overrides.per_tenant_override_period"),
        line.expand_env);
  }
  return loaded;
}

// A file of overrides that cannot be used is told at start, as the main file is.
std::expected<void, LoadError> check_overrides(const Loaded& loaded) {
  if (loaded.overrides == nullptr) return {};
  const auto text = loaded.overrides->read();
  if (!text) return failed("failed reading per_tenant_override_config: " + text.error());
  const auto parsed = loaded.overrides->parse(*text);
  if (!parsed) return failed("failed parsing per_tenant_override_config " + parsed.error());
  return {};
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
  CHECK_OK(check_overrides(loaded));
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
