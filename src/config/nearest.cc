// Edit distance with swaps (optimal string alignment), three rows at a time; see nearest.h. Names
// longer than 128 bytes are never near anything, which bounds the work for hostile files. Called by
// check.cc and flags.cc for their messages.
#include "config/nearest.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

namespace vivace::config {
namespace {

constexpr size_t kNameBytesMax = 128;

size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before(b.size() + 1);
  std::vector<size_t> last(b.size() + 1);
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replace = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({replace, last[j] + 1, row[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    before.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

}  // namespace

std::string_view nearest(std::string_view name, std::span<const std::string_view> known) {
  if (name.size() > kNameBytesMax) return {};
  std::string_view best;
  size_t least = std::min<size_t>(4, name.size() / 3) + 1;
  for (const std::string_view candidate : known) {
    const size_t apart =
        std::max(name.size(), candidate.size()) - std::min(name.size(), candidate.size());
    if (apart >= least) continue;
    const size_t d = distance(name, candidate);
    if (d >= least) continue;
    least = d;
    best = candidate;
  }
  return best;
}

std::string hint(std::string_view name) {
  return name.empty() ? std::string() : fmt::format(" (did you mean \"{}\"?)", name);
}

}  // namespace vivace::config
