// Small pieces of header text, as the receivers compare it: names of media types, encodings and
// headers have no case, and lists have blanks. Pure functions; any thread.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace vivace::receive {

inline std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return out;
}

inline std::string_view trim(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

}  // namespace vivace::receive
