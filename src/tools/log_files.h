// The segments of a log as files, whether a server writes to them or not. What Wal does at start it
// does under a lock, and changes names; here nothing is changed.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "storage/storage.h"
#include "wal/segment.h"

namespace vivace::tools {

struct LogFile {
  std::string name;
  std::string path;
  uint64_t bytes = 0;
  SlotReading slot;

  bool is_segment() const { return slot.header.has_value(); }
  Lsn base() const { return slot.header ? slot.header->base : 0; }
  Lsn end() const { return slot.header ? slot.header->base + slot.header->capacity : 0; }
};

Result<LogFile> read_log_file(Storage& storage, const std::string& path);
// By base; those without a header first.
Result<std::vector<LogFile>> find_log_files(Storage& storage, const std::string& folder);

// Where the records of a segment end, if the segment behind it says so; as Wal believes it.
std::optional<Lsn> expected_end(const LogFile& segment, const LogFile* next);

}  // namespace vivace::tools
