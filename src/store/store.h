// The store: what was acked, durable and visible, in heads and blocks.
//
//   auto store = TRY(Store::open(storage, options, clock, metrics));  // takes the folders' locks
//   TRY(store->recover());                                            // block list, then the log
//
//   if (auto known = store->acked_before(hash)) ...                   // the same bytes again
//   auto room = TRY(store->admit(tenant, *batch, wal_bytes));         // Code::limit: try again
//   later store->append({record, batch, room, done});                 // done: durable and visible
//
//   auto snapshot = store->snapshot(tenant);                          // for one question
//
// The road of a batch: admission reserves room in the head and the log; the log thread makes the
// record durable; the head thread appends the batch in log order and publishes it whole; then comes
// `done`. So what a query shows is durable, and what was acked is shown. After `admit` nothing but
// a failing disk can refuse a batch.
//
// The road of a generation (generation.h): when its heads or its part of the log are large or old
// enough, or memory is short, the head thread freezes it and begins the next; the cut thread writes
// its blocks, commits them to the block list, swaps them for the frozen heads in one step that no
// reader can see half of, and gives the log back. A cut that fails is tried again until it
// succeeds; meanwhile everything stays where it is, and admission refuses what no longer fits. The
// cut thread also removes blocks that are past retention, which readers do not see from that moment
// on, and looks after the disk (disk_guard.h). Meanwhile blocks are merged (compaction.h).
//
// `admit`, `append`, `acked_before`, `snapshot`, `has_tenant`: any thread. `done` runs on the head
// thread (on the log thread after a failure) and must not block.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/budget.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "base/queue.h"
#include "block/block.h"
#include "head/head.h"
#include "model/batch.h"
#include "store/block_folder.h"
#include "store/compaction.h"
#include "store/disk_guard.h"
#include "store/generation.h"
#include "store/head_waiters.h"
#include "store/recent_bodies.h"
#include "store/snapshot.h"
#include "store/store_metrics.h"
#include "wal/wal.h"

namespace vivace {

struct StoreOptions {
  WalOptions wal;
  std::string blocks_folder;
  int64_t head_bytes_max = 160 << 20;       // of all heads, frozen ones too
  int64_t generation_bytes_max = 64 << 20;  // of the heads of one generation
  int64_t generation_age_max_ns = 1'800'000'000'000;
  int64_t retention_ns = 336LL * 3600 * 1'000'000'000;  // 0: for ever
  int64_t block_cache_bytes_max = 32 << 20;
  int64_t split_bytes_max = 32 << 20;  // what is kept of traces that lie in several parts
  int check_period_ms = 1000;          // how often age and retention are looked at
  CompactionOptions compaction = {};
  DiskOptions disk = {};
  // Nothing is admitted then. Any thread; may be empty.
  std::function<bool()> is_memory_short = {};
  // Gets each batch of a tenant after its ack, with the ordinals of those of its spans that were
  // stored before, and when it was received. On the head thread; must not block. May be empty.
  std::function<void(const std::string&, std::unique_ptr<Batch>, std::vector<uint32_t>, int64_t)>
      listener = {};
};

class Store {
 public:
  static Result<std::unique_ptr<Store>> open(Storage& storage, const StoreOptions& options,
                                             const Clock& clock, Metrics& metrics);
  ~Store();  // stops

  struct Recovered {
    ReplayReport log;
    uint64_t blocks = 0;
    uint64_t spans = 0;        // from the log
    uint64_t undecodable = 0;  // records that are whole, but make no batch; they are set aside
  };
  // Opens the blocks, builds the heads from the log, then starts the threads. Memory is bounded:
  // when the heads are full they are cut, as always. Once, before anything else.
  Result<Recovered> recover();

  std::optional<RecentBodies::Answer> acked_before(const Hash128& body) const {
    return recent_.find(body, clock_.steady_ns());
  }

  struct Room {
    Reservation head;
    Reservation log;
  };
  // Code::too_large: it would not fit into an empty store. Code::limit: it may later. A tenant that
  // has half of the heads finds no room while others wait for some (head_waiters.h).
  Result<Room> admit(const std::string& tenant, const Batch& batch, uint64_t log_bytes);

  struct Append {
    WalRecord record;  // its room comes from `room`
    std::unique_ptr<Batch> batch;
    Room room;
    std::move_only_function<void(Result<Head::Appended>)> done;
  };
  void append(Append append);

  Snapshot snapshot(const std::string& tenant) const;
  // Whether anything is stored for it; true for the tenant of an instance without tenants.
  bool has_tenant(const std::string& tenant) const;

  // Cuts all heads, whatever their age and size, behind what is being appended now. Any thread; may
  // wait for room in a queue, not for the cut.
  void flush();

  // Finishes what was appended, syncs, ends the threads. What is in heads stays in the log.
  // Idempotent.
  void stop();

 private:
  struct Durable {  // a batch on its way from the log to the head; without one: is a cut due?
    std::string tenant = {};
    std::unique_ptr<Batch> batch = nullptr;
    Lsn lsn = 0;
    uint64_t log_bytes = 0;
    Hash128 body_hash = {};
    int64_t receive_time_ns = 0;
    Reservation room = {};
    std::move_only_function<void(Result<Head::Appended>)> done = {};
    bool short_of_room = false;  // without a batch: whether something was refused
    bool flush = false;          // without a batch: whatever the heads are
  };

  Store(Storage& storage, const StoreOptions& options, const Clock& clock, Metrics& metrics);

  // Recovery; in store_recover.cc.
  Result<void> replay_record(WalRecord record, Lsn lsn, Recovered& out);
  void set_aside(const WalRecord& record, Lsn lsn);
  Result<void> bound_set_aside();

  bool holds_back(const std::string& tenant) const;
  void cut_early();
  bool has_head(const std::string& tenant) const;

  // The head thread; before it runs, replay.
  struct Arrival {
    const std::string& tenant;
    const Batch& batch;
    Lsn lsn;
    uint64_t log_bytes;
    int64_t received_ns;
  };
  void run_head();
  Head::Appended append_to_head(const Arrival& arrival);
  Head& head_of(const std::string& tenant);
  bool is_full(const Arrival& next) const;
  int64_t steady_time_of(int64_t received_ns) const;
  void turn_over_if_due(const Durable& question);
  bool holds_log() const;
  void turn_over(Lsn end);

  // The cut thread; in store_cut.cc.
  void run_cut();
  Result<void> cut_oldest();
  Result<void> cut(const Generation& generation);
  Result<void> write_blocks(const Generation& generation);
  Result<std::shared_ptr<Block>> write_block_of(const Generation& generation,
                                                const std::string& tenant, const Head& head);
  // In store_disk.cc.
  bool cut_with_ballast();
  void look_after_disk();
  std::vector<StoredBlock> stored_blocks() const;
  bool remove_blocks(const std::vector<StoredBlock>& blocks, const std::vector<uint64_t>& numbers);
  uint64_t next_cut_bytes() const;
  // What changes the block list, and then what readers see.
  Result<void> replace_blocks(std::span<const uint64_t> old, const std::shared_ptr<Block>& merged);
  int64_t received_after_ns() const;
  void update_gauges();

  CountedStorage storage_;
  const StoreOptions options_;
  const Clock& clock_;
  Budget head_budget_;
  HeadWaiters head_waiters_;
  Budget split_budget_;
  const std::shared_ptr<RegionPool> head_regions_ = std::make_shared<RegionPool>();
  BlockCache block_cache_;
  std::unique_ptr<DiskGuard> disk_;
  std::unique_ptr<Wal> wal_;
  std::unique_ptr<BlockFolder> folder_;
  std::unique_ptr<Compaction> compaction_;
  RecentBodies recent_;

  std::mutex commits_;  // held from a change of the block list until readers see it

  mutable std::mutex mutex_;  // guards the next five
  std::shared_ptr<Generation> active_;
  std::deque<std::shared_ptr<const Generation>> frozen_;  // oldest first
  std::shared_ptr<const BlockSet> blocks_ = std::make_shared<BlockSet>();
  std::condition_variable cut_wanted_;
  bool stopping_ = false;

  std::atomic<bool> short_of_room_{false};       // something was refused: cut early
  Lsn appended_end_ = 0;                         // the head thread's: where its last record ends
  std::vector<std::shared_ptr<Block>> written_;  // the cut thread's: of a cut not yet committed
  int64_t tidied_ns_ = 0;                        // the cut thread's: the log; steady

  Queue<Durable> durable_;
  std::thread head_thread_;
  std::thread cut_thread_;
  bool stopped_ = false;
  StoreMetrics metrics_;
  Metrics::ScrapeHook on_scrape_;  // last: it reads what stands above
};

}  // namespace vivace
