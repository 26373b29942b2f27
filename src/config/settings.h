// What a file and the command line have set: checked values by path. Paths are those of the
// schema's first spelling (`compactor.compaction.block_retention`, wherever the file had it);
// elements of lists of sections are `remote_write[0]`. A section that is present is an entry too,
// without a value, also when it is empty. Asking for what is not set gives the schema's default.
//
// Built by check.cc, changed by flags.cc, read by apply.cc, warnings.cc and parts.cc; one thread.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace vivace::config {

// By type of the schema: bool; int, port, bytes, durations (ns): int64_t; float: double; string,
// choice, address: string; strings; floats; map. monostate: a section, a list of them, or `any`.
using Texts = std::vector<std::string>;
using Numbers = std::vector<double>;
using TextMap = std::map<std::string, std::string>;
using Value =
    std::variant<std::monostate, bool, int64_t, double, std::string, Texts, Numbers, TextMap>;

struct Setting {
  Value value;
  std::string written;  // the path as the file has it, or the flag with its dash
  int line = 0;         // 0: set by a flag or implied
};

class Settings {
 public:
  bool has(std::string_view path) const { return entries_.contains(path); }
  const Setting* find(std::string_view path) const;

  // The value or the schema's default. The path must be in the schema and of that type.
  bool boolean(std::string_view path) const;
  int64_t integer(std::string_view path) const;
  double number(std::string_view path) const;
  std::string text(std::string_view path) const;
  Texts texts(std::string_view path) const;
  Numbers numbers(std::string_view path) const;
  TextMap map(std::string_view path) const;

  // The names below a section that are set, each once: children("distributor.receivers").
  std::set<std::string> children(std::string_view section) const;

  void set(const std::string& path, Setting setting) {
    entries_.insert_or_assign(path, std::move(setting));
  }
  // A section that is on although nobody wrote it.
  void imply(const std::string& path) { entries_.try_emplace(path); }

  const std::map<std::string, Setting, std::less<>>& entries() const { return entries_; }

 private:
  Value get(std::string_view path) const;

  std::map<std::string, Setting, std::less<>> entries_;
};

// Something wrong with the configuration; line 0 when it has none.
struct Problem {
  int line = 0;
  std::string text;
};
using Problems = std::vector<Problem>;

// One a line, `  line N: text`, by line; at most 100, then how many more there are.
std::string render(const Problems& problems);

// The problem of one setting: "key: what", with its line or the flag's name when it is set.
Problem problem_of(const Settings& settings, std::string_view path, std::string_view what);

}  // namespace vivace::config
