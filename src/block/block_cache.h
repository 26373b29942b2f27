// Decoded sections of blocks that are asked for again and again (directories, dictionaries, shapes,
// trace tables, the index's first fingerprints), kept while there is room: the least recently used
// goes first. Shared by all blocks. Whoever holds an entry keeps it alive past its eviction,
// uncounted.
//
// Any thread; the lock is held for map operations alone, never while something is read or freed.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>

namespace vivace {

class BlockCache {
 public:
  explicit BlockCache(int64_t bytes_max) : bytes_max_(bytes_max) {}
  BlockCache(const BlockCache&) = delete;
  BlockCache& operator=(const BlockCache&) = delete;

  // Bytes of memory that the entries take; never more than bytes_max.
  int64_t bytes() const;
  int64_t bytes_max() const { return bytes_max_; }

  // For blocks. An entry belongs to one block, by a number that no other open block has.
  struct Key {
    uint64_t block = 0;
    uint64_t section = 0;
    auto operator<=>(const Key&) const = default;
  };
  struct Entry {
    std::shared_ptr<const void> value;  // empty: not there
    uint64_t stored_bytes = 0;          // in the file
    int64_t memory_bytes = 0;
  };
  Entry find(const Key& key);
  // Replaces what is there; does nothing when it is larger than the cache.
  void add(const Key& key, Entry entry);
  void forget(uint64_t block);
  static uint64_t next_block();

 private:
  struct Used {
    Key key;
    Entry entry;
  };
  using Uses = std::list<Used>;
  void take_out(std::map<Key, Uses::iterator>::iterator place, Uses& out);

  const int64_t bytes_max_;
  mutable std::mutex mutex_;  // guards all below
  int64_t bytes_ = 0;
  Uses uses_;  // the latest first
  std::map<Key, Uses::iterator> by_key_;
};

}  // namespace vivace
