// Flags of the form `--name value` and bare `--name`, and words between them, as the programs of
// this folder take them.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace vivace::bench {

class Flags {
 public:
  // Reads from argv[from] on; names in `bare` take no value.
  Flags(int argc, char** argv, int from, const std::set<std::string>& bare) {
    for (int i = from; i < argc; ++i) {
      const std::string name = argv[i];
      if (!name.starts_with("--")) {
        words_.push_back(name);
      } else if (bare.contains(name)) {
        values_[name] = "1";
      } else if (i + 1 < argc) {
        values_[name] = argv[++i];
      }
    }
  }

  const std::vector<std::string>& words() const { return words_; }
  bool has(const std::string& name) const { return values_.contains(name); }
  std::string text(const std::string& name, const std::string& otherwise) const {
    const auto found = values_.find(name);
    return found == values_.end() ? otherwise : found->second;
  }
  double number(const std::string& name, double otherwise) const {
    return has(name) ? std::atof(text(name, "").c_str()) : otherwise;
  }
  uint64_t count(const std::string& name, uint64_t otherwise) const {
    return has(name) ? static_cast<uint64_t>(number(name, 0)) : otherwise;
  }

 private:
  std::map<std::string, std::string> values_;
  std::vector<std::string> words_;
};

}  // namespace vivace::bench
