// The cut thread: frozen generations become blocks, blocks past retention go.
//
// A cut has two steps. Blocks are written first, all tenants'; if that fails, they are removed and
// written again later. Then they are committed; if that fails, nobody knows which list is on the
// disk, so the same commit is repeated until it succeeds. The log is given back after that (in
// replay: after all of it).
#include <algorithm>
#include <chrono>
#include <malloc.h>
#include <utility>

#include "base/log.h"
#include "base/workers.h"
#include "head/head_part.h"
#include "store/store.h"

namespace vivace {
namespace {

constexpr int kRetryPeriodsMax = 30;

// Of the attributes of all heads, those without a column.
double overflow_share(const Generation& generation) {
  HeadPart::AttributeCounts sum;
  for (const auto& [tenant, head] : generation.heads) {
    // The caller keeps the generation.
    const HeadPart part(std::shared_ptr<const Head>(std::shared_ptr<void>(), head.get()));
    const HeadPart::AttributeCounts of = part.attribute_counts();
    sum.all += of.all;
    sum.overflowed += of.overflowed;
  }
  return sum.all == 0 ? 0 : static_cast<double>(sum.overflowed) / static_cast<double>(sum.all);
}

}  // namespace

void Store::run_cut() {
  name_thread("cut");
  const std::chrono::milliseconds period(options_.check_period_ms);
  int retry_periods = 1;
  int wait_periods = 0;  // after a failed cut
  bool has_cut = false;  // since memory was last given back
  while (true) {
    bool is_waiting = false;
    bool is_quiet = false;
    bool is_time = false;  // to look after the disk
    {
      std::unique_lock lock(mutex_);
      const bool woken = cut_wanted_.wait_for(lock, period, [&] {
        return stopping_ || disk_->wants_look() ||
               (frozen_.empty() ? short_of_room_.load() : wait_periods == 0);
      });
      if (stopping_) return;
      if (!woken) wait_periods = std::max(0, wait_periods - 1);
      is_quiet = !woken;
      is_time = !woken || disk_->wants_look();
      is_waiting = !frozen_.empty() && wait_periods == 0;
    }
    if (is_quiet) head_regions_->trim();
    if (is_quiet && std::exchange(has_cut, false)) malloc_trim(0);
    // Whether a generation is due is the head thread's to say; a full queue keeps it busy anyway.
    (void)durable_.try_push({.short_of_room = short_of_room_.exchange(false)});
    if (is_waiting) {
      const bool done = cut_with_ballast();
      if (done) wal_->release(folder_->replay_from());
      has_cut = has_cut || done;
      wait_periods = done ? 0 : retry_periods;
      retry_periods = done ? 1 : std::min(2 * retry_periods, kRetryPeriodsMax);
    }
    if (is_time || is_waiting) look_after_disk();
  }
}

// After an error it has to be tried again.
Result<void> Store::cut_oldest() {
  std::shared_ptr<const Generation> oldest;
  {
    const std::lock_guard lock(mutex_);
    oldest = frozen_.front();
  }
  const int64_t began_ns = clock_.steady_ns();
  const auto done = cut(*oldest);
  if (!done) {
    metrics_.failed_flushes.Increment();
    metrics_.flush_retries.Increment();
    log::error("heads could not be made into blocks; trying again",
               {{"err", done.error().message}});
    return done;
  }
  metrics_.flush_seconds.Observe(static_cast<double>(clock_.steady_ns() - began_ns) / 1e9);
  metrics_.heads_cleared.Increment();
  return {};
}

Result<void> Store::cut(const Generation& generation) {
  CHECK_OK(write_blocks(generation));
  const std::lock_guard commit(commits_);
  CHECK_OK(folder_->commit(written_, generation.end));
  metrics_.overflow_share.Set(overflow_share(generation));
  for (const auto& block : written_) {
    const BlockSummary& summary = block->summary();
    metrics_.blocks_flushed.Increment();
    metrics_.flush_bytes.Observe(static_cast<double>(summary.file_bytes));
    log::info("block completed", {{"tenant", block->identity().tenant},
                                  {"block", block->identity().number},
                                  {"spans", summary.rows},
                                  {"traces", summary.traces},
                                  {"bytes", summary.file_bytes}});
  }
  written_.clear();
  std::shared_ptr<const Generation> done;  // its memory goes after the lock
  {
    const std::lock_guard lock(mutex_);
    blocks_ = folder_->blocks();
    done = std::move(frozen_.front());
    frozen_.pop_front();
  }
  compaction_->wake();
  return {};
}

Result<void> Store::replace_blocks(std::span<const uint64_t> old,
                                   const std::shared_ptr<Block>& merged) {
  const std::lock_guard commit(commits_);
  CHECK_OK(folder_->replace(old, merged));
  const std::lock_guard lock(mutex_);
  blocks_ = folder_->blocks();
  return {};
}

// Leaves them in written_, where those of a cut whose commit failed are already.
Result<void> Store::write_blocks(const Generation& generation) {
  if (!written_.empty()) return {};
  for (const auto& [tenant, head] : generation.heads) {
    if (head->rows() == 0) continue;
    auto block = write_block_of(generation, tenant, *head);
    if (!block) {
      for (auto& other : written_) folder_->discard(std::move(other));
      written_.clear();
      return std::unexpected(std::move(block).error());
    }
    if (*block != nullptr) written_.push_back(std::move(*block));
  }
  return {};
}

// Without what older blocks have already. Null: they have all of it.
Result<std::shared_ptr<Block>> Store::write_block_of(const Generation& generation,
                                                     const std::string& tenant, const Head& head) {
  // The caller keeps the generation.
  const HeadPart source(std::shared_ptr<const Head>(std::shared_ptr<void>(), &head));
  const std::shared_ptr<const BlockSet> live = folder_->blocks();
  const auto older = live->tenants.find(tenant);
  OlderParts parts{.blocks = {}, .received_after_ns = received_after_ns()};
  if (older != live->tenants.end()) parts.blocks = older->second.blocks;
  HeadJoin& join = generation.joins.find(tenant)->second;
  const int64_t began_ns = clock_.steady_ns();
  CutJoin joined = join.at_cut(source, parts);
  metrics_.join_seconds.Observe(static_cast<double>(clock_.steady_ns() - began_ns) / 1e9);
  if (joined.left_out.size() == source.rows()) {
    metrics_.repeats_left_out.Increment(source.rows());
    return nullptr;
  }
  const auto left_out = static_cast<double>(joined.left_out.size());
  BlockContent content{.sources = {{.part = &source, .left_out = std::move(joined.left_out)}},
                       .splits = std::move(joined.splits)};
  auto block = TRY(folder_->write(
      {.tenant = tenant, .log_from = generation.from, .log_end = generation.end}, content));
  metrics_.repeats_left_out.Increment(left_out);
  return block;
}

}  // namespace vivace
