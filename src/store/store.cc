// Admission, the head thread, snapshots. Whatever thread a step runs on, batches go through the log
// and into the heads in one order, that of their positions in the log.
#include "store/store.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/log.h"
#include "base/workers.h"
#include "head/head_part.h"
#include "model/tenant.h"

namespace vivace {
namespace {

constexpr size_t kDurableMax = 16'384;  // batches between log and head

}  // namespace

Store::Store(Storage& storage, const StoreOptions& options, const Clock& clock, Metrics& metrics)
    : storage_(storage),
      options_(options),
      clock_(clock),
      head_budget_("head", options.head_bytes_max),
      split_budget_("splits", options.split_bytes_max),
      block_cache_(options.block_cache_bytes_max),
      durable_(kDurableMax),
      metrics_(metrics) {
  active_ = std::make_shared<Generation>();
  active_->room = head_budget_.reserve_always(0);
  metrics_.head_bytes_max.Set(static_cast<double>(options.head_bytes_max));
  metrics_.split_bytes_max.Set(static_cast<double>(options.split_bytes_max));
  on_scrape_ = metrics.on_scrape([this] { update_gauges(); });
}

Store::~Store() { stop(); }

Result<std::unique_ptr<Store>> Store::open(Storage& storage, const StoreOptions& options,
                                           const Clock& clock, Metrics& metrics) {
  std::unique_ptr<Store> store(new Store(storage, options, clock, metrics));
  store->wal_ = TRY(Wal::open(store->storage_, options.wal, metrics));
  store->folder_ = TRY(BlockFolder::open(store->storage_, options.blocks_folder,
                                         store->block_cache_, store->split_budget_));
  store->disk_ = std::make_unique<DiskGuard>(
      store->storage_, options.disk,
      DiskGuard::Folders{.wal = options.wal.folder, .blocks = options.blocks_folder}, clock,
      metrics);
  store->disk_->open(store->stored_blocks(), store->received_after_ns());
  store->compaction_ =
      std::make_unique<Compaction>(options.compaction, *store->folder_, clock, metrics);
  return store;
}

Result<Store::Room> Store::admit(const std::string& tenant, const Batch& batch,
                                 uint64_t log_bytes) {
  const int64_t head_bytes = Head::bytes_needed(batch) + (has_head(tenant) ? 0 : Head::kFixedBytes);
  if (head_bytes > head_budget_.bytes_max() ||
      static_cast<int64_t>(log_bytes) > wal_->budget().bytes_max()) {
    return fail(Code::too_large, fmt::format("the request needs {} bytes of memory and {} of log; "
                                             "there are {} and {} in all",
                                             head_bytes, log_bytes, head_budget_.bytes_max(),
                                             wal_->budget().bytes_max()));
  }
  if (options_.is_memory_short && options_.is_memory_short()) {
    cut_early();
    return fail(Code::limit, "memory is short; try again later");
  }
  const auto on_disk = disk_->admit(log_bytes);
  if (disk_->wants_look()) cut_wanted_.notify_one();
  if (!on_disk) return std::unexpected(on_disk.error());
  if (compaction_->is_behind()) {
    return fail(Code::limit, "too many small blocks wait to be merged; try again later");
  }
  if (holds_back(tenant)) {
    cut_early();
    return fail(Code::limit, fmt::format("the tenant holds half of the head ({} bytes) while "
                                         "others find no room; try again later",
                                         head_budget_.bytes_max()));
  }
  auto head = head_budget_.try_reserve(head_bytes);
  if (!head) {
    head_waiters_.found_no_room(tenant, clock_.steady_ns());
    cut_early();
    return fail(Code::limit, fmt::format("the head is full ({} bytes); try again later",
                                         head_budget_.bytes_max()));
  }
  auto log_room = wal_->try_reserve(log_bytes);
  if (!log_room) {
    cut_early();
    return fail(Code::limit, fmt::format("the write-ahead log is full ({} bytes); try again later",
                                         wal_->budget().bytes_max()));
  }
  return Room{std::move(*head), std::move(*log_room)};
}

// Whether others wait for room of which the tenant has half.
bool Store::holds_back(const std::string& tenant) const {
  if (!head_waiters_.others_wait(tenant, clock_.steady_ns())) return false;
  int64_t bytes = 0;
  const auto add = [&](const Generation& generation) {
    const Head* head = generation.find(tenant);
    if (head != nullptr) bytes += head->bytes();
  };
  const std::lock_guard lock(mutex_);
  add(*active_);
  for (const auto& generation : frozen_) add(*generation);
  return bytes >= head_budget_.bytes_max() / 2;
}

// The cut thread asks the head thread, which alone knows where the generation ends.
void Store::cut_early() {
  if (!short_of_room_.exchange(true)) cut_wanted_.notify_one();
}

void Store::append(Append append) {
  append.record.room = std::move(append.room.log);
  Durable durable{.tenant = append.record.tenant,
                  .batch = std::move(append.batch),
                  .log_bytes = record_bytes(append.record),
                  .body_hash = append.record.body_hash,
                  .receive_time_ns = append.record.receive_time_ns,
                  .room = std::move(append.room.head),
                  .done = std::move(append.done)};
  wal_->append(std::move(append.record),
               [this, durable = std::move(durable)](Result<Lsn> lsn) mutable {
                 if (!lsn) {
                   durable.done(std::unexpected(std::move(lsn).error()));
                   return;
                 }
                 durable.lsn = *lsn;
                 if (!durable_.push(std::move(durable))) {
                   // A refused push moves nothing. NOLINTNEXTLINE(bugprone-use-after-move)
                   durable.done(fail(Code::unavailable, "the store is stopping"));
                 }
               });
}

void Store::flush() { (void)durable_.push({.flush = true}); }

// ---------------------------------------------------------------------------- the head thread

void Store::run_head() {
  name_thread("head");
  while (auto durable = durable_.pop()) {
    if (durable->batch == nullptr) {
      turn_over_if_due(*durable);
      continue;
    }
    const Batch& batch = *durable->batch;
    const Arrival arrival{.tenant = durable->tenant,
                          .batch = batch,
                          .lsn = durable->lsn,
                          .log_bytes = durable->log_bytes,
                          .received_ns = durable->receive_time_ns};
    if (is_full(arrival)) turn_over(arrival.lsn);
    const Head::Appended appended = append_to_head(arrival);
    recent_.insert(durable->body_hash, steady_time_of(durable->receive_time_ns),
                   {batch.rejected_trace_ids, batch.rejected_span_ids, batch.rejected_by_limits()});
    durable->room.release();
    durable->done(appended);
    if (options_.listener) {
      const Head* const head = active_->find(durable->tenant);
      options_.listener(durable->tenant, std::move(durable->batch),
                        appended.repeats > 0 ? head->last_repeats() : std::vector<uint32_t>(),
                        durable->receive_time_ns);
    }
  }
}

// The generation that is appended to is this thread's; others look at it under the mutex, for which
// heads it has.
Head::Appended Store::append_to_head(const Arrival& arrival) {
  Generation& generation = *active_;
  Head& head = head_of(arrival.tenant);
  const int64_t before = head.bytes();
  const Head::Appended appended = head.append(arrival.batch, arrival.received_ns);
  generation.room.grow(head.bytes() - before);
  if (generation.spans == 0) generation.began_ns = steady_time_of(arrival.received_ns);
  generation.spans += appended.spans;
  generation.log_bytes += arrival.log_bytes;
  appended_end_ = arrival.lsn + arrival.log_bytes;
  metrics_.count_append(arrival.tenant, appended.new_traces, arrival.batch.body.size());
  if (appended.repeats > 0) metrics_.repeats.Increment(appended.repeats);
  return appended;
}

Head& Store::head_of(const std::string& tenant) {
  const auto found = active_->heads.find(tenant);
  if (found != active_->heads.end()) return *found->second;
  auto head = std::make_unique<Head>(head_regions_);
  active_->room.grow(head->bytes());
  const std::lock_guard lock(mutex_);
  active_->joins.try_emplace(tenant, &split_budget_);
  return *active_->heads.emplace(tenant, std::move(head)).first->second;
}

// Whether the next batch belongs to a generation of its own. (Age is looked at between batches.)
bool Store::is_full(const Arrival& next) const {
  const Generation& generation = *active_;
  if (generation.spans == 0) return false;
  const Head* head = generation.find(next.tenant);
  const bool no_rows = head != nullptr && next.batch.spans.size() > Head::kRowsMax - head->rows();
  return no_rows || generation.room.bytes() >= options_.generation_bytes_max ||
         generation.log_bytes >= static_cast<uint64_t>(options_.wal.bytes_max) / 2;
}

// Ages are counted by the steady clock: the time of day may be put back or forth.
int64_t Store::steady_time_of(int64_t received_ns) const {
  return clock_.steady_ns() - std::max<int64_t>(0, clock_.unix_ns() - received_ns);
}

void Store::turn_over_if_due(const Durable& question) {
  const Generation& generation = *active_;
  if (generation.spans == 0) return;
  const bool is_old = clock_.steady_ns() - generation.began_ns >= options_.generation_age_max_ns;
  // A cut of little would not make the room that is missing, but a block too many.
  const bool is_worth_it =
      generation.room.bytes() >= options_.generation_bytes_max / 4 ||
      generation.log_bytes >= static_cast<uint64_t>(options_.wal.bytes_max) / 8;
  if (question.flush || is_old || (question.short_of_room && (is_worth_it || holds_log()))) {
    turn_over(appended_end_);
  }
}

// Whether the log is filled by this generation and by what was cut before: segments are freed
// whole, so that the one in which it begins waits for it.
bool Store::holds_log() const {
  const std::lock_guard lock(mutex_);
  return frozen_.empty() && wal_->budget().used() >= options_.wal.bytes_max / 2;
}

void Store::turn_over(Lsn end) {
  auto next = std::make_shared<Generation>();
  next->from = end;
  next->room = head_budget_.reserve_always(0);
  log::info("head block cut. enqueueing flush op", {{"spans", active_->spans.load()},
                                                    {"head_bytes", active_->room.bytes()},
                                                    {"log_bytes", active_->log_bytes},
                                                    {"end", end}});
  const std::lock_guard lock(mutex_);
  active_->end = end;
  frozen_.push_back(std::exchange(active_, std::move(next)));
  cut_wanted_.notify_one();
}

// ---------------------------------------------------------------------------- readers

bool Store::has_head(const std::string& tenant) const {
  const std::lock_guard lock(mutex_);
  return active_->find(tenant) != nullptr;
}

int64_t Store::received_after_ns() const {
  return options_.retention_ns > 0 ? clock_.unix_ns() - options_.retention_ns : 0;
}

Snapshot Store::snapshot(const std::string& tenant) const {
  Snapshot out;
  out.received_after_ns = received_after_ns();
  SplitTraces::Sources sources{.received_after_ns = out.received_after_ns};
  const auto add = [&](const std::shared_ptr<const Generation>& generation) {
    const Head* head = generation->find(tenant);
    if (head == nullptr) return;
    auto part = std::make_shared<const HeadPart>(share(generation, head));
    HeadJoin* join = &generation->joins.find(tenant)->second;
    sources.heads.push_back({part, std::shared_ptr<HeadJoin>(generation, join)});
    out.parts.push_back(std::move(part));
  };
  {
    const std::lock_guard lock(mutex_);
    const auto found = blocks_->tenants.find(tenant);
    if (found != blocks_->tenants.end()) {
      out.damaged_parts = found->second.damaged;
      out.parts.assign(found->second.blocks.begin(), found->second.blocks.end());
      sources.blocks = found->second.blocks;
      sources.of_blocks = found->second.splits;
    }
    for (const auto& generation : frozen_) add(generation);
    add(active_);
  }
  out.splits = std::make_shared<const SplitTraces>(std::move(sources));
  return out;
}

bool Store::has_tenant(const std::string& tenant) const {
  if (tenant == kSingleTenant) return true;
  const std::lock_guard lock(mutex_);
  return blocks_->tenants.contains(tenant) || active_->find(tenant) != nullptr ||
         std::ranges::any_of(frozen_, [&](const auto& g) { return g->find(tenant) != nullptr; });
}

void Store::stop() {
  if (stopped_) return;
  stopped_ = true;
  if (wal_ != nullptr) wal_->stop();
  durable_.close();
  if (head_thread_.joinable()) head_thread_.join();
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  cut_wanted_.notify_one();
  if (cut_thread_.joinable()) cut_thread_.join();
  if (compaction_ != nullptr) compaction_->stop();
}

void Store::update_gauges() {
  metrics_.head_bytes.Set(static_cast<double>(head_budget_.used()));
  metrics_.split_bytes.Set(static_cast<double>(split_budget_.used()));
  metrics_.cache_bytes.Set(static_cast<double>(block_cache_.bytes()));
  std::map<std::string, StoreMetrics::Stored> stored;
  const auto add = [&](const Generation& generation) {
    for (const auto& [name, head] : generation.heads) {
      stored[name].live_traces += head->traces();
      stored[name].live_bytes += static_cast<double>(head->bytes());
    }
  };
  {
    const std::lock_guard lock(mutex_);
    const Generation& oldest = frozen_.empty() ? *active_ : *frozen_.front();
    metrics_.generation_age_seconds.Set(
        oldest.spans == 0 ? 0 : static_cast<double>(clock_.steady_ns() - oldest.began_ns) / 1e9);
    metrics_.cuts_waiting.Set(static_cast<double>(frozen_.size()));
    for (const auto& generation : frozen_) add(*generation);
    add(*active_);
    for (const auto& [name, tenant] : blocks_->tenants) {
      StoreMetrics::Stored& out = stored[name];
      out.blocks = static_cast<double>(tenant.blocks.size() + tenant.damaged);
      out.damaged_blocks = tenant.damaged;
      out.split_traces = static_cast<double>(tenant.splits->size());
      for (const auto& block : tenant.blocks) {
        out.block_bytes += static_cast<double>(block->summary().file_bytes);
        out.block_spans += block->summary().rows;
        ++out.blocks_by_size[StoreMetrics::size_class(block->summary().file_bytes)];
      }
    }
  }
  metrics_.show(stored);
}

}  // namespace vivace
