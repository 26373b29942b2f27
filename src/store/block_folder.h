// The blocks on disk: a folder with the block list and a file for each block, one folder a tenant.
//
//   <folder>/LOCK                         held by the process
//   <folder>/blocks.list                  see block_list.h
//   <folder>/<tenant>/<number>.block      number: 16 hexadecimal digits
//
// `open` takes the lock, reads the list, opens the blocks it names (their footers alone) and
// removes files of blocks that it does not name: what a crash left behind. A block that cannot be
// opened is damage: it is reported and counted, keeps its place in the list and its file, and
// answers that would need it say that they are partial. A format that is newer than this program
// stops the start. A list that is damaged or gone while there are blocks is made anew from their
// footers.
//
// Readers get the blocks of the moment as an immutable set. Any thread: blocks are written beside
// one another, changes to the list one after the other.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "block/block.h"
#include "block/block_writer.h"
#include "storage/storage.h"
#include "store/block_list.h"
#include "store/split_traces.h"

namespace vivace {

// Never changes once it is shared.
struct BlockSet {
  struct Tenant {
    std::vector<std::shared_ptr<const Block>> blocks;  // by the place in the log where they begin
    uint32_t damaged = 0;  // blocks that are listed and cannot be opened
    std::shared_ptr<const BlockSplits> splits;
  };
  std::map<std::string, Tenant, std::less<>> tenants;
};

class BlockFolder {
 public:
  // Half of the budget `splits` is for what is kept of split traces.
  static Result<std::unique_ptr<BlockFolder>> open(Storage& storage, const std::string& folder,
                                                   BlockCache& cache, Budget& splits);

  // Where replay of the log begins.
  Lsn replay_from() const;
  std::shared_ptr<const BlockSet> blocks() const;
  BlockList list() const;

  // Writes a block, durably; it does not exist until it is committed. Its number is given here.
  Result<std::shared_ptr<Block>> write(BlockIdentity identity, const BlockContent& content);
  // Forgets a block that was written and will not be committed, or not in this state. While it is
  // not known which list is on the disk its file stays.
  void discard(std::shared_ptr<Block> block);

  // The commits. After an error nobody knows which list is on the disk: the next commit that
  // succeeds settles it, and until then no file is removed.
  //
  // A generation is cut: its blocks come into being, and replay begins at `replay_from` from now
  // on.
  Result<void> commit(const std::vector<std::shared_ptr<Block>>& added, Lsn replay_from);
  // Blocks are merged: `merged` takes the place of `old`; null: nothing of them has to stay.
  // Code::not_found if one of those is gone, by retention.
  Result<void> replace(std::span<const uint64_t> old, const std::shared_ptr<Block>& merged);

 private:
  struct Live {
    ListedBlock listed;
    std::shared_ptr<Block> block;  // null: damaged
  };

  BlockFolder(Storage& storage, std::string folder, BlockCache& cache, Budget& splits)
      : storage_(storage), folder_(std::move(folder)), cache_(cache), splits_(splits) {}
  Result<void> load_list();
  Result<void> rebuild_list();
  Result<void> open_listed();
  Result<void> sweep();
  // These take the mutex as held.
  Result<void> write_list(BlockList list);
  void drop(uint64_t number);
  void publish();
  std::string path_of(const std::string& tenant, uint64_t number) const;

  Storage& storage_;
  const std::string folder_;
  BlockCache& cache_;
  Budget& splits_;
  std::unique_ptr<FolderLock> lock_;

  mutable std::mutex mutex_;  // guards all below; held while the list is written
  BlockList list_;
  bool list_is_certain_ = true;                    // what is on the disk is list_
  uint64_t next_number_ = 1;                       // not below list_.next_number
  std::map<uint64_t, Live> live_;                  // by number
  std::vector<std::shared_ptr<Block>> discarded_;  // since the list became uncertain
  std::shared_ptr<const BlockSet> blocks_ = std::make_shared<BlockSet>();
};

}  // namespace vivace
