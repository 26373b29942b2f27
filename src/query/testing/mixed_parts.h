// Snapshots made by hand, of heads and of blocks on a disk in memory.
//
//   MixedParts disk;
//   Snapshot snapshot = disk.snapshot(parts, [](size_t p) { return p == 0; });   // a block, heads
//
// Not part of the product.
#pragma once

#include <functional>
#include <string>

#include "block/block.h"
#include "query/testing/parts.h"
#include "storage/fault_storage.h"

namespace vivace {

class MixedParts {
 public:
  Snapshot snapshot(const Parts& parts, const std::function<bool(size_t)>& is_block) {
    Snapshot out = snapshot_of(parts);
    for (size_t p = 0; p < out.parts.size(); ++p) {
      if (is_block(p)) out.parts[p] = block_of(*out.parts[p]);
    }
    return out;
  }

  std::shared_ptr<const Part> block_of(const Part& source) {
    const std::string path = "/blocks/" + std::to_string(++blocks_);
    ASSERT(write_block(storage_, path, {.tenant = "t", .number = blocks_}, source));
    auto block = Block::open(storage_, path, cache_);
    ASSERT(block);
    return *std::move(block);
  }

 private:
  FaultStorage storage_;
  BlockCache cache_{1 << 20};
  uint64_t blocks_ = 0;
};

}  // namespace vivace
