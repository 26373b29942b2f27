// The block list: the file that says which blocks are alive and where in the log replay begins.
// Changing it is the only commit: a block that it does not name does not exist, and what lies
// before its replay point is in its blocks. Drawn in FORMAT.md.
//
// It is replaced as a whole: written aside, synced, renamed over the old one, and the folder
// synced, so that a crash leaves the old list or the new one. An error of `write` leaves open
// which; writing the same list again is safe.
//
// One thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "storage/storage.h"
#include "wal/record.h"

namespace vivace {

struct ListedBlock {
  uint64_t number = 0;
  std::string tenant;
  uint64_t bytes = 0;  // of the file
  uint64_t rows = 0;
  int64_t received_max_ns = 0;

  bool operator==(const ListedBlock&) const = default;
};

struct BlockList {
  Lsn replay_from = 0;
  uint64_t next_number = 1;         // blocks are never given a number twice
  std::vector<ListedBlock> blocks;  // ascending by number

  bool operator==(const BlockList&) const = default;
};

std::string to_text(const BlockList& list);
// Code::corrupt names the line; Code::unimplemented: a version that is newer than ours.
Result<BlockList> parse_block_list(std::string_view text);

// Of a folder that has none: Code::not_found.
Result<BlockList> read_block_list(Storage& storage, const std::string& folder);
Result<void> write_block_list(Storage& storage, const std::string& folder, const BlockList& list);

}  // namespace vivace
