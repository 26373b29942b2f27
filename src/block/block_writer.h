// Writes a block: the spans of one or more parts, put in canonical order, as an immutable columnar
// file (FORMAT.md). Called by whoever cuts a generation or merges blocks, on a thread that may
// block.
//
//   auto summary = TRY(write_block(storage, path, {.tenant = "acme", .number = 7}, head));
//   CHECK_OK(storage.sync_directory(folder));   // now the name is durable as well
//
// Memory beside the sources: the order of the rows (8 bytes each at the most), what columns are
// told by (8 bytes), the table of traces (56 bytes each), and of one column at a time a few decoded
// row groups of each source; of a head, which stays as it is, the codes of one column of texts.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/columns.h"
#include "model/ids.h"
#include "storage/storage.h"

namespace vivace {

// What the block list says of a block as well: a lost list can be rebuilt from the footers.
struct BlockIdentity {
  std::string tenant = {};
  uint64_t number = 0;
  // The range of the write-ahead log that it holds.
  uint64_t log_from = 0;
  uint64_t log_end = 0;
  std::vector<uint64_t> replaces = {};  // numbers of the blocks that went into this one

  bool operator==(const BlockIdentity&) const = default;
};

// All 0 in a block without spans, but for the size of the file.
struct BlockSummary {
  uint64_t file_bytes = 0;
  uint32_t rows = 0;
  uint32_t traces = 0;
  uint64_t start_min_ns = 0;
  uint64_t end_max_ns = 0;  // not below start_min_ns
  int64_t received_min_ns = 0;
  int64_t received_max_ns = 0;

  bool operator==(const BlockSummary&) const = default;
};

// A trace of which there are spans in other blocks too.
struct SplitTrace {
  TraceId id;
  uint64_t start_ns = 0;  // of the whole trace, as far as it was known when this was written
  uint64_t end_ns = 0;

  bool operator==(const SplitTrace&) const = default;
};

struct BlockSource {
  const Part* part = nullptr;
  std::vector<uint32_t> left_out = {};    // rows that are not copied, ascending
  int64_t received_after_ns = INT64_MIN;  // nor are row groups whose newest span came before
};

struct BlockContent {
  std::vector<BlockSource> sources;     // oldest first: of equal spans the first is kept
  std::vector<SplitTrace> splits = {};  // ascending by id; traces that are not here are passed over
  // Called between chunks by a writer that is in no hurry; may sleep. An error ends the work.
  std::function<Result<void>()> pace = {};
};

// Writes the file and syncs it; the folder exists, and is synced by the caller. Overwrites a
// leftover. On an error nothing is left that would open as a block. Parts without rows make a
// block without rows.
//
// Errors: Code::io; those of the source; Code::too_large for what the format cannot hold (more than
// kBlockRowsMax rows, or a chunk of more than 1 GiB).
constexpr uint32_t kBlockRowsMax = 16U << 20;
Result<BlockSummary> write_block(Storage& storage, const std::string& path,
                                 const BlockIdentity& identity, const BlockContent& content);
// All of one part.
Result<BlockSummary> write_block(Storage& storage, const std::string& path,
                                 const BlockIdentity& identity, const Part& source);

}  // namespace vivace
