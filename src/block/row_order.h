// The canonical order of the spans of a block's sources, and what follows from it: traces by
// (start, id), inside a trace spans by (start, span id, kind), then as the sources come; row groups
// of whole traces; the trace table.
#pragma once

#include <vector>

#include "base/result.h"
#include "block/footer.h"
#include "block/owner_order.h"
#include "block/piece_column.h"
#include "block/trace_table.h"

namespace vivace {

struct RowOrder {
  OwnerOrder rows;
  std::vector<BlockTrace> traces;  // in their order
  // Without events and links. `end_max_ns` is no more than the latest end: BlockFile sees the
  // starts.
  std::vector<BlockGroup> groups;
  int64_t received_min_ns = 0;
};

// The sources must outlive what is returned. Code::too_large for more than kBlockRowsMax rows.
Result<RowOrder> order_rows(const BlockSources& sources);

// Events or links as values of rows: their numbers among the sources'. Those of a row stay
// together, in the order they were sent.
ReadPiece children_of_rows(const BlockSources& sources, Scope owner);
Result<OwnerOrder> order_children(const BlockSources& sources, Scope owner, const OwnerOrder& rows);

}  // namespace vivace
