// Sorts what mostly consists of a few runs in order, as what comes from several sources does: by
// merging neighbours, again and again. What has no runs is sorted as anything else: no two values
// may be equal to `before`.
//
// For the writer of blocks.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace vivace {

constexpr size_t kRunLength = 8;  // shorter ones on average are none

template <class T, class Before>
void merge_runs(std::vector<T>& values, const Before& before) {
  std::vector<size_t> ends;
  for (size_t i = 0; i < values.size(); ++i) {
    if (i + 1 == values.size() || before(values[i + 1], values[i])) ends.push_back(i + 1);
  }
  if (ends.size() > 1 + values.size() / kRunLength) {
    std::ranges::sort(values, before);
    return;
  }
  std::vector<T> other(ends.size() > 1 ? values.size() : 0);
  const auto at = [](std::vector<T>& of, size_t place) {
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
