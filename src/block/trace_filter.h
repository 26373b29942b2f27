// Whether a trace may be in a block, for one look into memory: a split-block Bloom filter (bloom.h)
// over the fingerprints of its traces, in pages that are read and cached one by one. At 12 bits a
// trace about one absent trace in 200 seems present.
//
// Page:  8 bytes       checksum: XXH3-64 of the rest of the page, seeded with its place
//        32 x blocks   at most 512 of them
#pragma once

#include <span>
#include <string>

#include "base/result.h"
#include "block/chunk.h"
#include "block/trace_index.h"

namespace vivace {

// For so many traces.
uint32_t filter_blocks(uint32_t traces);
uint32_t filter_pages(uint32_t traces);
uint64_t filter_bytes(uint32_t traces);

// Where a page lies in its section; its entries are blocks.
IndexPage filter_page(uint32_t traces, uint32_t page);
// Where to look for a fingerprint; `traces` is not 0.
struct FilterPlace {
  uint32_t page = 0;
  uint32_t block = 0;  // in the page
};
FilterPlace filter_place(uint32_t traces, uint64_t fingerprint);
ChunkPlace filter_page_place(uint64_t block_seed, uint32_t page);

// Appends all pages.
void append_trace_filter(std::string& out, std::span<const IndexEntry> entries,
                         uint64_t block_seed);

// A page without its checksum.
class FilterPage {
 public:
  static Result<FilterPage> take(std::string_view page, const ChunkPlace& place);
  bool may_have(uint32_t block, uint64_t fingerprint) const;
  int64_t memory_bytes() const { return static_cast<int64_t>(sizeof *this + bits_.capacity()); }

 private:
  std::string bits_;
};

}  // namespace vivace
