// Splits words from flags, as they come. What a flag means, and how many words there may be, is the
// tool's to say.
#include "tools/arguments.h"

#include <algorithm>

#include <fmt/format.h>

namespace vivace::tools {

Result<Arguments> Arguments::parse(std::span<const std::string> words,
                                   std::span<const std::string_view> flags) {
  Arguments out;
  for (size_t i = 0; i < words.size(); ++i) {
    std::string_view word = words[i];
    if (!word.starts_with('-') || word == "-") {
      out.words_.emplace_back(word);
      continue;
    }
    word.remove_prefix(word.starts_with("--") ? 2 : 1);
    const size_t equals = word.find('=');
    const std::string name(word.substr(0, equals));
    if (std::ranges::find(flags, name) == flags.end()) {
      return fail(Code::invalid_argument, fmt::format("there is no flag {}", words[i]));
    }
    if (equals == std::string_view::npos && i + 1 == words.size()) {
      return fail(Code::invalid_argument, fmt::format("{} needs a value", words[i]));
    }
    const std::string value(equals == std::string_view::npos ? std::string_view(words[++i])
                                                             : word.substr(equals + 1));
    if (!out.flags_.emplace(name, value).second) {
      return fail(Code::invalid_argument, fmt::format("--{} is given twice", name));
    }
  }
  return out;
}

std::string Arguments::flag(std::string_view name) const {
  const auto found = flags_.find(name);
  return found == flags_.end() ? std::string() : found->second;
}

}  // namespace vivace::tools
