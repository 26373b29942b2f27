// Read-ahead for questions, which look at the row groups of a block from the last one to the first:
// against the grain of a file, which is the one direction that kernels do not read ahead in.
//
//   column     dictionary | group 0 | group 1 | ... | group n-2 | group n-1
//                                     <------- 4 2 1 asked for <------- read
//
// The chunks of a column lie side by side. Whoever reads that of the last row group, or that of the
// one before the last that was read, is taken to go on: as much again as was read of the column so
// far is asked for, one chunk at the least and `kMostBytes` at the most; and again when the scan
// comes to the end of that. Single reads, as of a trace by id, ask for nothing unless they happen
// upon the last row group.
//
// Any thread: what is known of a column is one relaxed atomic, and a mistake costs a read too many.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "block/directory.h"

namespace vivace {

class ReadAhead {
 public:
  static constexpr uint64_t kMostBytes = 1 << 20;

  // For so many columns of the file.
  explicit ReadAhead(uint32_t columns);

  struct Extent {
    uint64_t offset = 0;
    uint64_t bytes = 0;  // 0: nothing
  };
  // What to ask for now that this chunk is about to be read.
  Extent before(const BlockDirectory& directory, uint32_t column, uint32_t slot);

  int64_t memory_bytes() const { return int64_t{columns_} * 4; }

 private:
  uint32_t columns_;
  // By column, the slot at which to ask for more: the lowest that was asked for, or the one below
  // that was read; 0: none.
  std::unique_ptr<std::atomic<uint32_t>[]> turns_;
};

}  // namespace vivace
