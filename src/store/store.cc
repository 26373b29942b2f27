// Admission, the head thread, and replay. Whatever thread a step runs on, batches go through the
// log and into the heads in one order, that of their positions in the log.
#include "store/store.h"

#include <fmt/format.h>

#include "base/log.h"
#include "base/workers.h"
#include "decode/otlp.h"
#include "head/head_part.h"
#include "model/tenant.h"

namespace vivace {
namespace {

constexpr size_t kDurableMax = 16'384;           // batches between log and head
constexpr size_t kReplayBodyBytesMax = 1 << 30;  // whatever limit let the body in

}  // namespace

Store::Store(const StoreOptions& options, const Clock& clock, Metrics& metrics)
    : clock_(clock),
      metrics_(metrics),
      head_budget_("head", options.head_bytes_max),
      head_room_(head_budget_.reserve_always(0)),
      durable_(kDurableMax),
      repeats_(metrics.counter("vivace_repeated_spans_total",
                               "Spans that had been stored before and were dropped.")) {
  auto& bytes = metrics.gauge("vivace_head_bytes", "Memory of the heads, with what is on its way.");
  metrics.gauge("vivace_head_bytes_max", "Limit of vivace_head_bytes.")
      .Set(static_cast<double>(options.head_bytes_max));
  metrics.on_scrape([this, &bytes] {
    bytes.Set(static_cast<double>(head_budget_.used()));
    const std::lock_guard lock(mutex_);
    for (const auto& [name, tenant] : tenants_) {
      tenant.live_traces->Set(tenant.head->traces());
      tenant.live_bytes->Set(static_cast<double>(tenant.head->bytes()));
    }
  });
}

Store::~Store() { stop(); }

Result<std::unique_ptr<Store>> Store::open(Storage& storage, const StoreOptions& options,
                                           const Clock& clock, Metrics& metrics) {
  std::unique_ptr<Store> store(new Store(options, clock, metrics));
  store->wal_ = TRY(Wal::open(storage, options.wal, metrics));
  return store;
}

Result<Store::Recovered> Store::recover() {
  Recovered out;
  log::info("beginning wal replay");
  out.log = TRY(wal_->replay(0, [&](WalRecord record, Lsn lsn) -> Result<void> {
    const auto replayed = replay_record(std::move(record), out);
    if (replayed || replayed.error().code == Code::unimplemented) return replayed;
    ++out.undecodable;
    log::error("wal record makes no batch; it stays in the log",
               {{"lsn", lsn}, {"err", replayed.error().message}});
    return {};
  }));
  log::info("wal replay complete", {{"segments", out.log.segments},
                                    {"records", out.log.records},
                                    {"spans", out.spans},
                                    {"damaged_bytes", out.log.damaged_bytes}});
  wal_->start();
  head_thread_ = std::thread([this] { run_head(); });
  return out;
}

Result<void> Store::replay_record(WalRecord record, Recovered& out) {
  if (record.decoder_version != kDecoderOtlpProtobuf) {
    return fail(Code::unimplemented,
                fmt::format("the log holds bodies for decoder {}, which this version does not have",
                            record.decoder_version));
  }
  const DecodeOptions options{.attribute_bytes_max = record.attribute_bytes_max,
                              .verdict = record.rejected};
  auto batch = decode_received(static_cast<ContentEncoding>(record.encoding), record.body,
                               kReplayBodyBytesMax, options);
  if (!batch) {
    metrics_
        .counter("tempo_ingester_replay_errors_total", "Log records that could not be replayed.",
                 {{"tenant", record.tenant}})
        .Increment();
    return std::unexpected(std::move(batch).error());
  }
  out.spans += append_to_head(record.tenant, **batch, record.receive_time_ns).spans;
  recent_.insert(record.body_hash, record.receive_time_ns,
                 {(*batch)->rejected_trace_ids, (*batch)->rejected_span_ids});
  return {};
}

Result<Store::Room> Store::admit(const std::string& tenant, const Batch& batch,
                                 uint64_t log_bytes) {
  int64_t head_bytes = Head::bytes_needed(batch);
  if (!has_head(tenant)) head_bytes += Head::kFixedBytes;
  if (head_bytes > head_budget_.bytes_max() ||
      static_cast<int64_t>(log_bytes) > wal_->budget().bytes_max()) {
    return fail(Code::too_large, fmt::format("the request needs {} bytes of memory and {} of log; "
                                             "there are {} and {} in all",
                                             head_bytes, log_bytes, head_budget_.bytes_max(),
                                             wal_->budget().bytes_max()));
  }
  auto head = head_budget_.try_reserve(head_bytes);
  if (!head) {
    return fail(Code::limit, fmt::format("the head is full ({} bytes); try again later",
                                         head_budget_.bytes_max()));
  }
  auto log_room = wal_->try_reserve(log_bytes);
  if (!log_room) {
    return fail(Code::limit, fmt::format("the write-ahead log is full ({} bytes); try again later",
                                         wal_->budget().bytes_max()));
  }
  return Room{std::move(*head), std::move(*log_room)};
}

void Store::append(Append append) {
  append.record.room = std::move(append.room.log);
  Durable durable{.tenant = append.record.tenant,
                  .batch = std::move(append.batch),
                  .body_hash = append.record.body_hash,
                  .receive_time_ns = append.record.receive_time_ns,
                  .room = std::move(append.room.head),
                  .done = std::move(append.done)};
  wal_->append(std::move(append.record),
               [this, durable = std::move(durable)](Result<Lsn> lsn) mutable {
                 if (!lsn) {
                   durable.done(std::unexpected(std::move(lsn).error()));
                 } else if (!durable_.push(std::move(durable))) {
                   // A refused push moves nothing. NOLINTNEXTLINE(bugprone-use-after-move)
                   durable.done(fail(Code::unavailable, "the store is stopping"));
                 }
               });
}

void Store::run_head() {
  name_thread("head");
  while (auto durable = durable_.pop()) {
    const Batch& batch = *durable->batch;
    const Head::Appended appended =
        append_to_head(durable->tenant, batch, durable->receive_time_ns);
    recent_.insert(durable->body_hash, durable->receive_time_ns,
                   {batch.rejected_trace_ids, batch.rejected_span_ids});
    durable->room.release();
    durable->done(appended);
  }
}

Head::Appended Store::append_to_head(const std::string& tenant_name, const Batch& batch,
                                     int64_t received_ns) {
  Tenant& owner = tenant(tenant_name);
  const int64_t before = owner.head->bytes();
  const Head::Appended appended = owner.head->append(batch, received_ns);
  head_room_.grow(owner.head->bytes() - before);
  owner.traces_created->Increment(appended.new_traces);
  owner.bytes_received->Increment(static_cast<double>(batch.body.size()));
  if (appended.repeats > 0) repeats_.Increment(appended.repeats);
  return appended;
}

// Called by the head thread (and replay) alone, so that a tenant found here stays as it is.
Store::Tenant& Store::tenant(const std::string& name) {
  const std::lock_guard lock(mutex_);
  Tenant& found = tenants_[name];
  if (found.head == nullptr) {
    const Labels labels{{"tenant", name}};
    found.live_traces =
        &metrics_.gauge("tempo_ingester_live_traces", "Traces in the head.", labels);
    found.live_bytes =
        &metrics_.gauge("tempo_ingester_live_trace_bytes", "Memory of the head.", labels);
    found.traces_created =
        &metrics_.counter("tempo_ingester_traces_created_total", "Traces begun in a head.", labels);
    found.bytes_received = &metrics_.counter("tempo_ingester_bytes_received_total",
                                             "Bytes of OTLP appended to the head.",
                                             {{"tenant", name}, {"data_type", "trace"}});
    found.head = std::make_shared<Head>();
    head_room_.grow(found.head->bytes());
  }
  return found;
}

bool Store::has_head(const std::string& tenant) const {
  const std::lock_guard lock(mutex_);
  return tenants_.contains(tenant);
}

Snapshot Store::snapshot(const std::string& tenant) const {
  Snapshot out;
  const std::lock_guard lock(mutex_);
  const auto found = tenants_.find(tenant);
  if (found != tenants_.end()) {
    out.parts.push_back(std::make_shared<HeadPart>(found->second.head));
  }
  return out;
}

bool Store::has_tenant(const std::string& tenant) const {
  if (tenant == kSingleTenant) return true;
  const std::lock_guard lock(mutex_);
  return tenants_.contains(tenant);
}

void Store::stop() {
  if (stopped_) return;
  stopped_ = true;
  if (wal_ != nullptr) wal_->stop();
  durable_.close();
  if (head_thread_.joinable()) head_thread_.join();
}

}  // namespace vivace
