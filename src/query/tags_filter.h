// The filter of a tag question, compiled: which rows of a row group pass.
//
// It is what somebody types, so it forgives once more: a condition that cannot be evaluated is left
// out, and an alternative without conditions takes every span.
#pragma once

#include <optional>

#include "query/filter.h"
#include "query/tags.h"

namespace vivace {

class TagRowFilter {
 public:
  explicit TagRowFilter(const traceql::TagFilter& filter);

  // False: every row passes, and `rows` is not to be asked.
  bool filters() const { return filter_.has_value(); }
  bool needs_traces() const { return filter_ && filter_->needs_traces(); }
  bool names_roots() const {
    return filter_ && (filter_->mentions(traceql::Intrinsic::root_name) ||
                       filter_->mentions(traceql::Intrinsic::root_service));
  }
  // Bit i is the row first + i of the group.
  Result<Bits> rows(GroupColumns& group, TraceValues* maybe_traces) {
    return filter_->rows(group, maybe_traces);
  }

 private:
  std::optional<Filter> filter_;
};

}  // namespace vivace
