// The table of flags, and the reading of a command line against it. A flag that has a key in the
// file is only a path into the schema: type, default and the effect are the key's. See flags.h.
#include "config/flags.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "base/result.h"
#include "config/check.h"
#include "config/nearest.h"
#include "config/schema.h"
#include "config/values.h"

namespace vivace::config {

const std::vector<Flag>& flags() {
  static const std::vector<Flag> all = {
      {"config.file", "", "the YAML file; without one, built-in settings for a first try", "string",
       ""},
      {"config.expand-env", "", "replace ${VARIABLE} in the file before reading it", "bool",
       "false"},
      {"config.verify", "", "check the settings and exit: 0 good, 1 errors or warnings", "bool",
       "false"},
      {"version", "", "print the version and exit", "bool", "false"},
      {"help", "", "print this text and exit", "bool", "false"},
      {"h", "", "the same", "bool", "false"},
      {"health", "", "ask a running process whether it is ready: exits 0 or 1", "bool", "false"},
      {"health.url", "", "what -health asks (default http://localhost:PORT/ready)", "string", ""},
      {"target", "target", "what runs: all"},
      {"log.level", "server.log_level", "least level that is logged"},
      {"server.http-listen-port", "server.http_listen_port", "port of the HTTP API"},
      {"server.grpc-listen-port", "server.grpc_listen_port", "port of the gRPC API"},
      {"http-api-prefix", "http_api_prefix", "what stands before /api and other API paths"},
      {"shutdown-delay", "shutdown_delay", "time between SIGTERM and the stop, not ready"},
      {"multitenancy.enabled", "multitenancy_enabled", "require X-Scope-OrgID"},
      {"auth.enabled", "multitenancy_enabled", "the same, old name"},
      {"storage.trace.backend", "storage.trace.backend", "where blocks lie: local"},
      {"storage.trace.local.path", "storage.trace.local.path", "directory of blocks"},
      {"storage.trace.wal.path", "storage.trace.wal.path", "directory of the write-ahead log"},
      {"storage.trace.blocklist_poll", "storage.trace.blocklist_poll", "period of maintenance"},
      {"storage.trace.pool.max-workers", "storage.trace.pool.max_workers",
       "parallel work of queries"},
      {"storage.trace.pool.queue-depth", "storage.trace.pool.queue_depth", "work that may wait"},
      {"compactor.compaction.block-retention", "compactor.compaction.block_retention",
       "how long traces are kept"},
      {"compactor.compaction.compaction-window", "compactor.compaction.compaction_window",
       "time span of merged blocks"},
      {"compactor.compaction.max-objects-per-block", "compactor.compaction.max_compaction_objects",
       "most traces in a merged block"},
      {"compactor.compaction.max-block-bytes", "compactor.compaction.max_block_bytes",
       "most bytes in a merged block"},
      {"compactor.disabled", "compactor.disabled", "do not merge blocks; retention still runs"},
      {"ingester.trace-idle-period", "ingester.trace_idle_period",
       "idle time after which a trace leaves memory"},
      {"ingester.max-block-duration", "ingester.max_block_duration", "most time in one block"},
      {"ingester.max-block-bytes", "ingester.max_block_bytes", "most bytes in one block"},
      {"ingester.complete-block-timeout", "ingester.complete_block_timeout",
       "how long a block is kept near"},
      {"ingester.max-traces-per-user", "overrides.defaults.ingestion.max_traces_per_user",
       "most live traces of a tenant"},
      {"ingester.max-global-traces-per-user",
       "overrides.defaults.ingestion.max_global_traces_per_user", "the same over a cluster"},
      {"ingester.max-bytes-per-trace", "overrides.defaults.global.max_bytes_per_trace",
       "most bytes of one trace"},
      {"distributor.ingestion-rate-limit-bytes", "overrides.defaults.ingestion.rate_limit_bytes",
       "bytes a second that a tenant may send"},
      {"distributor.ingestion-burst-size-bytes", "overrides.defaults.ingestion.burst_size_bytes",
       "bytes that it may send at once"},
      {"distributor.rate-limit-strategy", "overrides.defaults.ingestion.rate_strategy",
       "local or global: the same in one process"},
      {"distributor.log-received-spans.enabled", "distributor.log_received_spans.enabled",
       "log each span"},
      {"distributor.log-received-spans.include-attributes",
       "distributor.log_received_spans.include_all_attributes", "with its attributes"},
      {"distributor.log-received-spans.filter-by-status-error",
       "distributor.log_received_spans.filter_by_status_error", "only those with an error"},
      {"querier.max-bytes-per-tag-values-query",
       "overrides.defaults.read.max_bytes_per_tag_values_query",
       "most bytes in a list of tag values"},
      {"querier.max-blocks-per-tag-values-query",
       "overrides.defaults.read.max_blocks_per_tag_values_query", "most blocks read for one"},
      {"config.per-user-override-config", "overrides.per_tenant_override_config",
       "file of limits by tenant"},
      {"config.per-user-override-period", "overrides.per_tenant_override_period",
       "how often it is read"},
      {"config.enable-legacy-overrides", "overrides.enable_legacy_overrides",
       "no effect: flat overrides are always read"},
      {"enable-go-runtime-metrics", "enable_go_runtime_metrics", "no effect"},
      {"reporting.enabled", "usage_report.reporting_enabled",
       "no effect: nothing is ever reported"},
      {"mem-ballast-size-mbs", "", "no effect", "int", "0"},
      {"mutex-profile-fraction", "", "no effect", "int", "0"},
      {"block-profile-threshold", "", "no effect", "int", "0"},
      {"span-profiling", "", "no effect", "bool", "false"},
      {"memberlist.host-port", "", "no effect: there is one process", "string", ""},
      {"memberlist.bind-port", "", "no effect", "int", "7946"},
      {"memberlist.message-history-buffer-bytes", "", "no effect", "int", "0"},
  };
  return all;
}

namespace {

Type type_of(const Flag& flag) {
  if (!flag.path.empty()) return find_field(flag.path)->type;
  if (flag.type == "bool") return Type::boolean;
  return flag.type == "int" ? Type::integer : Type::text;
}

Field field_of(const Flag& flag) {
  if (!flag.path.empty()) return *find_field(flag.path);
  Field field;
  field.type = type_of(flag);
  return field;
}

LoadError wrong(std::string message) {
  return {.message = std::move(message) + "\nRun with -help for all flags.", .exit_code = 2};
}

LoadError unknown(std::string_view name) {
  std::vector<std::string_view> names;
  for (const Flag& flag : flags()) names.push_back(flag.name);
  const std::string_view near = nearest(name, names);
  return wrong(fmt::format("flag provided but not defined: -{}{}", name,
                           hint(near.empty() ? "" : fmt::format("-{}", near))));
}

// Go's flag package knows these besides true and false.
std::string_view go_bool(std::string_view text) {
  if (text == "1" || text == "t" || text == "T") return "true";
  if (text == "0" || text == "f" || text == "F") return "false";
  return text;
}

void keep(CommandLine& line, const Flag& flag, Value value) {
  const bool is_on = value == Value(true);
  if (!flag.path.empty()) {
    line.settings.emplace_back(flag.path, Setting{std::move(value), fmt::format("-{}", flag.name)});
  } else if (flag.name == "config.file") {
    line.file = std::get<std::string>(value);
  } else if (flag.name == "config.expand-env") {
    line.expand_env = is_on;
  } else if (flag.name == "health") {
    line.health = is_on;
  } else if (flag.name == "health.url") {
    line.health_url = std::get<std::string>(value);
  } else if (flag.name == "config.verify" && line.action != Action::version) {
    line.action = is_on ? Action::verify : Action::run;
  } else if (flag.name == "version" && is_on) {
    line.action = Action::version;
  }
}

class Reader {
 public:
  explicit Reader(const std::vector<std::string>& arguments) : arguments_(arguments) {}

  std::expected<CommandLine, LoadError> run() {
    while (next_ < arguments_.size() && line_.action != Action::help) {
      std::string_view argument = arguments_[next_];
      if (argument.size() < 2 || argument[0] != '-' || argument == "--") break;
      ++next_;
      CHECK_OK(take(argument.substr(argument[1] == '-' ? 2 : 1)));
    }
    return std::move(line_);
  }

 private:
  std::expected<void, LoadError> take(std::string_view argument) {
    const size_t equals = argument.find('=');
    const std::string_view name = argument.substr(0, equals);
    if (name.empty() || name[0] == '-') {
      return std::unexpected(wrong(fmt::format("bad flag syntax: -{}", argument)));
    }
    const auto flag = std::ranges::find(flags(), name, &Flag::name);
    if (flag == flags().end()) return std::unexpected(unknown(name));
    if (name == "h" || name == "help") {
      line_.action = Action::help;
      return {};
    }
    const bool is_bool = type_of(*flag) == Type::boolean;
    std::string_view text = "true";
    if (equals != argument.npos) {
      text = argument.substr(equals + 1);
    } else if (!is_bool) {
      if (next_ == arguments_.size()) {
        return std::unexpected(wrong(fmt::format("flag needs an argument: -{}", name)));
      }
      text = arguments_[next_++];
    }
    auto value = parse_scalar(field_of(*flag), is_bool ? go_bool(text) : text);
    if (!value) {
      return std::unexpected(wrong(fmt::format("invalid value \"{}\" for flag -{}: expected {}",
                                               text, name, value.error())));
    }
    keep(line_, *flag, *std::move(value));
    return {};
  }

  const std::vector<std::string>& arguments_;
  size_t next_ = 0;
  CommandLine line_;
};

std::string_view type_word(const Flag& flag) {
  switch (type_of(flag)) {
    case Type::boolean:
      return "";
    case Type::integer:
    case Type::port:
      return " int";
    case Type::bytes:
      return " bytes";
    case Type::duration:
    case Type::long_duration:
      return " duration";
    default:
      return " string";
  }
}

}  // namespace

std::expected<CommandLine, LoadError> parse_flags(const std::vector<std::string>& arguments) {
  return Reader(arguments).run();
}

std::string usage() {
  std::string out =
      "Usage: vivace [flags]\n\nFlags win over the file. -x and --x, -x=v and -x v are the "
      "same.\n\n";
  for (const Flag& flag : flags()) {
    const std::string_view initial =
        flag.path.empty() ? flag.initial : find_field(flag.path)->default_text;
    out += fmt::format("  -{}{}\n        {}", flag.name, type_word(flag), flag.meaning);
    if (!initial.empty()) out += fmt::format(" (default {})", initial);
    out += '\n';
  }
  return out;
}

}  // namespace vivace::config
