// The command line, as Go's flag package reads one: -x, --x, -x=v, -x v; booleans bare or -x=false;
// the first argument that is no flag ends it, and so does `--`. Pure; called once at start.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/config.h"
#include "config/settings.h"

namespace vivace::config {

struct Flag {
  std::string_view name;
  std::string_view path;  // the schema's key that it sets, if any: type and default are the key's
  std::string_view meaning;
  std::string_view type = {};     // without a key: a word of the schema's tables
  std::string_view initial = {};  // without a key: its default
};

// All that are known, in the order in which `-help` shows them.
const std::vector<Flag>& flags();

struct CommandLine {
  Action action = Action::run;
  std::string file;         // -config.file
  bool expand_env = false;  // -config.expand-env
  bool health = false;      // -health
  std::string health_url;
  // What wins over the file, by path, in order.
  std::vector<std::pair<std::string, Setting>> settings;
};

// `exit_code` of the error is 2, as Go ends after a wrong command line.
std::expected<CommandLine, LoadError> parse_flags(const std::vector<std::string>& arguments);

}  // namespace vivace::config
