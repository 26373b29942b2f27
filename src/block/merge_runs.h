// Sorts what consists of a few runs in order, as what comes from several sources does: by merging
// neighbours, again and again. Stable.
//
// For the writer of blocks.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace vivace {

template <class Before>
void merge_runs(std::vector<uint32_t>& values, const Before& before) {
  std::vector<size_t> ends;
  for (size_t i = 0; i < values.size(); ++i) {
    if (i + 1 == values.size() || before(values[i + 1], values[i])) ends.push_back(i + 1);
  }
  std::vector<uint32_t> other(ends.size() > 1 ? values.size() : 0);
  const auto at = [](std::vector<uint32_t>& of, size_t place) {
    return of.begin() + static_cast<ptrdiff_t>(place);
  };
  while (ends.size() > 1) {
    size_t from = 0;
    size_t kept = 0;
    for (size_t i = 0; i < ends.size(); i += 2) {
      const size_t middle = ends[i];
      const size_t end = i + 1 < ends.size() ? ends[i + 1] : middle;
      std::merge(at(values, from), at(values, middle), at(values, middle), at(values, end),
                 at(other, from), before);
      ends[kept++] = end;
      from = end;
    }
    ends.resize(kept);
    values.swap(other);
  }
}

}  // namespace vivace
