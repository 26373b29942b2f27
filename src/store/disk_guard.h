// Watches over the disk: how much is free, what takes how much, what has to go, and whether more
// may be let in.
//
//   look (cut thread)     measures, names the blocks that must go, keeps the ballast
//   admit (any thread)    refuses while the disk is full and nothing can go, or is read-only
//
// What counts against `bytes_max`: all in our two folders (blocks, log, ballast, output that is not
// yet committed, what was set aside) and Tempo's blocks. `free_min` is asked of both volumes, that
// of the log and that of the blocks. Removing blocks begins when either is passed; when nothing is
// left to remove, or half of `free_min` is gone already, requests are refused with Code::limit.
// Queries go on, and so does what was acked. It ends as soon as there is room.
//
// `admit` looks at the volumes itself when the last look is a second or some MiB ago, so that a
// cut that takes long hides nothing.
#pragma once

#include <atomic>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/budget.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "storage/counted_storage.h"
#include "store/ballast.h"
#include "store/disk_budget.h"
#include "store/tempo_blocks.h"

namespace vivace {

struct DiskOptions {
  DiskLimits limits;
  std::string tempo_folder = {};  // where Tempo's blocks may lie; empty: nowhere
};

class DiskGuard {
 public:
  struct Folders {
    std::string wal;
    std::string blocks;
  };
  // The storage must outlive it.
  DiskGuard(CountedStorage& storage, const DiskOptions& options, Folders folders,
            const Clock& clock, Metrics& metrics);

  // Once, before anything else, with the blocks that there are.
  void open(std::vector<StoredBlock> blocks, int64_t received_after_ns);

  // Any thread. Code::limit: the disk is full; Code::unavailable: it is read-only.
  Result<void> admit(uint64_t bytes);
  // Whether `look` should not wait for its turn.
  bool wants_look() const { return wants_look_.load(std::memory_order_relaxed); }
  // Whether spare files should go.
  bool is_short() const { return is_short_.load(std::memory_order_relaxed); }
  // Room for the output of a merge, until the reservation dies; empty: not now, the disk is too
  // full.
  std::optional<Reservation> reserve_for_merge(uint64_t bytes);

  // The cut thread's, as all below. Blocks are those in the list. Tempo's that have to go are
  // removed; the numbers of ours are given back for the caller to remove from the list.
  struct Going {
    std::vector<uint64_t> too_old;
    std::vector<uint64_t> displaced;
  };
  Going look(std::vector<StoredBlock> blocks, int64_t received_after_ns);
  // Those blocks left the list; their files go when nobody reads them any more.
  void note_removed(std::span<const StoredBlock> blocks, std::span<const uint64_t> numbers);

  // For a cut that needs so many bytes at most.
  void keep_ballast(uint64_t bytes);
  bool release_ballast();

 private:
  struct Volume {
    uint64_t free_bytes = 0;
    uint64_t free_min = 0;
    bool read_only = false;
  };
  struct Usage {
    uint64_t blocks = 0;
    uint64_t wal = 0;
    uint64_t ballast = 0;
    uint64_t other = 0;
    uint64_t tempo = 0;
    uint64_t total() const { return blocks + wal + ballast + other + tempo; }
  };
  enum class State : uint8_t { good, removing, refusing, read_only };

  bool is_due(uint64_t bytes);
  bool may_age(std::vector<StoredBlock>& blocks, int64_t received_after_ns);
  // These take the mutex as held.
  void measure_volumes();
  void judge();
  uint64_t volume_shortage() const;  // bytes that are missing on the volume that lacks most
  std::string reason() const;

  Usage measure_usage(const std::vector<StoredBlock>& blocks);
  uint64_t count_going();
  void find_tempo();
  void remove_tempo(const std::vector<StoredBlock>& blocks);
  void show(const Usage& usage);

  CountedStorage& storage_;
  const DiskOptions options_;
  const Folders folders_;
  const Clock& clock_;
  Ballast ballast_;
  Budget merges_;

  // The cut thread's.
  ClockWatch clock_watch_;
  std::vector<StoredBlock> going_;  // removed from the list, and read by somebody
  std::vector<TempoBlock> tempo_;
  std::optional<int64_t> tempo_found_ns_;  // steady
  bool tempo_told_ = false;                // of them, in the log
  int64_t began_ns_ = 0;                   // steady

  std::atomic<uint64_t> admitted_bytes_{0};  // since the volumes were looked at
  std::atomic<int64_t> measured_ns_;         // steady
  std::atomic<bool> wants_look_{false};
  std::atomic<bool> is_short_{false};
  std::atomic<bool> refuses_{false};

  std::mutex mutex_;  // guards the next six
  Volume wal_volume_;
  Volume blocks_volume_;
  uint64_t used_ = 0;                  // what counts against bytes_max, less what is going
  bool can_remove_ = true;             // something may go
  int64_t looked_ns_ = INT64_MIN / 2;  // steady
  State state_ = State::good;

  struct Gauges {
    Gauge& wal_free;
    Gauge& blocks_free;
    Gauge& blocks;
    Gauge& wal;
    Gauge& ballast;
    Gauge& other;
    Gauge& tempo;
    Gauge& state;
  };
  Gauges gauges_;
  Counter& refused_;
  Counter& tempo_removed_;
  Metrics::ScrapeHook on_scrape_;  // last: it reads what stands above
};

}  // namespace vivace
