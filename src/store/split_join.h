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
// What it keeps: a bit and a half for each trace of the head, 2 to 4 bytes for each that is split
// and 4 for each repeat (as much again for what questions hold), so at most some 1/6 of the head;
// and 40 bytes of times for each split trace, if the budget has room for them. If it has none, they
// are looked up whenever they are asked for, which takes longer. A join works through the head in
// slices: some 8 MiB while it goes on.
//
// Older parts that cannot be read count as not having what was asked for; `damaged` counts that.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "base/budget.h"
#include "block/block.h"
#include "head/head_part.h"
#include "store/split_sets.h"
#include "store/trace_lookup.h"

namespace vivace {

// Immutable. It may know more than a question that began earlier sees.
struct HeadSplits {
  SplitFilter traces;
  Reservation room;
};

struct CutJoin {
  std::vector<uint32_t> left_out;  // rows; ascending
  std::vector<SplitTrace> splits;  // ascending by id; of traces with rows that are not left out
  Reservation room;
};

// One a head. Any thread; whoever comes while another joins waits for it.
class HeadJoin {
 public:
  // The budget counts what it keeps; without one there is room for everything.
  explicit HeadJoin(Budget* maybe_budget = nullptr)
      : maybe_budget_(maybe_budget), room_(counted(0)) {}

  std::shared_ptr<const HeadSplits> splits(const HeadPart& head, const OlderParts& older);
  // The split traces that this head has, with the times of the whole trace or wider.
  void each_split(const HeadPart& head, const OlderParts& older,
                  const std::function<void(const SplitTrace&)>& take);
  // Ascending. Reads the span ids of the split traces' older row groups.
  std::shared_ptr<const std::vector<uint32_t>> repeats(const HeadPart& head,
                                                       const OlderParts& older);
  CutJoin at_cut(const HeadPart& head, const OlderParts& older);

  // How many look-ups failed, up to now.
  uint32_t damaged() const { return damaged_.load(std::memory_order_relaxed); }
  // Whether there was room for the times of all split traces.
  bool has_times() const;

 private:
  struct Times {
    uint32_t ordinal;
    uint64_t older_start_ns;  // of what is older
    uint64_t older_end_ns;
    uint64_t start_ns;  // with the head's rows, repeats too
    uint64_t end_ns;
  };
  // These take the mutex as held.
  void join_traces(const HeadPart& head, const OlderParts& older);
  void make_room_for_times(size_t more);
  void enter_filter(const HeadPart& head, const TraceId& id);
  void widen_times(const HeadPart& head);
  void join_rows(const HeadPart& head, const OlderParts& older);
  void join_slice(const HeadPart& head, Range slice, const OlderParts& older, LookupDamage& damage);
  std::vector<SplitTrace> older_splits(const HeadPart& head, const OlderParts& older);
  void forget();
  void count_bytes();
  Reservation counted(int64_t bytes) const;

  Budget* const maybe_budget_;
  mutable std::mutex mutex_;  // guards all below but damaged_
  SplitOrdinals is_split_;
  SplitFilter filter_;
  std::vector<Times> times_;  // of split traces, by ordinal
  bool has_times_ = true;
  uint32_t timed_rows_ = 0;   // rows whose times are in times_
  uint32_t joined_rows_ = 0;  // rows that were looked for in older parts
  std::vector<uint32_t> repeats_;
  Reservation room_;                                // of all these
  std::shared_ptr<const HeadSplits> shown_splits_;  // null: older than filter_
  std::shared_ptr<const std::vector<uint32_t>> shown_repeats_;
  std::atomic<uint32_t> damaged_{0};
};

// The split list of the block that `merged` become: of the traces in their lists, those that some
// of the tenant's other blocks has. What their lists do not name is either whole or in the list of
// a newer block. Code::corrupt: a list cannot be read.
Result<std::vector<SplitTrace>> splits_after_merge(Blocks merged, Blocks others);

}  // namespace vivace
