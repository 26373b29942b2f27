// Entries that leave are spliced into a list of the caller's, so that they are freed after the lock
// was given back: a dictionary may take long to free.
#include "block/block_cache.h"

#include <atomic>

namespace vivace {

int64_t BlockCache::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

uint64_t BlockCache::next_block() {
  static std::atomic<uint64_t> next{1};
  return next.fetch_add(1, std::memory_order_relaxed);
}

BlockCache::Entry BlockCache::find(const Key& key) {
  const std::lock_guard lock(mutex_);
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return {};
  uses_.splice(uses_.begin(), uses_, found->second);
  return found->second->entry;
}

void BlockCache::take_out(std::map<Key, Uses::iterator>::iterator place, Uses& out) {
  bytes_ -= place->second->entry.memory_bytes;
  out.splice(out.begin(), uses_, place->second);
  by_key_.erase(place);
}

void BlockCache::add(const Key& key, Entry entry) {
  if (entry.memory_bytes > bytes_max_) return;
  Uses out;
  const std::lock_guard lock(mutex_);
  if (const auto old = by_key_.find(key); old != by_key_.end()) take_out(old, out);
  while (bytes_ + entry.memory_bytes > bytes_max_) {
    take_out(by_key_.find(uses_.back().key), out);
  }
  bytes_ += entry.memory_bytes;
  uses_.push_front({key, std::move(entry)});
  by_key_.emplace(key, uses_.begin());
}

void BlockCache::forget(uint64_t block) {
  Uses out;
  const std::lock_guard lock(mutex_);
  for (auto it = by_key_.lower_bound({block, 0});
       it != by_key_.end() && it->first.block == block;) {
    take_out(it++, out);
  }
}

}  // namespace vivace
