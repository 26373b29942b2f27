// Tables and times for people's eyes: what the tools print. Pure functions, but for Table, which
// keeps its rows until it is printed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace vivace::tools {

// Rows of cells, as wide as the widest of their column, two spaces between. Text stands at the
// left; a cell that begins with a digit at the right.
class Table {
 public:
  explicit Table(std::vector<std::string> heads) { rows_.push_back(std::move(heads)); }
  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  std::string text() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

// "2026-01-02T03:04:05.678Z", of ns since 1970.
std::string time_text(uint64_t unix_ns);
// With all nine digits.
std::string exact_time_text(uint64_t unix_ns);

std::string ratio_text(uint64_t of, uint64_t to);  // "3.25"; "-" when `to` is 0
std::string share_text(uint64_t of, uint64_t to);  // "12.5%"

// Bytes that could confuse a terminal become \xNN.
std::string printable(std::string_view text);

}  // namespace vivace::tools
