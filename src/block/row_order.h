// The canonical order of a part's spans, and what follows from it: traces by (start, id), inside a
// trace spans by (start, span id, kind), then as in the source; row groups of whole traces; the
// trace table.
#pragma once

#include <vector>

#include "base/result.h"
#include "block/footer.h"
#include "block/regroup.h"
#include "block/trace_table.h"

namespace vivace {

struct RowOrder {
  OwnerOrder rows;
  std::vector<BlockTrace> traces;  // in their order
  std::vector<BlockGroup> groups;  // without events and links
  int64_t received_min_ns = 0;
};

Result<RowOrder> order_rows(const Part& source);

// Events or links: those of a row stay together, in the order they were sent.
struct ChildOrder {
  OwnerOrder order;
  std::vector<uint32_t> rows;  // of the block, by number in the block
};
Result<ChildOrder> order_children(const Part& source, Field row_field, const OwnerOrder& rows);

}  // namespace vivace
