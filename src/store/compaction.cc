// One merge at a time, of the tenant that owes most. What a merge is made of is fixed when it is
// planned; whether it still may take the place of its sources is asked when it is committed.
#include "store/compaction.h"

#include <algorithm>
#include <chrono>
#include <malloc.h>

#include <fmt/format.h>

#include "base/log.h"
#include "base/workers.h"
#include "store/split_join.h"

namespace vivace {
namespace {

constexpr int64_t kLookAgainNs = 10'000'000'000;  // windows end although nothing happens

compact::Candidate candidate_of(const Block& block) {
  return {.number = block.identity().number,
          .bytes = block.summary().file_bytes,
          .rows = block.summary().rows,
          .traces = block.summary().traces,
          .log_from = block.identity().log_from,
          .received_max_ns = block.summary().received_max_ns};
}

// Those that it replaces and all that these had replaced: a lost list must not bring one back.
BlockIdentity identity_of(const std::string& tenant,
                          std::span<const std::shared_ptr<const Block>> blocks) {
  BlockIdentity out{.tenant = tenant,
                    .log_from = blocks[0]->identity().log_from,
                    .log_end = blocks[0]->identity().log_end};
  for (const auto& block : blocks) {
    const BlockIdentity& of = block->identity();
    out.log_from = std::min(out.log_from, of.log_from);
    out.log_end = std::max(out.log_end, of.log_end);
    out.replaces.push_back(of.number);
    out.replaces.insert(out.replaces.end(), of.replaces.begin(), of.replaces.end());
  }
  std::ranges::sort(out.replaces);
  return out;
}

std::vector<uint64_t> numbers_of(std::span<const std::shared_ptr<const Block>> blocks) {
  std::vector<uint64_t> out;
  for (const auto& block : blocks) out.push_back(block->identity().number);
  return out;
}

}  // namespace

Compaction::Compaction(const CompactionOptions& options, BlockFolder& folder, const Clock& clock,
                       Metrics& metrics)
    : options_(options),
      folder_(folder),
      clock_(clock),
      pace_(clock, options.cpus, [this](int64_t ns) { return sleep(ns); }),
      debt_gauge_(metrics.gauge("vivace_compaction_debt_bytes",
                                "Bytes of blocks that are waiting to be merged.")),
      behind_gauge_(metrics.gauge("vivace_compaction_behind",
                                  "1 while nothing is admitted because merging is behind.")),
      merged_blocks_(metrics.counter("tempodb_compaction_blocks_total",
                                     "Blocks that were merged into others.", {{"level", "0"}})),
      merged_bytes_(metrics.counter("tempodb_compaction_bytes_written_total",
                                    "Bytes of blocks made of others.", {{"level", "0"}})),
      merged_traces_(metrics.counter("tempodb_compaction_objects_written_total",
                                     "Traces of blocks made of others.", {{"level", "0"}})),
      merged_spans_(metrics.counter("vivace_compaction_spans_written_total",
                                    "Spans of blocks made of others.")),
      errors_(metrics.counter("tempodb_compaction_errors_total", "Failed merges of blocks.")) {}

void Compaction::start(Commit commit, ReceivedAfter received_after, Reserve reserve) {
  commit_ = std::move(commit);
  received_after_ = std::move(received_after);
  reserve_ = std::move(reserve);
  if (options_.enabled) thread_ = std::thread([this] { run(); });
}

void Compaction::wake() {
  const std::lock_guard lock(mutex_);
  woken_ = true;
  changed_.notify_one();
}

void Compaction::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

bool Compaction::sleep(int64_t ns) {
  std::unique_lock lock(mutex_);
  if (ns > 0) changed_.wait_for(lock, std::chrono::nanoseconds(ns), [&] { return stopping_; });
  return !stopping_;
}

void Compaction::run() {
  name_thread("compact");
  while (wait_for_blocks()) {
    for (Work work = plan(); !work.blocks.empty(); work = plan()) {
      const auto done = merge(work);
      if (!done && !go_on_after(done.error(), work)) break;
      if (!sleep(0)) return;
    }
  }
}

// False: stop.
bool Compaction::wait_for_blocks() {
  std::unique_lock lock(mutex_);
  const std::chrono::nanoseconds period(kLookAgainNs);
  changed_.wait_for(lock, period, [&] { return stopping_ || woken_; });
  woken_ = false;
  return !stopping_;
}

// What failed because of the disk is not tried again at once, not even for a new block.
bool Compaction::go_on_after(const Error& error, const Work& work) {
  if (error.code == Code::cancelled || error.code == Code::not_found) return true;
  if (error.code == Code::limit) {
    log::warn("merging waits for room on the disk", {{"reason", error.message}});
    return sleep(options_.retry_ns);
  }
  errors_.Increment();
  log::error("blocks could not be merged", {{"err", error.message}});
  if (error.code == Code::io) note_unreadable(error, work);
  if (error.code != Code::corrupt) return sleep(options_.retry_ns);
  note_damage(error, work);
  return true;
}

// A block that could not be read twice is left out, so that others go on; the next start tries
// again.
void Compaction::note_unreadable(const Error& error, const Work& work) {
  for (const auto& block : work.blocks) {
    const uint64_t number = block->identity().number;
    const bool failed = error.message.contains(block->path());
    if (failed && !unreadable_once_.insert(number).second) damaged_.insert(number);
  }
}

Compaction::Work Compaction::plan() {
  const std::shared_ptr<const BlockSet> set = folder_.blocks();
  Work out;
  uint64_t debt_bytes = 0;
  uint64_t most_bytes = 0;
  uint32_t small_blocks = 0;
  for (const auto& [tenant, of] : set->tenants) {
    std::vector<compact::Candidate> candidates;
    for (const auto& block : of.blocks) {
      const compact::Candidate candidate = candidate_of(*block);
      if (!damaged_.contains(candidate.number)) candidates.push_back(candidate);
    }
    const compact::Plan plan = compact::plan(candidates, options_.plan, clock_.unix_ns());
    debt_bytes += plan.debt_bytes;
    small_blocks = std::max(small_blocks, plan.small_blocks);
    if (plan.merge.empty() || (!out.blocks.empty() && plan.debt_bytes <= most_bytes)) continue;
    most_bytes = plan.debt_bytes;
    out = {.tenant = tenant, .blocks = {}, .others = {}};
    for (const auto& block : of.blocks) {
      const bool merges =
          std::ranges::find(plan.merge, block->identity().number) != plan.merge.end();
      (merges ? out.blocks : out.others).push_back(block);
    }
  }
  const double pressure =
      static_cast<double>(small_blocks) / std::max(1U, options_.plan.small_blocks_max);
  pace_.set_cpus(options_.cpus + std::max(0.0, 1 - options_.cpus) * std::min(1.0, pressure));
  const bool is_behind = small_blocks > 2 * options_.plan.small_blocks_max && !out.blocks.empty();
  behind_ = is_behind;
  debt_bytes_ = debt_bytes;
  behind_gauge_.Set(is_behind ? 1 : 0);
  debt_gauge_.Set(static_cast<double>(debt_bytes));
  return out;
}

Result<std::shared_ptr<Block>> Compaction::write(const Work& work) {
  BlockContent content{.sources = {},
                       .splits = TRY(splits_after_merge(work.blocks, work.others)),
                       .pace = [this] { return pace_.step(); }};
  for (const auto& block : work.blocks) {
    content.sources.push_back(
        {.part = block.get(), .left_out = {}, .received_after_ns = received_after_()});
  }
  pace_.start();
  return folder_.write(identity_of(work.tenant, work.blocks), content);
}

Result<void> Compaction::merge(const Work& work) {
  const int64_t began_ns = clock_.steady_ns();
  uint64_t bytes = 0;
  for (const auto& block : work.blocks) bytes += block->summary().file_bytes;
  const auto room = reserve_(bytes);
  if (!room) return fail(Code::limit, fmt::format("the output may take {} bytes", bytes));
  std::shared_ptr<Block> merged = TRY(write(work));
  malloc_trim(0);  // a merge takes much memory, and the next one may be hours away
  if (merged->rows() == 0) folder_.discard(std::exchange(merged, nullptr));
  const auto committed = commit_(numbers_of(work.blocks), merged);
  if (!committed) {
    if (merged != nullptr) folder_.discard(std::move(merged));
    return committed;
  }
  const BlockSummary summary = merged == nullptr ? BlockSummary() : merged->summary();
  merged_blocks_.Increment(static_cast<double>(work.blocks.size()));
  merged_bytes_.Increment(static_cast<double>(summary.file_bytes));
  merged_traces_.Increment(summary.traces);
  merged_spans_.Increment(summary.rows);
  log::info("blocks merged", {{"tenant", work.tenant},
                              {"blocks", work.blocks.size()},
                              {"spans", summary.rows},
                              {"bytes", summary.file_bytes},
                              {"ms", (clock_.steady_ns() - began_ns) / 1'000'000}});
  return {};
}

// Its message names the file; when it names none of them, no one knows which it is.
void Compaction::note_damage(const Error& error, const Work& work) {
  const size_t before = damaged_.size();
  for (const auto& block : work.blocks) {
    if (error.message.contains(block->path())) damaged_.insert(block->identity().number);
  }
  if (damaged_.size() > before) return;
  for (const auto& block : work.blocks) damaged_.insert(block->identity().number);
}

}  // namespace vivace
