// What Tempo's CheckConfig warns of. A warning does not stop a start, but -config.verify then exits
// 1: only what is listed here may warn. See apply.h.
#include <fmt/format.h>

#include "config/apply.h"
#include "config/check.h"
#include "config/schema.h"
#include "config/values.h"

namespace vivace::config {
namespace {

class Warnings {
 public:
  explicit Warnings(const Settings& settings) : settings_(settings) {}

  std::vector<std::string> run() {
    periods();
    counts();
    switches();
    block_format();
    overrides();
    return std::move(out_);
  }

 private:
  void periods() {
    shorter_than_poll("ingester.complete_block_timeout",
                      "a block could leave its first place before it is found in the next");
    shorter_than_poll("compactor.compaction.block_retention",
                      "blocks are looked at less often than they expire");
  }

  void shorter_than_poll(std::string_view path, std::string_view why) {
    constexpr std::string_view kPoll = "storage.trace.blocklist_poll";
    const int64_t period = settings_.integer(path);
    const int64_t poll = settings_.integer(kPoll);
    if (period >= poll) return;
    warn(fmt::format("{} ({}) is shorter than {} ({}): {}", path, format_duration(period), kPoll,
                     format_duration(poll), why));
  }

  void counts() {
    for (const std::string_view path : {"compactor.compaction.retention_concurrency",
                                        "storage.trace.blocklist_poll_concurrency"}) {
      if (settings_.integer(path) == 0) {
        warn(fmt::format("{} is 0: its default {} is used", path, find_field(path)->default_text));
      }
    }
    const int64_t shards = settings_.integer("query_frontend.trace_by_id.query_shards");
    if (settings_.integer("query_frontend.trace_by_id.concurrent_shards") > shards) {
      warn(
          fmt::format("query_frontend.trace_by_id.concurrent_shards is more than query_shards "
                      "({}): the rest has nothing to do",
                      shards));
    }
  }

  void switches() {
    for (const std::string_view name : {"log_received_spans", "log_discarded_spans"}) {
      if (settings_.boolean(fmt::format("distributor.{}.enabled", name))) {
        warn(fmt::format("distributor.{} is on: every span is a line in the log", name));
      }
    }
    if (settings_.text("target") != "all" && settings_.text("storage.trace.backend") == "local") {
      warn(
          "target is not \"all\" and storage.trace.backend is \"local\": a local disk serves one "
          "process only");
    }
    if (!settings_.text("storage.trace.cache").empty()) {
      warn("storage.trace.cache is set: it is deprecated and has no effect");
    }
    if (settings_.boolean("storage.trace.s3.native_aws_auth_enabled")) {
      warn("storage.trace.s3.native_aws_auth_enabled is set: it is deprecated and has no effect");
    }
  }

  // v2_* are settings of a block format that has to be chosen first.
  void block_format() {
    if (settings_.text("storage.trace.block.version") == "v2") return;
    for (const auto& [path, setting] : settings_.entries()) {
      const bool counts = path.starts_with("storage.trace.") || path.starts_with("compactor.");
      if (!counts || path.find(".v2_") == path.npos) continue;
      if (setting.value == default_value(*find_field(path))) continue;
      warn(fmt::format("{} is set and storage.trace.block.version is not \"v2\": it has no effect",
                       path));
    }
  }

  void overrides() {
    for (const auto& [path, setting] : settings_.entries()) {
      if (!path.starts_with("overrides.defaults") || setting.written.starts_with('-') ||
          setting.written.starts_with("overrides.defaults")) {
        continue;
      }
      warn(fmt::format("{} is a flat key: this shape of overrides is deprecated; write {}",
                       setting.written, path));
      break;
    }
    const std::string of_tenants =
        settings_.text("overrides.user_configurable_overrides.client.local.path");
    if (!of_tenants.empty() && of_tenants == settings_.text("storage.trace.local.path")) {
      warn(
          "overrides.user_configurable_overrides.client.local.path is storage.trace.local.path: "
          "the two must not share a directory");
    }
  }

  void warn(std::string text) { out_.push_back(std::move(text)); }

  const Settings& settings_;
  std::vector<std::string> out_;
};

}  // namespace

std::vector<std::string> warnings(const Settings& settings) { return Warnings(settings).run(); }

}  // namespace vivace::config
