// What a run found: rows of figures, each beside its yardstick, and what does not add up. Printed
// as a table, and as JSON for whoever compares runs.
#pragma once

#include <string>
#include <vector>

namespace vivace::bench {

// What the same machine does at best, in the unit of the row beside it.
struct Yardstick {
  std::string what;  // empty: the row has none
  double value = 0;
};

struct Row {
  std::string name;  // key in the JSON
  std::string what;
  double value = 0;
  std::string unit;
  Yardstick beside;
  std::string goal;  // in words; empty when the figure only explains others
};

class Report {
 public:
  void add(Row row) { rows_.push_back(std::move(row)); }
  // A figure that must not be believed or an answer that was wrong: the run fails.
  void fault(std::string what) { faults_.push_back(std::move(what)); }

  bool is_sound() const { return faults_.empty(); }
  void print() const;
  std::string json() const;

 private:
  std::vector<Row> rows_;
  std::vector<std::string> faults_;
};

// A line to standard error, so that a long run shows that it lives.
void progress(const std::string& text);

}  // namespace vivace::bench
