// Which known name did a misspelt one mean? The nearest by edit distance (insertions, deletions,
// replacements and swaps of neighbours cost 1), when it is near enough to be worth saying.
// Pure; for error messages.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace vivace::config {

// Empty when nothing is close: at most one mistake in three letters, and never more than 4.
std::string_view nearest(std::string_view name, std::span<const std::string_view> known);

// ` (did you mean "NAME"?)`, or nothing for an empty name.
std::string hint(std::string_view name);

}  // namespace vivace::config
