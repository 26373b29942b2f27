// The checks of tidy.h. They look at lines, not at syntax: a rule that needs a parser is
// clang-tidy's. A violation here is either a slip, or a change of the design, and then the table
// below is changed in the same commit as docs and build files.
#include "tidy.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <map>
#include <regex>
#include <set>

namespace vivace::tidy {
namespace {

namespace fs = std::filesystem;

// Which folders a folder of src/ may include, beside itself and base. Against the road of a span,
// an include is an error, even where it would compile.
const std::map<std::string, std::set<std::string>, std::less<>> kMayInclude = {
    {"base", {}},
    {"wire", {}},
    {"config", {}},
    {"model", {}},
    {"storage", {}},
    {"net", {"wire"}},
    {"decode", {"wire", "model"}},
    {"receive", {"net", "wire", "decode", "model", "config"}},
    {"wal", {"storage"}},
    {"head", {"model"}},
    {"block", {"wire", "model", "storage"}},
    {"compact", {"block", "model", "storage"}},
    {"store", {"wal", "decode", "head", "block", "compact", "storage", "model", "config"}},
    {"generator", {"wire", "model", "config"}},
    {"traceql", {"model"}},
    {"query", {"traceql", "model", "store"}},
    {"api", {"net", "wire", "query", "traceql", "model", "config", "store"}},
    {"ui", {"net"}},
    {"app",
     {"wire", "config", "model", "storage", "net", "decode", "receive", "wal", "head", "block",
      "compact", "store", "generator", "traceql", "query", "api", "ui"}},
    {"tools", {"wire", "config", "model", "storage", "decode", "wal", "block", "store", "api"}},
    {"main.cc", {"app", "config", "net", "storage", "tools"}},
};

// What tests may include beside that: they fill a part by the road that the product fills it.
const std::map<std::string, std::set<std::string>, std::less<>> kTestsMayInclude = {
    {"head", {"decode"}},          {"generator", {"decode"}},
    {"block", {"head", "decode"}}, {"query", {"decode", "head", "block", "storage"}},
    {"tools", {"head"}},
};

// A pattern that no code line may hold, but for those whose path starts with one of `allowed`.
struct Ban {
  std::string rule;
  std::regex pattern;
  std::vector<std::string> allowed;
  enum class Where : uint8_t { product, tests, everywhere } where = Where::product;
};

std::regex pattern(const std::string& text) {
  return std::regex(text, std::regex::ECMAScript | std::regex::optimize);
}

// One of these words.
std::string any_of(std::initializer_list<std::string_view> words) {
  std::string text;
  for (const std::string_view word : words) text.append(text.empty() ? "" : "|").append(word);
  return "(" + text + ")";
}

// Calls of C functions, bare or as ::name; not a method, not Other::name. Names that methods like
// to have too (open, rename) count only as ::name.
const std::string kFileCalls =
    R"((^|[^\w:.>])(::)?)" +
    any_of({"pread(64|v2?)?", "pwrite(64|v2?)?", "f(data)?sync", "ftruncate", "fallocate", "fopen",
            "openat", "unlinkat", "renameat2?", "mkdirat?"}) +
    R"(\s*\(|(^|[^\w>])::)" +
    any_of({"open", "unlink", "rename", "rmdir", "truncate", "stat", "flock"}) +
    R"(\s*\(|\bopen\s*\(.*\bO_[A-Z]+)";
const std::string kFileTypes =
    R"(\bstd::)" + any_of({"filesystem", "(basic_)?[io]?fstream", "(basic_)?filebuf"}) + R"(\b)";
const std::string kClocks =
    R"(\b)" + any_of({"(system|steady|high_resolution)_clock", "clock_gettime", "gettimeofday"}) +
    R"(\b|\btime\s*\(\s*(nullptr|NULL|0)\s*\))";

const std::vector<Ban>& bans() {
  using enum Ban::Where;
  // What the kernel tells of the machine (/proc, cgroups) is no file at rest.
  static const std::vector<std::string> kStorage = {"src/storage/", "src/config/",
                                                    "src/app/machine.cc"};
  static const std::vector<Ban> kBans = {
      {"threads are joined, never detached",
       pattern(R"(\.detach\s*\(|thread::detach\b)"),
       {},
       everywhere},
      {"no coroutines (g++ 12 destroys their temporaries twice)",
       pattern(R"(\bco_(await|return|yield)\b)"),
       {},
       everywhere},
      {"the product prints through base/log.h or fmt",
       pattern(R"(\bstd::(cout|cerr|clog)\b)"),
       {},
       product},
      {"tests wait for conditions, they do not sleep",
       pattern(R"(\bsleep_(for|until)\b|\b(u|nano)?sleep\s*\()"),
       {},
       tests},
      {"files are touched through storage/ alone", pattern(kFileCalls), kStorage, product},
      {"files are touched through storage/ alone", pattern(kFileTypes), kStorage, product},
      {"time is read through base/clock.h", pattern(kClocks), {"src/base/", "src/net/"}, product},
  };
  return kBans;
}

// Libraries whose headers are too costly, or too wide, to be seen by every includer.
const std::array<std::string_view, 7> kNotInHeaders = {
    "<boost/asio", "<boost/beast", "<nghttp2/", "<curl/", "<yaml-cpp/", "<simdjson", "<spdlog/"};

// Paths of one machine. Split, so that this file itself does not hold them.
const std::array<std::string, 3> kForeignWords = {
    std::string("/wo") + "rk/", std::string("/ro") + "ot/", std::string("/ho") + "me/"};

constexpr size_t kColumnsMax = 100;
constexpr ptrdiff_t kOpeningLinesMin = 2;  // of a test: one, its cases say the rest

bool is_cpp(std::string_view path) { return path.ends_with(".cc") || path.ends_with(".h"); }
// Tests, and what they share: net/engine_test.cc, config/config_testing.h, model/testing/.
bool is_test(std::string_view path) {
  return path.ends_with("_test.cc") || path.ends_with("_testing.h") ||
         path.find("/testing/") != std::string_view::npos;
}
bool in_src(std::string_view path) { return path.starts_with("src/"); }

// "src/net/http.h" -> "net"; "src/main.cc" -> "main.cc".
std::string folder_of(std::string_view path) {
  path.remove_prefix(std::string_view("src/").size());
  return std::string(path.substr(0, path.find('/')));
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return lines;
}

// Characters, not bytes: continuation bytes of UTF-8 take no column.
size_t columns_of(std::string_view line) {
  return static_cast<size_t>(std::ranges::count_if(
      line, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

// Where the literal or comment that begins at `at` ends (one past); `at` itself when none begins.
size_t skip_inert(std::string_view text, size_t at) {
  const auto until = [&](std::string_view end, size_t from) {
    const size_t found = text.find(end, from);
    return found == std::string_view::npos ? text.size() : found + end.size();
  };
  const std::string_view rest = text.substr(at);
  if (rest.starts_with("//")) return std::min(text.find('\n', at), text.size());
  if (rest.starts_with("/*")) return until("*/", at + 2);
  if (rest.starts_with("R\"")) {
    const size_t open = text.find('(', at);
    if (open == std::string_view::npos) return text.size();
    return until(")" + std::string(text.substr(at + 2, open - at - 2)) + "\"", open);
  }
  const bool digit_separator =
      at > 0 && rest.starts_with('\'') && std::isxdigit(static_cast<unsigned char>(text[at - 1]));
  if (digit_separator || (!rest.starts_with('"') && !rest.starts_with('\''))) return at;
  size_t end = at + 1;
  while (end < text.size() && text[end] != rest[0] && text[end] != '\n') {
    end += text[end] == '\\' ? 2 : 1;
  }
  return std::min(end + 1, text.size());
}

std::string blank_inert(std::string_view text) {
  std::string code(text);
  for (size_t at = 0; at < text.size();) {
    const size_t end = skip_inert(text, at);
    const bool include = std::string_view(code).substr(0, at).ends_with("#include ");
    for (size_t i = at; i < end && !include; ++i) {
      if (code[i] != '\n') code[i] = ' ';
    }
    at = std::max(end, at + 1);
  }
  return code;
}

void check_opening(const File& file, Violations& found) {
  if (!in_src(file.path)) return;
  const std::vector<std::string_view> lines = lines_of(file.text);
  const auto prose =
      std::ranges::find_if_not(lines, [](std::string_view line) { return line.starts_with("//"); });
  if (prose - lines.begin() < (is_test(file.path) ? 1 : kOpeningLinesMin)) {
    found.push_back({file.path, 1, "a file opens with at least two lines of prose"});
  }
  if (file.path.ends_with(".h") && file.text.find("\n#pragma once\n") == std::string::npos) {
    found.push_back({file.path, 1, "a header says #pragma once"});
  }
}

bool test_may_include(const std::string& from, const std::string& to) {
  const auto found = kTestsMayInclude.find(from);
  return found != kTestsMayInclude.end() && found->second.contains(to);
}

void check_include(const File& file, int number, std::string_view line, Violations& found) {
  constexpr std::string_view kInclude = "#include ";
  if (!in_src(file.path) || !line.starts_with(kInclude)) return;
  const std::string_view target = line.substr(kInclude.size());

  for (const std::string_view library : kNotInHeaders) {
    if (file.path.ends_with(".h") && !is_test(file.path) && target.starts_with(library)) {
      found.push_back({file.path, number, "only .cc files include " + std::string(library)});
    }
  }
  if (!target.starts_with('"')) return;
  const std::string_view path = target.substr(1, target.find('"', 1) - 1);
  const std::string from = folder_of(file.path);
  const std::string to(path.substr(0, path.find('/')));
  if (path.find('/') == std::string_view::npos || !kMayInclude.contains(to)) {
    found.push_back({file.path, number, "our includes are written from src/: \"folder/file.h\""});
  } else if (!kMayInclude.contains(from)) {
    found.push_back({file.path, number, from + " is not in the table of folders"});
  } else if (to != from && to != "base" && !kMayInclude.at(from).contains(to) &&
             !(is_test(file.path) && test_may_include(from, to))) {
    found.push_back({file.path, number, from + " may not include " + to});
  }
}

void check_bans(const File& file, int number, std::string_view code, Violations& found) {
  for (const Ban& ban : bans()) {
    const bool test = is_test(file.path);
    const bool applies = ban.where == Ban::Where::everywhere ||
                         (ban.where == Ban::Where::tests ? test : in_src(file.path) && !test);
    const bool allowed = std::ranges::any_of(
        ban.allowed, [&](const std::string& prefix) { return file.path.starts_with(prefix); });
    if (applies && !allowed && std::regex_search(code.begin(), code.end(), ban.pattern)) {
      found.push_back({file.path, number, ban.rule});
    }
  }
}

void check_words(const File& file, int number, std::string_view line, Violations& found) {
  for (const std::string& foreign : kForeignWords) {
    if (line.find(foreign) != std::string_view::npos) {
      found.push_back({file.path, number, "the project speaks of itself alone: " + foreign});
    }
  }
}

bool is_ours(const fs::path& path) {
  static const std::set<std::string, std::less<>> kEndings = {
      "", ".cc", ".h", ".md", ".txt", ".cmake", ".sh", ".mjs", ".js", ".ts", ".yaml", ".yml"};
  return kEndings.contains(path.extension().string()) && path.filename() != "LICENSE";
}

bool is_skipped_folder(const fs::path& path) {
  static const std::set<std::string, std::less<>> kSkipped = {".git",         "build",  "data",
                                                              "node_modules", "corpus", "golden"};
  return kSkipped.contains(path.filename().string());
}

}  // namespace

File make_file(std::string path, std::string text) {
  std::string code = is_cpp(path) ? blank_inert(text) : std::string();
  return {std::move(path), std::move(text), std::move(code)};
}

std::string to_text(const Violations& violations) {
  std::string text;
  for (const Violation& v : violations) {
    text += v.path + ":" + std::to_string(v.line) + ": " + v.rule + "\n";
  }
  return text;
}

Violations check_file(const File& file) {
  Violations found;
  const std::vector<std::string_view> lines = lines_of(file.text);
  const std::vector<std::string_view> code = lines_of(file.code);
  if (is_cpp(file.path)) check_opening(file, found);
  for (size_t i = 0; i < lines.size(); ++i) {
    const int number = static_cast<int>(i) + 1;
    check_words(file, number, lines[i], found);
    if (!is_cpp(file.path)) continue;
    if (columns_of(lines[i]) > kColumnsMax) {
      found.push_back({file.path, number, "a line has at most 100 columns"});
    }
    check_include(file, number, code[i], found);
    check_bans(file, number, code[i], found);
  }
  return found;
}

Violations check_readmes(const std::vector<std::string>& paths) {
  std::set<std::string> folders, described;
  for (const std::string& path : paths) {
    if (!in_src(path) || path.find('/', 4) == std::string::npos) continue;
    folders.insert(folder_of(path));
    if (path == "src/" + folder_of(path) + "/README.md") described.insert(folder_of(path));
  }
  Violations found;
  for (const std::string& folder : folders) {
    if (!described.contains(folder)) {
      found.push_back({"src/" + folder, 0, "a folder says in README.md what it is"});
    }
  }
  return found;
}

std::vector<File> read_tree(const std::string& root) {
  std::vector<File> files;
  auto at = fs::recursive_directory_iterator(root);
  for (; at != fs::recursive_directory_iterator(); ++at) {
    if (at->is_directory() && is_skipped_folder(at->path())) at.disable_recursion_pending();
    if (!at->is_regular_file() || !is_ours(at->path())) continue;
    std::ifstream in(at->path(), std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(in), {}};
    files.push_back(make_file(fs::relative(at->path(), root).generic_string(), std::move(text)));
  }
  std::ranges::sort(files, {}, &File::path);
  return files;
}

}  // namespace vivace::tidy
