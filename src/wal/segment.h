// A segment file of the log: its header, and a reader that walks its records and tells a torn tail
// from damage (FORMAT.md, "Reading"). Used by Wal at start, from one thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "storage/storage.h"
#include "wal/record.h"

namespace vivace {

constexpr uint64_t kSegmentHeaderBytes = 64;

struct SegmentHeader {
  Lsn base = 0;
  uint64_t capacity = 0;
  Lsn previous_end = 0;
};

std::string encode_segment_header(const SegmentHeader& header);

// What the first bytes of a slot say. Without a header the slot is blank or, if `damaged`, holds
// bytes that this program did not write so.
struct SlotReading {
  std::optional<SegmentHeader> header;
  bool damaged = false;
};

// Code::unimplemented when the format is one that this version does not know.
Result<SlotReading> read_segment_header(const File& file);

// For a slot whose header cannot be read: the base that its records name, if there are records that
// the log may still need: none when the segment lies before `from`, nor past `base_max`, where no
// segment can lie. Reads the whole slot, in windows.
Result<std::optional<Lsn>> find_base(const File& file, Lsn from, Lsn base_max);

// Takes a record with its body and its place; an error ends the reading.
using RecordVisitor = std::function<Result<void>(WalRecord record, Lsn lsn)>;

struct SegmentScan {
  Lsn end = 0;         // where the valid records end
  uint32_t epoch = 0;  // the highest that was seen, also behind the end
  uint64_t records = 0;
  uint64_t damaged_bytes = 0;  // synced once, not readable now
};

struct ScanBounds {
  Lsn from = 0;                          // records before are walked over, not visited
  std::optional<Lsn> expected_end = {};  // of the records, from the next segment's header
  uint32_t epoch = 0;                    // of the last record of the segments before
};

// Visits the records in order. Memory: one record.
Result<SegmentScan> scan_segment(const File& file, const SegmentHeader& header,
                                 const ScanBounds& bounds, const RecordVisitor& visit);

}  // namespace vivace
