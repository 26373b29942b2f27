// The command line of a tool: words, and flags with a value, in any order. Flags are written as
// those of the server are: -x v, -x=v, with one dash or two.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace vivace::tools {

class Arguments {
 public:
  // Code::invalid_argument for a flag that is not among `flags`, has no value or comes twice.
  static Result<Arguments> parse(std::span<const std::string> words,
                                 std::span<const std::string_view> flags);

  // Empty when it was not given.
  std::string flag(std::string_view name) const;
  size_t count() const { return words_.size(); }
  const std::string& operator[](size_t word) const { return words_[word]; }

 private:
  std::vector<std::string> words_;
  std::map<std::string, std::string, std::less<>> flags_;
};

}  // namespace vivace::tools
