// The cut thread's care for the disk: blocks that are too old or too many go, the ballast is kept
// for the next cut and spent on one that finds the disk full, the log gives back what it does not
// need.
#include <algorithm>

#include "base/log.h"
#include "store/store.h"

namespace vivace {
namespace {

constexpr int64_t kTidyPeriodNs = 10'000'000'000;

}  // namespace

// The second attempt has the room that the ballast took, if that was what the first one lacked.
bool Store::cut_with_ballast() {
  const auto done = cut_oldest();
  if (done || done.error().code != Code::limit || !disk_->release_ballast())
    return done.has_value();
  log::warn("the disk is full: the ballast is given up for the cut");
  return cut_oldest().has_value();
}

void Store::look_after_disk() {
  const std::vector<StoredBlock> blocks = stored_blocks();
  const DiskGuard::Going going = disk_->look(blocks, received_after_ns());
  if (remove_blocks(blocks, going.too_old)) {
    log::info("blocks past retention removed", {{"blocks", going.too_old.size()}});
    metrics_.expired.Increment(static_cast<double>(going.too_old.size()));
  }
  if (remove_blocks(blocks, going.displaced)) {
    log::warn("the oldest blocks were removed: the disk is short of room",
              {{"blocks", going.displaced.size()}});
    metrics_.displaced.Increment(static_cast<double>(going.displaced.size()));
  }
  wal_->set_short_of_disk(disk_->is_short());
  if (clock_.steady_ns() - tidied_ns_ >= kTidyPeriodNs) {
    tidied_ns_ = clock_.steady_ns();
    wal_->tidy();
  }
  disk_->keep_ballast(next_cut_bytes());
}

std::vector<StoredBlock> Store::stored_blocks() const {
  std::vector<StoredBlock> out;
  for (const ListedBlock& listed : folder_->list().blocks) {
    out.push_back({.number = listed.number,
                   .bytes = listed.bytes,
                   .received_max_ns = listed.received_max_ns});
  }
  const std::shared_ptr<const BlockSet> live = folder_->blocks();
  for (const auto& [name, tenant] : live->tenants) {
    for (const auto& block : tenant.blocks) {
      const auto at =
          std::ranges::lower_bound(out, block->identity().number, {}, &StoredBlock::number);
      if (at == out.end() || at->number != block->identity().number) continue;
      at->log_from = block->identity().log_from;
      at->log_end = block->identity().log_end;
      at->readers = block;
    }
  }
  return out;
}

// They are hidden at once. Even that needs some room, for the list that no longer names them.
bool Store::remove_blocks(const std::vector<StoredBlock>& blocks,
                          const std::vector<uint64_t>& numbers) {
  if (numbers.empty()) return false;
  auto removed = replace_blocks(numbers, nullptr);
  if (!removed && removed.error().code == Code::limit && disk_->release_ballast()) {
    removed = replace_blocks(numbers, nullptr);
  }
  if (!removed && removed.error().code == Code::not_found) return false;  // merged: looked at again
  if (!removed) {
    metrics_.expire_errors.Increment();
    log::error("blocks could not be removed", {{"err", removed.error().message}});
    return false;
  }
  disk_->note_removed(blocks, numbers);
  return true;
}

// A block takes a quarter of what its head does, or a third; half is on the safe side.
uint64_t Store::next_cut_bytes() const {
  const std::lock_guard lock(mutex_);
  int64_t largest = 0;
  const auto look_at = [&](const Generation& generation) {
    if (generation.spans == 0) return;
    int64_t bytes = 0;
    for (const auto& [name, head] : generation.heads) bytes += head->bytes();
    largest = std::max(largest, bytes);
  };
  for (const auto& generation : frozen_) look_at(*generation);
  look_at(*active_);
  return static_cast<uint64_t>(largest) / 2;
}

}  // namespace vivace
