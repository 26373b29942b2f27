// The start: the block list and its blocks, then the log from the replay point on, through the same
// heads and the same cut as ever. No other thread runs meanwhile.
#include <fmt/format.h>

#include "base/log.h"
#include "decode/otlp.h"
#include "store/store.h"

namespace vivace {
namespace {

constexpr std::string_view kSetAside = "undecodable-";
constexpr size_t kSetAsideMax = 64;
constexpr uint64_t kSetAsideBytesMax = 64 << 20;
constexpr size_t kReplayBodyBytesMax = 1 << 30;  // whatever limit let the body in

}  // namespace

Result<Store::Recovered> Store::recover() {
  Recovered out;
  const Lsn from = folder_->replay_from();
  blocks_ = folder_->blocks();
  out.blocks = folder_->list().blocks.size();
  active_->from = appended_end_ = from;
  log::info("beginning wal replay", {{"blocks", out.blocks}, {"from", from}});
  out.log = TRY(wal_->replay(
      from, [&](WalRecord record, Lsn lsn) { return replay_record(std::move(record), lsn, out); }));
  log::info("wal replay complete", {{"segments", out.log.segments},
                                    {"records", out.log.records},
                                    {"spans", out.spans},
                                    {"damaged_bytes", out.log.damaged_bytes}});
  if (auto bounded = bound_set_aside(); !bounded && bounded.error().code != Code::not_found) {
    log::error("bodies that were set aside cannot be counted", {{"err", bounded.error().message}});
  }
  wal_->release(folder_->replay_from());
  wal_->start();
  head_thread_ = std::thread([this] { run_head(); });
  cut_thread_ = std::thread([this] { run_cut(); });
  compaction_->start([this](auto old, const auto& merged) { return replace_blocks(old, merged); },
                     [this] { return received_after_ns(); },
                     [this](uint64_t bytes) { return disk_->reserve_for_merge(bytes); });
  compaction_->wake();  // what an earlier life left
  return out;
}

Result<void> Store::replay_record(WalRecord record, Lsn lsn, Recovered& out) {
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
    ++out.undecodable;
    metrics_.replay_errors(record.tenant).Increment();
    log::error("wal record makes no batch", {{"lsn", lsn}, {"err", batch.error().message}});
    set_aside(record, lsn);
    return {};
  }
  const Arrival arrival{.tenant = record.tenant,
                        .batch = **batch,
                        .lsn = lsn,
                        .log_bytes = record_bytes(record),
                        .received_ns = record.receive_time_ns};
  if (is_full(arrival)) {
    turn_over(lsn);
    while (!frozen_.empty() && cut_with_ballast()) {  // what fails now, the cut thread tries again
    }
  }
  out.spans += append_to_head(arrival).spans;
  recent_.insert(
      record.body_hash, steady_time_of(record.receive_time_ns),
      {(*batch)->rejected_trace_ids, (*batch)->rejected_span_ids, (*batch)->rejected_by_limits()});
  return {};
}

// The log is going to be overwritten; what was acked and cannot be read by this version is kept.
void Store::set_aside(const WalRecord& record, Lsn lsn) {
  const std::string path = fmt::format("{}/{}{:016x}", options_.blocks_folder, kSetAside, lsn);
  const auto write = [&]() -> Result<void> {
    const auto file = TRY(storage_.open(path, Storage::Open::create));
    const std::string_view body = record.body;
    CHECK_OK(file->write(0, {&body, 1}));
    CHECK_OK(file->sync());
    return storage_.sync_directory(options_.blocks_folder);
  };
  const auto written = write();
  if (written) {
    log::error("its body is kept", {{"path", path}});
  } else {
    log::error("its body could not be kept", {{"err", written.error().message}});
  }
}

// Without end they could fill the disk: the oldest go.
Result<void> Store::bound_set_aside() {
  const auto entries = storage_.entries(options_.blocks_folder);
  if (!entries) return std::unexpected(entries.error());
  std::deque<FolderEntry> kept;  // by their place in the log, as the names are
  uint64_t bytes = 0;
  for (const FolderEntry& entry : *entries) {
    if (entry.is_folder || !entry.name.starts_with(kSetAside)) continue;
    bytes += entry.bytes;
    kept.push_back(entry);
  }
  while (kept.size() > kSetAsideMax || bytes > kSetAsideBytesMax) {
    log::warn("removing the oldest body that made no spans: too many are kept",
              {{"name", kept.front().name}, {"bytes", kept.front().bytes}});
    CHECK_OK(storage_.remove(options_.blocks_folder + "/" + kept.front().name));
    bytes -= kept.front().bytes;
    kept.pop_front();
  }
  metrics_.set_aside.Set(static_cast<double>(kept.size()));
  return {};
}

}  // namespace vivace
