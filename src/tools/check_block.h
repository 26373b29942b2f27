// Checks one block's file from its first byte to its last: checksums of all that it consists of,
// then whether what it says agrees with itself. Nothing is stopped by damage: all of it is found
// and named, and what can still be checked is.
//
// One thread; reads the file about twice. Memory: that of reading a row group, 16 bytes a span of
// the largest trace, and the filter of traces.
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "storage/storage.h"
#include "tools/block_file.h"

namespace vivace::tools {

struct Damage {
  std::string place;  // section, and column with row group or dictionary where it is in one
  std::string what;
};

struct BlockReport {
  uint64_t bytes = 0;
  uint64_t chunks = 0;
  uint64_t pages = 0;  // of the index and the filter
  uint64_t groups = 0;
  uint64_t columns = 0;  // of a row group each
  uint64_t traces = 0;
  uint64_t spans = 0;  // that were read whole
  std::vector<Damage> damages = {};
  std::vector<std::string> notes = {};  // what could not be checked, mostly for damage elsewhere

  // Chunks that cannot be read, by column and slot, and sections.
  std::set<std::pair<uint32_t, uint32_t>> bad_chunks = {};
  std::set<uint16_t> bad_sections = {};
  void add(std::string place, std::string what) {
    damages.push_back({std::move(place), std::move(what)});
  }
};

BlockReport check_block(Storage& storage, const std::string& path);

// The two halves of it.
void check_bytes(const BlockFile& file, BlockReport& report);
void check_contents(Storage& storage, const std::string& path, const BlockFile& file,
                    BlockReport& report);

}  // namespace vivace::tools
