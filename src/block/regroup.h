// From the order of the source to that of the block: which values of a flat column belong to a row
// group, in the order of its owners. Picks are indices into the flat column, made once a column and
// row group; gathering by them is a loop without decisions.
#pragma once

#include <span>
#include <vector>

#include "block/flat_column.h"

namespace vivace {

// An order of spans, events or links, and where row groups end in it.
struct OwnerOrder {
  std::vector<uint32_t> source;  // by number in the block: number in the source
  std::vector<uint32_t> placed;  // the other way round
  std::vector<uint32_t> ends;    // of the row groups, by number in the block

  uint32_t groups() const { return static_cast<uint32_t>(ends.size()); }
  Range group(uint32_t group) const {
    const uint32_t first = group == 0 ? 0 : ends[group - 1];
    return {first, ends[group] - first};
  }
  // From `source`.
  void place();
};

// As they are, in one group: resources and scopes.
OwnerOrder same_order(uint32_t owners);

struct Picks {
  bool dense = false;                // each owner once
  std::span<const uint32_t> owners;  // offsets in the row group, ascending; empty if dense
  std::span<const uint32_t> values;  // indices into the flat column
};

class Regrouped {
 public:
  // Both must outlive this.
  Regrouped(const FlatColumn& column, const OwnerOrder& order);
  // Groups are asked for in ascending order. Good until the next call.
  Picks group(uint32_t group);
  // To begin again at group 0.
  void rewind() { next_ = 0; }

 private:
  void mark_owners();
  void sort_values();
  void pick_marked(const Range& owners);
  void pick_sorted(const Range& owners);

  const FlatColumn& column_;
  const OwnerOrder& order_;
  // Many values: which owners of the source have any, how many owners before each word of the
  // bitmap do, and, if some have several, where each one's begin.
  std::vector<uint64_t> marks_;
  std::vector<uint32_t> before_;
  std::vector<uint32_t> starts_;
  // Few: (number of the owner in the block, index of the value), sorted.
  std::vector<uint64_t> sorted_;
  size_t next_ = 0;
  std::vector<uint32_t> owners_;
  std::vector<uint32_t> values_;
};

}  // namespace vivace
