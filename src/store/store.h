// The store: what was acked, durable in the log and visible in the heads.
//
//   auto store = TRY(Store::open(storage, options, clock, metrics));   // takes the folder's lock
//   TRY(store->recover());                                             // replay; then it takes
//   spans
//
//   if (auto known = store->acked_before(hash)) ...                    // the same bytes again
//   auto room = TRY(store->admit(tenant, *batch, wal_bytes));          // Code::limit: try again
//   later store->append({record, batch, room, done});                        // done: durable and
//   visible
//
//   auto snapshot = store->snapshot(tenant);                           // for one question
//
// The road of a batch: admission reserves room in the head and the log; the log thread makes the
// record durable; the head thread appends the batch in log order and publishes it whole; then comes
// `done`. So what a query shows is durable, and what was acked is shown. After `admit` nothing but
// a failing disk can refuse a batch.
//
// `admit`, `append`, `acked_before`, `snapshot`: any thread. `done` runs on the head thread (on the
// log thread after a failure) and must not block.
#pragma once

#include <atomic>
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
#include "head/head.h"
#include "model/batch.h"
#include "store/recent_bodies.h"
#include "store/snapshot.h"
#include "wal/wal.h"

namespace vivace {

struct StoreOptions {
  WalOptions wal;
  int64_t head_bytes_max = 160 << 20;  // of all tenants' heads
};

class Store {
 public:
  static Result<std::unique_ptr<Store>> open(Storage& storage, const StoreOptions& options,
                                             const Clock& clock, Metrics& metrics);
  ~Store();  // stops

  struct Recovered {
    ReplayReport log;
    uint64_t spans = 0;
    uint64_t undecodable = 0;  // records that are whole, but make no batch
  };
  // Builds the heads from the log, then starts the threads. Once, before anything else.
  Result<Recovered> recover();

  std::optional<RecentBodies::Answer> acked_before(const Hash128& body) const {
    return recent_.find(body, clock_.unix_ns());
  }

  struct Room {
    Reservation head;
    Reservation log;
  };
  // Code::too_large: it would not fit into an empty store.
  Result<Room> admit(const std::string& tenant, const Batch& batch, uint64_t log_bytes);

  struct Append {
    WalRecord record;  // its room comes from `room`
    std::unique_ptr<Batch> batch;
    Room room;
    std::move_only_function<void(Result<Head::Appended>)> done;
  };
  void append(Append append);

  Snapshot snapshot(const std::string& tenant) const;
  // Whether anything was ever stored for it; true for the tenant of an instance without tenants.
  bool has_tenant(const std::string& tenant) const;

  // Finishes what was appended, syncs, ends the threads. Idempotent.
  void stop();

 private:
  struct Durable {  // a batch on its way from the log to the head
    std::string tenant;
    std::unique_ptr<Batch> batch;
    Hash128 body_hash;
    int64_t receive_time_ns = 0;
    Reservation room;
    std::move_only_function<void(Result<Head::Appended>)> done;
  };
  struct Tenant {
    std::shared_ptr<Head> head;
    Gauge* live_traces = nullptr;
    Gauge* live_bytes = nullptr;
    Counter* traces_created = nullptr;
    Counter* bytes_received = nullptr;
  };

  Store(const StoreOptions& options, const Clock& clock, Metrics& metrics);
  Result<void> replay_record(WalRecord record, Recovered& out);
  Tenant& tenant(const std::string& name);
  bool has_head(const std::string& tenant) const;
  Head::Appended append_to_head(const std::string& tenant_name, const Batch& batch,
                                int64_t received_ns);
  void run_head();

  const Clock& clock_;
  Metrics& metrics_;
  Budget head_budget_;
  Reservation head_room_;  // what the heads take now
  std::unique_ptr<Wal> wal_;
  RecentBodies recent_;

  mutable std::mutex mutex_;               // guards tenants_, whose heads the head thread fills
  std::map<std::string, Tenant> tenants_;  // nodes never move

  Queue<Durable> durable_;
  std::thread head_thread_;
  bool stopped_ = false;
  Counter& repeats_;
};

}  // namespace vivace
