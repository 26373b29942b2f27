// Blocks that Tempo has left in the same folder, `<local.path>/<tenant>/<uuid>/`: not read, but
// they take room and grow old as ours do. A folder is one of them if its name is a UUID, its
// meta.json (or meta.compacted.json) names that UUID and an end time, and nothing is in it that
// Tempo does not write; all else is left alone.
//
// The cut thread's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/storage.h"

namespace vivace {

struct TempoBlock {
  std::string folder;
  std::string meta;                // the name of its file; removed last
  std::vector<std::string> files;  // the names of the others
  uint64_t bytes = 0;
  int64_t end_ns = 0;  // of its newest span
};

// All below a folder. What cannot be read is passed over.
std::vector<TempoBlock> find_tempo_blocks(Storage& storage, const std::string& folder);

// So that a crash leaves what is recognised again.
Result<void> remove_tempo_block(Storage& storage, const TempoBlock& block);

// The end time in a meta.json of that block; empty when it is none.
std::optional<int64_t> tempo_end_time(std::string_view meta, std::string_view block_id);

// RFC 3339 in ns since 1970.
std::optional<int64_t> parse_rfc3339(std::string_view text);

}  // namespace vivace
