// Which words name which tool, their usage texts, and how their ends become exit codes. A tool that
// is added later needs a line in the table, and a declaration in tool.h.
#include "tools/tools.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "tools/tool.h"

namespace vivace::tools {
namespace {

constexpr std::string_view kWhere = R"(
DIR is a data folder (with blocks/ and wal/ in it), or one of the folders that the config names.
Without DIR it is what -config.file=FILE says, and without that ./data.
)";

struct Command {
  std::string_view family;
  std::string_view verb;  // empty: the family is the tool
  Result<int> (*run)(const Tool&);
  std::vector<std::string_view> flags;
  size_t words_min;
  std::string_view usage;
};

const std::vector<Command>& commands() {
  static const std::vector<Command> kCommands = {
      {"block",
       "list",
       list_blocks,
       {"config.file"},
       0,
       R"(vivace block list [DIR] [-config.file=FILE]

Lists the blocks of all tenants: spans, traces, bytes, times, what each replaces and whether it
is damaged. Reads the block list and the end of each block. Exits 1 when something is damaged.
)"},
      {"block",
       "show",
       show_block,
       {},
       1,
       R"(vivace block show FILE

What a block's file is made of: its footer, row groups and sections, and each column with its
layout, stored and unpacked bytes, the largest first.
)"},
      {"block",
       "verify",
       verify_blocks,
       {},
       1,
       R"(vivace block verify FILE|DIR

Reads every byte of one block, or of the block list and all blocks that it names: checksums
first, then whether the contents agree with each other. Names section, row group and column of
all damage. Exits 0 when there is none, else 1.
)"},
      {"block",
       "dump",
       dump_block,
       {"trace"},
       1,
       R"(vivace block dump FILE [--trace ID]

Writes the spans of a block, or those of one trace, as OTLP JSON: one TracesData object a line,
whole traces, but for those of more than 1,000 spans, which take several lines. Each line is a
body that POST /v1/traces takes. Bytes that are not UTF-8 become U+FFFD: JSON cannot hold them.
What is damaged is left out and named on stderr; then it exits 1.
)"},
      {"wal",
       "show",
       show_log,
       {"config.file", "from"},
       0,
       R"(vivace wal show [DIR|FILE] [-config.file=FILE] [--from LSN]

Lists the segments of the write-ahead log and their records: place, tenant, time, bytes,
encoding and spans; and where bytes cannot be read. Records that are in blocks already are left
out when the block list says so, or before --from. Exits 1 when something is damaged.
)"},
      {"snapshot",
       "",
       take_snapshot,
       {"config.file", "from"},
       1,
       R"(vivace snapshot DIR [--from DATA] [-config.file=FILE]

Makes a backup in the new folder DIR, also while a server runs: hard links of all live blocks
(copies, when DIR lies on another disk), their list, and a copy of that part of the write-ahead
log that is in no block yet. Everything acknowledged before the command began is in it, once.
DIR is built beside itself as DIR.unfinished, synced and renamed at the end: a folder of that
name is whole.

To use it, start Vivace with storage.trace.local.path DIR/blocks and storage.trace.wal.path
DIR/wal. DATA is a data folder; without it -config.file says what to take, and without that
./data.
)"},
  };
  return kCommands;
}

bool asks_for_help(std::string_view word) {
  return word == "help" || word == "-h" || word == "-help" || word == "--help";
}

std::string usage(std::string_view family) {
  std::string out = "usage:\n\n";
  for (const Command& command : commands()) {
    if (command.family != family) continue;
    out += command.usage;
    out += '\n';
  }
  if (family != "snapshot") out += kWhere.substr(1);
  return out;
}

int wrong(const Console& console, std::string_view family, const std::string& what) {
  console.err(
      fmt::format("vivace {}: {}\n`vivace {} help` tells how it is used\n", family, what, family));
  return 2;
}

int run_command(Storage& storage, const Command& command, std::span<const std::string> words,
                const Console& console) {
  const std::string name = command.verb.empty()
                               ? std::string(command.family)
                               : fmt::format("{} {}", command.family, command.verb);
  const auto arguments = Arguments::parse(words, command.flags);
  if (!arguments) return wrong(console, command.family, arguments.error().message);
  if (arguments->count() < command.words_min) {
    return wrong(console, command.family, "`" + name + "` needs a file or folder");
  }
  if (arguments->count() > 1) {
    return wrong(console, command.family, "one file or folder at a time: " + (*arguments)[1]);
  }
  const auto ended = command.run({.storage = storage, .arguments = *arguments, .console = console});
  if (ended) return *ended;
  if (ended.error().code == Code::invalid_argument) {
    return wrong(console, command.family, ended.error().message);
  }
  console.err(fmt::format("vivace {}: {}\n", name, ended.error().message));
  return 1;
}

}  // namespace

bool is_tool(std::string_view word) {
  return std::ranges::any_of(commands(), [&](const Command& c) { return c.family == word; });
}

int run(Storage& storage, std::span<const std::string> words, const Console& console) {
  const std::string& family = words[0];
  if (std::ranges::any_of(words, asks_for_help)) {
    console.out(usage(family));
    return 0;
  }
  for (const Command& command : commands()) {
    if (command.family != family) continue;
    if (command.verb.empty()) return run_command(storage, command, words.subspan(1), console);
    if (words.size() > 1 && command.verb == words[1]) {
      return run_command(storage, command, words.subspan(2), console);
    }
  }
  return wrong(console, family,
               words.size() > 1 ? "there is no `" + words[1] + "`" : "what is to be done?");
}

}  // namespace vivace::tools
