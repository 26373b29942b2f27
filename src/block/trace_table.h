// The traces of one row group: their ids, runs of rows, times and roots. A trace that fills several
// row groups stands in each of them, with the same entry. Content of a chunk:
//
//   4 bytes  number of the first row of the first trace
//   16 each  ids
//            numbers (numbers.h), four runs: spans; starts; ends less starts, wrapping;
//            root rows less the first row of the trace, plus 1; 0: none
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "block/footer.h"
#include "model/columns.h"

namespace vivace {

using BlockTrace = TraceRun;

struct TraceTable {
  uint32_t first_trace = 0;
  std::vector<BlockTrace> traces;

  const BlockTrace& at(uint32_t ordinal) const { return traces[ordinal - first_trace]; }
  int64_t memory_bytes() const {
    return static_cast<int64_t>(sizeof *this + traces.capacity() * sizeof(BlockTrace));
  }
};

std::string trace_table_content(std::span<const BlockTrace> traces);
// The traces cover the rows of the group, and lie within those of the block.
Result<TraceTable> take_trace_table(std::string_view content, const BlockGroup& group,
                                    uint32_t rows);

}  // namespace vivace
