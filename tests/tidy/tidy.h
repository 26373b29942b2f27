// The rules of the tree that a compiler does not hold: which folder may include which, what opens a
// file, which calls belong to one folder alone, how long a line is, what the words may speak of.
// Each check reads one File and says what breaks a rule; tidy_test runs them over the whole tree
// and over small bad samples. To add a rule: a function here, its name in `check_file`, a bad
// sample.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace vivace::tidy {

struct File {
  std::string path;  // from the root of the tree, with '/'
  std::string text;
  // The same lines with comments, string and character literals blanked out; for C++ only.
  std::string code;
};

// Makes `code` from `text`.
File make_file(std::string path, std::string text);

struct Violation {
  std::string path;
  int line = 0;  // from 1; 0: the file as a whole
  std::string rule;

  bool operator==(const Violation&) const = default;
};

using Violations = std::vector<Violation>;

// "src/net/http.h:12: rule", a line each.
std::string to_text(const Violations& violations);

// All the checks that look at one file.
Violations check_file(const File& file);

// Each folder of src/ holds a README.md. `paths` are all files of the tree.
Violations check_readmes(const std::vector<std::string>& paths);

// The files of the tree at `root`, without build output, data and foreign code.
std::vector<File> read_tree(const std::string& root);

}  // namespace vivace::tidy
