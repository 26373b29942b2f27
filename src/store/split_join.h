// The join of a head with everything older that its tenant has, by trace id. It says
//   - which of the head's traces are *split*: older parts have spans of them too;
//   - which of its rows are *repeats*: an older part has the same (span id, kind) of that trace, in
//     a row group that is not past retention. A client sent it again after its head was frozen.
//
// What is older than a head never gains a trace: all of it was frozen when the head began, and is
// only written down (cut), put together (merged) or lost (retention) from then on. So each trace
// and each row is joined once, whichever blocks hold the older spans by then; a question pays for
// what came since the last one, and the cut for what no question has asked for.
//
//   auto splits = join.splits(head, older);      // for questions; `head` as the question sees it
//   CutJoin cut = join.at_cut(head, older);      // for the block that takes the head's place
//
// Older parts that cannot be read count as not having what was asked for; `damaged` counts that.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "block/block.h"
#include "head/head_part.h"
#include "store/trace_lookup.h"

namespace vivace {

// Immutable. It may know more than a question that began earlier sees.
struct HeadSplits {
  struct Trace {
    TraceId id = {};
    uint32_t ordinal = 0;         // in the head
    uint64_t older_start_ns = 0;  // of what is older
    uint64_t older_end_ns = 0;
    uint64_t start_ns = 0;  // with the head's rows, repeats too
    uint64_t end_ns = 0;
  };
  std::vector<Trace> traces;  // by ordinal
  TraceHashes hashes;
};

struct CutJoin {
  std::vector<uint32_t> left_out;  // rows; ascending
  std::vector<SplitTrace> splits;  // ascending by id; of traces with rows that are not left out
};

// One a head. Any thread; whoever comes while another joins waits for it.
class HeadJoin {
 public:
  std::shared_ptr<const HeadSplits> splits(const HeadPart& head, const OlderParts& older);
  // Ascending. Reads the span ids of the split traces' older row groups.
  std::shared_ptr<const std::vector<uint32_t>> repeats(const HeadPart& head,
                                                       const OlderParts& older);
  CutJoin at_cut(const HeadPart& head, const OlderParts& older);

  // How many look-ups failed, up to now.
  uint32_t damaged() const { return damaged_.load(std::memory_order_relaxed); }

 private:
  static constexpr uint32_t kWhole = UINT32_MAX;

  // These take the mutex as held.
  void join_traces(const HeadPart& head, const OlderParts& older);
  void widen_times(const HeadPart& head);
  void join_rows(const HeadPart& head, const OlderParts& older);
  void forget();

  std::mutex mutex_;                // guards all below but damaged_
  std::vector<uint32_t> split_of_;  // by ordinal: place in splits_.traces, or kWhole
  HeadSplits splits_;
  uint32_t timed_rows_ = 0;   // rows whose times are in splits_
  uint32_t joined_rows_ = 0;  // rows that were looked for in older parts
  std::vector<uint32_t> repeats_;
  std::shared_ptr<const HeadSplits> shown_splits_;  // null: older than splits_
  std::shared_ptr<const std::vector<uint32_t>> shown_repeats_;
  std::atomic<uint32_t> damaged_{0};
};

// The split list of the block that `merged` become: of the traces in their lists, those that some
// of the tenant's other blocks has. What their lists do not name is either whole or in the list of
// a newer block. Code::corrupt: a list cannot be read.
Result<std::vector<SplitTrace>> splits_after_merge(Blocks merged, Blocks others);

}  // namespace vivace
