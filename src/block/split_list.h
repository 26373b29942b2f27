// The traces of a block of which other blocks have spans too: content of a section that is one
// chunk, and is there only if there are such traces.
//
//   4 bytes  count; not 0
//   16 each  ids, ascending
//            numbers of 64 bits: starts; then ends less starts, wrapping
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "block/block_writer.h"

namespace vivace {

struct SplitList {
  std::vector<SplitTrace> traces;
  int64_t memory_bytes() const {
    return static_cast<int64_t>(sizeof *this + traces.capacity() * sizeof(SplitTrace));
  }
};

std::string split_list_content(std::span<const SplitTrace> traces);
// Of a block with so many traces.
Result<SplitList> take_split_list(std::string_view content, uint32_t traces);

}  // namespace vivace
