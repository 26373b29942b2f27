// Columns as wide as their longest text; a ratio is the row's value over its yardstick's.
#include "report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include <fmt/format.h>

namespace vivace::bench {
namespace {

std::string number(double value) {
  if (std::abs(value) >= 1000) return fmt::format("{:.0f}", value);
  return fmt::format("{:.{}f}", value, std::abs(value) >= 10 ? 1 : 3);
}

bool has_ratio(const Row& row) { return !row.beside.what.empty() && row.beside.value != 0; }

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

std::string json_of(const Row& row) {
  std::string text = fmt::format("{{\"name\": {}, \"what\": {}, \"value\": {:.6g}, \"unit\": {}",
                                 quoted(row.name), quoted(row.what), row.value, quoted(row.unit));
  if (has_ratio(row)) {
    text += fmt::format(", \"yardstick\": {}, \"yardstick_value\": {:.6g}, \"ratio\": {:.6g}",
                        quoted(row.beside.what), row.beside.value, row.value / row.beside.value);
  }
  if (!row.goal.empty()) text += fmt::format(", \"goal\": {}", quoted(row.goal));
  return text + "}";
}

}  // namespace

void progress(const std::string& text) { fmt::print(stderr, "bench: {}\n", text); }

void Report::print() const {
  fmt::print("{:<50} {:>10} {:<5} {:>8}  {:<44} {}\n", "", "value", "", "ratio", "yardstick",
             "goal");
  for (const Row& row : rows_) {
    const bool compared = has_ratio(row);
    const std::string ratio = compared ? number(row.value / row.beside.value) : "";
    const std::string beside =
        compared ? fmt::format("{} {}", number(row.beside.value), row.beside.what) : "";
    fmt::print("{:<50} {:>10} {:<5} {:>8}  {:<44} {}\n", row.what, number(row.value), row.unit,
               ratio, beside, row.goal);
  }
  for (const std::string& fault : faults_) fmt::print("MISMATCH: {}\n", fault);
}

std::string Report::json() const {
  std::string text = "{\n  \"rows\": [";
  for (size_t i = 0; i < rows_.size(); ++i) {
    text += (i == 0 ? "\n    " : ",\n    ") + json_of(rows_[i]);
  }
  text += "\n  ],\n  \"faults\": [";
  for (size_t i = 0; i < faults_.size(); ++i) {
    text += (i == 0 ? "\n    " : ",\n    ") + quoted(faults_[i]);
  }
  return text + "\n  ]\n}\n";
}

}  // namespace vivace::bench
