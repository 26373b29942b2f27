// Which blocks of a tenant are merged next.
//
//   window 7                        window 8
//   [======= full =======]          [======= full =======] [====] [====] [====] [=] [=]
//
// WINDOWS of receive time never mix: all of a block expires with its window, so that retention
// unlinks files and rewrites none. A block belongs to the window of its newest span.
//
// SIZE CLASSES. In a window, `fan_in` blocks of one class, a power of 8 in bytes, become one of the
// next: each span is written again once a class, not once a cut. When a window is over, what is
// left in it becomes one block, or as few as the full size allows.
//
// COUNT. When more than `small_blocks_max` blocks are not full, windows are merged although their
// classes are not, the window with most blocks first: a search that has to open every block opens
// few.
//
// Pure functions; any thread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace vivace::compact {

struct Candidate {
  uint64_t number = 0;
  uint64_t bytes = 0;
  uint64_t rows = 0;
  uint64_t traces = 0;
  uint64_t log_from = 0;  // older spans have lower ones
  int64_t received_max_ns = 0;
};

struct PlanOptions {
  int64_t window_ns = 3'600'000'000'000;
  uint64_t full_bytes = 512ULL << 20;
  uint64_t full_rows = 16ULL << 20;
  uint64_t full_traces = 6'000'000;
  uint32_t fan_in = 8;
  uint32_t sources_max = 16;  // of one merge
  uint32_t small_blocks_max = 64;
};

// The length of windows for a retention; 0: for ever.
int64_t window_ns(int64_t retention_ns);

struct Plan {
  std::vector<uint64_t> merge;  // numbers, oldest first; empty: nothing to do
  uint64_t debt_bytes = 0;      // of all blocks that are waiting to be merged, these included
  uint32_t small_blocks = 0;    // blocks that are not full
};

Plan plan(std::span<const Candidate> blocks, const PlanOptions& options, int64_t now_ns);

}  // namespace vivace::compact
