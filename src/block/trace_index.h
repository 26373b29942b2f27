// Trace id -> ordinal, for look-ups that cost one page: all fingerprints of a block's traces,
// sorted, in pages of 2.5 KiB, and the first fingerprint of each page in a section of its own,
// which is kept in the cache. A page has 16 bits of each fingerprint. They may be equal by chance:
// the id decides, in the trace table.
//
// Page:  8 bytes       checksum: XXH3-64 of the rest of the page, seeded with its place
//        1             shift: how many bits too many (last - first fingerprint) has for 16
//        2 x entries   (fingerprint - first of the page) >> shift, ascending
//        3 x entries   ordinals
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "block/chunk.h"

namespace vivace {

struct IndexEntry {
  uint64_t fingerprint = 0;
  uint32_t ordinal = 0;
};

// How many pages so many traces take, and how many bytes.
uint32_t index_pages(uint32_t traces);
uint64_t index_bytes(uint32_t traces);
// Where a page lies in its section.
struct IndexPage {
  uint64_t offset = 0;
  uint32_t entries = 0;
  uint64_t bytes = 0;
};
IndexPage index_page(uint32_t traces, uint32_t page);

// Sorts the entries and appends their pages; returns the first fingerprints.
std::vector<uint64_t> append_index(std::string& out, std::vector<IndexEntry>& entries,
                                   uint64_t block_seed);

// Adds the ordinals that may have a fingerprint that is so much more than the first of the page;
// true when the next page may hold more.
Result<bool> find_in_index_page(std::string_view page, const ChunkPlace& place,
                                uint64_t above_first, std::vector<uint32_t>& ordinals);

ChunkPlace index_page_place(uint64_t block_seed, uint32_t page);

}  // namespace vivace
