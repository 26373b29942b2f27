// The thread that merges blocks: plans (compact/plan.h), writes one block of several at its pace
// (compact/pace.h), commits it in their place, again until there is nothing to merge.
//
// Its share of the CPU grows with what waits: at rest it takes the share of its options, and all of
// one CPU when there are as many small blocks as the plan allows. When there are twice as many it
// is behind, and the store admits nothing until it is not: what is not merged would make every
// query dearer, for as long as it is kept.
//
// A block that turns out to be damaged is left as it is and never merged: what of it can be read is
// still answered for. Merging that fails otherwise (a full disk) is tried again after a while.
//
// `wake`, `is_behind`, `debt_bytes`: any thread.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/budget.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "block/block.h"
#include "compact/pace.h"
#include "compact/plan.h"
#include "store/block_folder.h"

namespace vivace {

struct CompactionOptions {
  bool enabled = true;
  double cpus = 0.5;                  // of one thread, at rest
  int64_t retry_ns = 30'000'000'000;  // after a failure
  compact::PlanOptions plan = {};
};

class Compaction {
 public:
  // Puts `merged` (null: nothing of them has to stay) in the place of `old`, for readers too.
  using Commit = std::function<Result<void>(std::span<const uint64_t> old,
                                            const std::shared_ptr<Block>& merged)>;
  // Row groups whose newest span came before this moment need not be copied.
  using ReceivedAfter = std::function<int64_t()>;
  // Room on the disk for so many bytes, which stand beside their sources for a while; empty: not
  // now.
  using Reserve = std::function<std::optional<Reservation>(uint64_t bytes)>;

  Compaction(const CompactionOptions& options, BlockFolder& folder, const Clock& clock,
             Metrics& metrics);
  ~Compaction() { stop(); }

  void start(Commit commit, ReceivedAfter received_after, Reserve reserve);
  void wake();
  // Ends what is being merged, without a trace. Idempotent.
  void stop();

  bool is_behind() const { return behind_.load(std::memory_order_relaxed); }
  uint64_t debt_bytes() const { return debt_bytes_.load(std::memory_order_relaxed); }

 private:
  struct Work {
    std::string tenant;
    std::vector<std::shared_ptr<const Block>> blocks;  // oldest first; empty: nothing to do
    std::vector<std::shared_ptr<const Block>> others;  // of the tenant
  };

  void run();
  bool wait_for_blocks();
  bool go_on_after(const Error& error, const Work& work);
  bool sleep(int64_t ns);  // false: stop
  Work plan();
  Result<void> merge(const Work& work);
  Result<std::shared_ptr<Block>> write(const Work& work);
  void note_damage(const Error& error, const Work& work);
  void note_unreadable(const Error& error, const Work& work);

  const CompactionOptions options_;
  BlockFolder& folder_;
  const Clock& clock_;
  Commit commit_;
  ReceivedAfter received_after_;
  Reserve reserve_;
  compact::Pace pace_;
  std::set<uint64_t> damaged_;          // the thread's: numbers of blocks that cannot be merged
  std::set<uint64_t> unreadable_once_;  // the thread's

  std::atomic<bool> behind_{false};
  std::atomic<uint64_t> debt_bytes_{0};

  std::mutex mutex_;  // guards the next two
  std::condition_variable changed_;
  bool woken_ = false;
  bool stopping_ = false;
  std::thread thread_;

  Gauge& debt_gauge_;
  Gauge& behind_gauge_;
  Counter& merged_blocks_;
  Counter& merged_bytes_;
  Counter& merged_traces_;
  Counter& merged_spans_;
  Counter& errors_;
};

}  // namespace vivace
