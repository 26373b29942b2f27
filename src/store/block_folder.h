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
// Readers get the blocks of the moment as an immutable set. One thread changes things: the one that
// recovers, then the cut thread.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "block/block.h"
#include "block/block_writer.h"
#include "storage/storage.h"
#include "store/block_list.h"

namespace vivace {

// Never changes once it is shared.
struct BlockSet {
  struct Tenant {
    std::vector<std::shared_ptr<const Block>> blocks;  // oldest first
    uint32_t damaged = 0;  // blocks that are listed and cannot be opened
  };
  std::map<std::string, Tenant, std::less<>> tenants;
};

class BlockFolder {
 public:
  static Result<std::unique_ptr<BlockFolder>> open(Storage& storage, const std::string& folder,
                                                   BlockCache& cache);

  // Where replay of the log begins.
  Lsn replay_from() const { return list_.replay_from; }
  std::shared_ptr<const BlockSet> blocks() const { return blocks_; }
  const BlockList& list() const { return list_; }

  // Writes a block of a tenant's part of the log, durably; it does not exist until it is committed.
  Result<std::shared_ptr<Block>> write(const std::string& tenant, Lsn from, Lsn end,
                                       const Part& source);
  // Forgets a block that was written and will not be committed.
  void discard(Block& block);

  // The commit: the blocks come into being, and replay begins at `replay_from` from now on. After
  // an error it must be repeated with the same blocks before anything else is committed.
  Result<void> commit(const std::vector<std::shared_ptr<Block>>& added, Lsn replay_from);

  // Removes the blocks whose newest span came before `received_ns`; says how many. Files go when
  // the last reader lets go.
  Result<size_t> expire(int64_t received_ns);

 private:
  struct Live {
    ListedBlock listed;
    std::shared_ptr<Block> block;  // null: damaged
  };

  BlockFolder(Storage& storage, std::string folder, BlockCache& cache)
      : storage_(storage), folder_(std::move(folder)), cache_(cache) {}
  Result<void> load_list();
  Result<void> rebuild_list();
  Result<void> open_listed();
  Result<void> sweep();
  Result<void> write_list(BlockList list);
  std::string path_of(const std::string& tenant, uint64_t number) const;
  void publish();

  Storage& storage_;
  const std::string folder_;
  BlockCache& cache_;
  std::unique_ptr<FolderLock> lock_;
  BlockList list_;
  uint64_t next_number_ = 1;       // not below list_.next_number
  std::map<uint64_t, Live> live_;  // by number
  std::shared_ptr<const BlockSet> blocks_ = std::make_shared<BlockSet>();
};

}  // namespace vivace
