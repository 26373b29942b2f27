// The write-ahead log: what makes an acked request durable.
//
// Life: `open` (takes the folder's lock, reads the segment headers), `replay` once (hands back
// every durable record), `start` (the writer thread), any number of `append`s from any thread,
// `stop`.
//
//   auto room = wal.try_reserve(record_bytes(...));   // admission: before anything is promised
//   record.room = std::move(*room);
//   wal.append(std::move(record), [](Result<Lsn> lsn) { ... });
//
// Group commit: one thread takes all records that wait, writes them with one call, syncs once, then
// calls their `done` in the order of their LSNs. `done` runs on the writer thread and must not
// block for long. A `done` with an LSN means: durable. A `done` with an error means: the record may
// or may not come back at the next replay, and must not be acked. After a failed write or sync the
// segment is given up and nothing is acked until a fresh one is safely open.
//
// The log is bounded: its records take at most `bytes_max`, held by the budget until `release` says
// that everything before a position lives elsewhere. Freed segments are overwritten, not deleted,
// as long as the log is busy; `tidy` gives the disk back what a quieter one does not need, down to
// nothing when it is idle.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/budget.h"
#include "base/metrics.h"
#include "base/queue.h"
#include "wal/record.h"
#include "wal/segment.h"

namespace vivace {

struct WalOptions {
  std::string folder;
  uint64_t segment_bytes = 16 << 20;  // preallocated; a multiple of 4096
  int64_t bytes_max = 256 << 20;      // of records, all segments
  // Damaged files that no replay needs any more: past either the oldest are removed at start.
  size_t damaged_files_max = 16;
  uint64_t damaged_bytes_max = 256 << 20;
};

struct ReplayReport {
  uint64_t segments = 0;
  uint64_t records = 0;
  uint64_t bytes = 0;          // of records
  uint64_t damaged_bytes = 0;  // had been synced and cannot be read
  Lsn end = 0;                 // new records come at or behind it; not before `from`
};

class Wal {
 public:
  static Result<std::unique_ptr<Wal>> open(Storage& storage, const WalOptions& options,
                                           Metrics& metrics);
  ~Wal();  // stops

  // Visits all records from `from` on, in order; everything visited is durable afterwards. `from`
  // is never lower than anything that was released: what is missing behind it is damage. Memory:
  // one record. An error of the visitor ends it. A segment that is found damaged is kept under
  // another name and never written again.
  Result<ReplayReport> replay(Lsn from, const RecordVisitor& visit);

  void start();

  // Room for one record of record_bytes(...), or empty when the log is full.
  std::optional<Reservation> try_reserve(uint64_t bytes) {
    return budget_.try_reserve(static_cast<int64_t>(bytes));
  }

  using Done = std::move_only_function<void(Result<Lsn>)>;
  void append(WalRecord record, Done done);

  // What lies before `before` lives elsewhere, durably: its room is given back segment by segment,
  // and segments that lie wholly before it may be overwritten. Any thread.
  void release(Lsn before);

  // Removes spare segments beyond as many as were filled since the fourth call before this one, and
  // the open one when all that it holds was released and nothing was appended since the last call:
  // to be called every quarter of a minute or so. Any thread; the writer does it when it comes to
  // it.
  void tidy();
  // While the disk is short of room no spare segments are kept. Any thread.
  void set_short_of_disk(bool is_short);

  // Writes and syncs what waits, then ends the thread. Later appends fail with Code::unavailable.
  void stop();

  const Budget& budget() const { return budget_; }

 private:
  struct Segment {
    std::string path;
    std::unique_ptr<File> file = nullptr;
    SegmentHeader header;
    bool damaged = false;   // kept for inspection, never written
    Lsn end = 0;            // of its valid records
    Reservation room = {};  // of its records
  };
  struct Slot {  // a file of segment_bytes that no live record is in
    std::string path;
    std::unique_ptr<File> file = nullptr;
  };
  struct Unread {  // a file whose header cannot be read
    std::string path;
    std::unique_ptr<File> file = nullptr;
    bool damaged = false;
  };
  struct Pending {
    WalRecord record;
    Done done;  // none: a call of `tidy`
  };

  Wal(Storage& storage, const WalOptions& options, Metrics& metrics);
  // Opening; in wal_open.cc.
  Result<void> find_segments();
  Result<void> adopt_unread(Lsn from, ReplayReport& report);
  Result<void> quarantine(std::string& path);
  void drop_before(Lsn from);
  Result<void> bound_damaged();
  void report_missing(Lsn known, const SegmentHeader& header, ReplayReport& report);
  std::optional<Lsn> expected_end(size_t segment) const;
  void place_writer(Lsn from, ReplayReport& report);
  Result<void> sync_all();

  // Writing; on the writer's thread.
  void run();
  void write_group(std::deque<Pending>& group);
  size_t take_fitting(std::deque<Pending>& group, size_t first, std::vector<std::string>& heads);
  Result<void> write_and_sync(std::deque<Pending>& group, size_t first, size_t last,
                              const std::vector<std::string>& heads);
  void commit(std::deque<Pending>& group, size_t first, size_t last);
  void refuse(std::deque<Pending>& group, size_t first, size_t last, const Error& error);
  Result<void> roll(uint64_t record_bytes);
  Result<Slot> make_slot(const SegmentHeader& header);
  Result<void> fill_slot(Slot& slot, const SegmentHeader& header);
  Result<void> write_header(File& file, const SegmentHeader& header);
  void free_slot(std::string path, std::unique_ptr<File> file);
  void tidy_up();

  Storage& storage_;
  const WalOptions options_;
  Budget budget_;
  std::unique_ptr<FolderLock> lock_;

  std::mutex mutex_;          // guards the next four against `release`
  std::deque<Segment> live_;  // by base; the last is written to
  std::vector<Slot> free_;
  Lsn released_ = 0;
  bool short_of_disk_ = false;
  std::vector<Unread> unread_;  // from `open` to `replay`

  // The writer thread's.
  uint64_t next_slot_ = 1;
  Lsn next_base_ = 0;
  uint32_t epoch_ = 1;
  Segment* active_ = nullptr;  // the last of live_
  uint64_t offset_ = 0;        // in the active segment, where the next record goes
  Lsn durable_end_ = 0;        // of the last record that is durable
  bool roll_needed_ = true;    // the active segment is not to be written any more, or there is none
  bool failing_ = false;       // the last commit failed
  bool appended_ = false;      // since the last `tidy`
  std::deque<size_t> filled_ = {0};  // segments, between the last calls of `tidy`

  Queue<Pending> queue_;
  std::thread thread_;

  Histogram& commit_seconds_;
  Histogram& sync_seconds_;
  Histogram& commit_records_;
  Gauge& failing_gauge_;
  Gauge& damaged_files_;
  Counter& errors_;
  Counter& damaged_bytes_;
  Counter& freed_segments_;
  Metrics::ScrapeHook on_scrape_;  // last: it reads what stands above
};

}  // namespace vivace
