// Sizes come from the directory, so that the column alone says how far a scan has come: how much
// was read of it by the time a chunk is reached.
#include "block/read_ahead.h"

#include <algorithm>

#include "block/layout.h"

namespace vivace {

ReadAhead::ReadAhead(uint32_t columns)
    : columns_(columns), turns_(std::make_unique<std::atomic<uint32_t>[]>(columns)) {}

ReadAhead::Extent ReadAhead::before(const BlockDirectory& directory, uint32_t column,
                                    uint32_t slot) {
  const uint32_t first = group_slot(0);
  const uint32_t last = directory.slots - 1;
  if (column >= columns_ || slot < first || slot > last) return {};
  std::atomic<uint32_t>& turn_of = turns_[column];
  const uint32_t turn = turn_of.load(std::memory_order_relaxed);
  if (slot == first) {  // the end of a scan
    turn_of.store(0, std::memory_order_relaxed);
    return {};
  }
  if (slot != turn && slot != last) {
    if (turn == 0 || slot < turn) turn_of.store(slot - 1, std::memory_order_relaxed);
    return {};
  }
  const BlockDirectory::Place read = directory.find(column, slot);
  const BlockDirectory::Place end = directory.find(column, last);
  const uint64_t wanted = std::min(end.offset + end.bytes - read.offset, kMostBytes);
  uint32_t low = slot;
  uint64_t bytes = 0;
  while (low > first && (bytes == 0 || bytes + directory.find(column, low - 1).bytes <= wanted)) {
    bytes += directory.find(column, --low).bytes;
  }
  turn_of.store(low, std::memory_order_relaxed);
  return {read.offset - bytes, bytes};
}

}  // namespace vivace
