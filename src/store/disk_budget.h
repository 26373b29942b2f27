// What has to go so that the disk stays bounded: the rule alone, numbers in and numbers out.
//
// By age: what was received before a moment. By bytes: the oldest of ours first, until enough is
// freed; Tempo's, which nobody can make again, go for their age alone. A block is as old as the
// newest span in it is, by the time when that was received. Where that time lies in the future the
// clock was wrong then, or is now: such a block is taken to be as old as the oldest of those that
// came after it in the log, or new if there are none, so that it neither lives for ever nor goes
// early.
//
// Pure functions and a class without a lock; the cut thread's.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace vivace {

// A block, ours or Tempo's.
struct StoredBlock {
  uint64_t number = 0;  // of the caller's
  bool is_tempo = false;
  uint64_t bytes = 0;
  int64_t received_max_ns = 0;
  // Its part of the log; nothing known: 0.
  uint64_t log_from = 0;
  uint64_t log_end = 0;
  std::weak_ptr<const void> readers = {};  // who still holds its file
};

struct DiskDemand {
  int64_t received_before_ns = INT64_MIN;  // what came before has to go
  uint64_t bytes = 0;                      // so much has to be freed, beside or with that
};

struct DiskVerdict {
  std::vector<StoredBlock> too_old;
  std::vector<StoredBlock> displaced;  // not too old, but the oldest that we wrote
  uint64_t missing_bytes = 0;          // that cannot be freed, as nothing is left
};

// Puts times of the future right.
void correct_times(std::vector<StoredBlock>& blocks, int64_t now_ns);

DiskVerdict choose_what_goes(std::vector<StoredBlock> blocks, const DiskDemand& demand);

struct DiskLimits {
  uint64_t bytes_max = 0;                 // 0: none
  std::optional<uint64_t> free_min = {};  // none: of the volume's size
};

// What is to be kept free on a volume of that size: the smaller of 5 % and 1 GiB, if nothing is
// set.
uint64_t free_min_of(const DiskLimits& limits, uint64_t capacity_bytes);

// A part of bytes_max that is left to the output of merges, which stands beside its sources for a
// while.
uint64_t merge_room_of(const DiskLimits& limits);

// Whether the time of day may be used to remove what is old. When it jumps forward, by more than an
// hour against the clock that only counts, it may be wrong: what is old is hidden at once then, but
// removed an hour later. The same when the first look finds nothing that is not too old.
class ClockWatch {
 public:
  static constexpr int64_t kStepMaxNs = 3'600'000'000'000;
  static constexpr int64_t kDoubtNs = 3'600'000'000'000;

  // `all_too_old`: whether there are blocks, and all would have to go.
  bool is_trusted(int64_t unix_ns, int64_t steady_ns, bool all_too_old);

 private:
  std::optional<int64_t> offset_ns_;  // of the time of day against the steady clock
  int64_t doubted_until_ns_ = INT64_MIN;
};

}  // namespace vivace
