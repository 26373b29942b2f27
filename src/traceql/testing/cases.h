// Reads files of test cases: one flat JSON object a line, all of whose values are strings. Just
// enough JSON for files that we write ourselves; anything else in them is a failed test.
#pragma once

#include <fstream>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "traceql/utf8.h"

namespace vivace::traceql::testing {

using Case = std::map<std::string, std::string>;

class CaseReader {
 public:
  explicit CaseReader(std::string_view line) : line_(line) {}

  Case read() {
    Case result;
    take('{');
    do {
      const std::string key = text();
      take(':');
      result[key] = text();
    } while (take_if(','));
    take('}');
    return result;
  }

 private:
  void skip_blanks() {
    while (at_ < line_.size() && line_[at_] == ' ') ++at_;
  }
  bool take_if(char c) {
    skip_blanks();
    if (at_ >= line_.size() || line_[at_] != c) return false;
    ++at_;
    return true;
  }
  void take(char c) {
    if (!take_if(c)) throw std::runtime_error("bad case: " + std::string(line_));
  }

  std::string text() {
    take('"');
    std::string out;
    while (at_ < line_.size() && line_[at_] != '"') {
      if (line_[at_] == '\\') {
        ++at_;
        escape(out);
      } else {
        out += line_[at_++];
      }
    }
    take('"');
    return out;
  }

  void escape(std::string& out) {
    const char c = line_.at(at_++);
    if (c == 'u') {
      const auto code = std::stoul(std::string(line_.substr(at_, 4)), nullptr, 16);
      append_utf8(out, static_cast<char32_t>(code));  // our files have no surrogates
      at_ += 4;
      return;
    }
    out += c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
  }

  std::string_view line_;
  size_t at_ = 0;
};

// The tree of sources lies where the compiler found this header.
inline std::string source_root() {
  const std::string here = __FILE__;
  return here.substr(0, here.rfind("src/traceql/"));
}

inline std::vector<Case> read_cases(const std::string& path) {
  std::ifstream in(source_root() + path);
  if (!in) throw std::runtime_error("cannot open " + source_root() + path);
  std::vector<Case> cases;
  for (std::string line; std::getline(in, line);) cases.push_back(CaseReader(line).read());
  return cases;
}

}  // namespace vivace::traceql::testing
