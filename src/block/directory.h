// Where each chunk of a block lies: the chunks stand one behind the other, column by column, slot
// by slot, so that their lengths say it all. Stored as one chunk: the lengths as a run of numbers.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "block/footer.h"

namespace vivace {

struct BlockDirectory {
  uint32_t slots = 0;
  std::vector<uint32_t> lengths;  // by column and slot; 0: there is no chunk
  std::vector<uint64_t> starts;   // by column, in the file

  struct Place {
    uint64_t offset = 0;
    uint32_t bytes = 0;
  };
  Place find(uint32_t column, uint32_t slot) const;
  int64_t memory_bytes() const;
};

// Most columns times slots.
constexpr uint64_t kDirectoryCellsMax = 1ULL << 24;

std::string directory_content(const std::vector<uint32_t>& lengths);
Result<BlockDirectory> take_directory(std::string_view content, const BlockFooter& footer);

}  // namespace vivace
