// The filter of a tag question as rows of row groups.
#pragma once

#include "query/tags_scan.h"

namespace vivace {

class TagRowFilter {
 public:
  explicit TagRowFilter(const traceql::TagFilter& filter)
      : filters_(!filter.alternatives.empty()) {}
  bool filters() const { return filters_; }
  Result<void> pick(const Snapshot&, const Part&, uint32_t, Picked&, Inspected&) {
    return fail(Code::unimplemented, "filters of tags");
  }

 private:
  bool filters_;
};

}  // namespace vivace
