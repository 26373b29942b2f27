// Which traces of a snapshot lie in several of its parts. Every other trace is whole inside its
// part, and needs no look at another.
//
//   blocks   the union of their split lists: what a newer block has of a trace, it names
//   heads    joined with everything older, as far as somebody asks (split_join.h)
//
// A trace may be called split although it is not any more: its other parts went with retention, or
// the block that named it was merged. It is never the other way round.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "block/block.h"
#include "head/head_part.h"
#include "store/split_join.h"

namespace vivace {

// The split lists of a tenant's blocks, in memory: 8 bytes an entry, and about 12 for all that are
// equal. Immutable; there is one for each state of the block list.
class BlockSplits {
 public:
  // With what is known from the state before, which may be null.
  static std::shared_ptr<const BlockSplits> of(Blocks blocks, const BlockSplits* maybe_before);

  bool has(const TraceId& id) const { return damaged_ > 0 || hashes_.contains(id.hash()); }
  size_t size() const { return hashes_.size(); }
  int64_t memory_bytes() const;
  // Lists that cannot be read: any trace may be split.
  uint32_t damaged() const { return damaged_; }

  // Whether a list may name a trace that reaches into the time without lying in it.
  bool may_reach_into(const Block& block, uint64_t start_ns, uint64_t end_ns) const;

 private:
  struct List {
    std::vector<uint64_t> hashes;  // TraceId::hash
    uint64_t start_min_ns = UINT64_MAX;
    uint64_t end_max_ns = 0;
    bool is_damaged = false;
  };
  static std::shared_ptr<const List> read(const Block& block);

  std::map<uint64_t, std::shared_ptr<const List>> lists_;  // by number of the block
  TraceHashes hashes_;
  uint32_t damaged_ = 0;
};

// Of one snapshot, whose parts are the blocks and then the heads. Any thread. Nothing is done
// before the first question, which joins the heads; the others of the snapshot find that done.
class SplitTraces {
 public:
  struct HeadSource {
    std::shared_ptr<const HeadPart> part;
    std::shared_ptr<HeadJoin> join;
  };
  struct Sources {
    std::vector<std::shared_ptr<const Block>> blocks = {};  // oldest first
    std::shared_ptr<const BlockSplits> of_blocks = {};      // null: without blocks
    std::vector<HeadSource> heads = {};                     // oldest first
    int64_t received_after_ns = 0;
  };
  explicit SplitTraces(Sources sources) : sources_(std::move(sources)) {}
  SplitTraces(const SplitTraces&) = delete;
  SplitTraces& operator=(const SplitTraces&) = delete;

  // How many of the parts are blocks, in which the rows of a trace lie side by side.
  uint32_t blocks() const { return static_cast<uint32_t>(sources_.blocks.size()); }

  bool is_split(const TraceId& id) const;

  // The split traces that overlap the time, both ends inclusive, and do not lie inside it, so that
  // row groups outside it may have their spans. Ascending by id; their times are those of the whole
  // trace or wider.
  Result<std::vector<SplitTrace>> reaching_into(uint64_t start_ns, uint64_t end_ns) const;

  // The rows of a part, ascending, that repeat a span of an older part, so that a count of rows
  // leaves them out. None in blocks. There may be rows that came after the snapshot.
  using Rows = std::shared_ptr<const std::vector<uint32_t>>;
  Rows repeats(uint32_t part) const;

  // Look-ups of the heads' traces that failed: some may be taken for whole that are not.
  uint32_t damaged() const;

 private:
  const std::vector<std::shared_ptr<const HeadSplits>>& heads() const;
  // `heads` keeps what it borrows.
  OlderParts older_than(size_t head, std::vector<std::shared_ptr<const HeadPart>>& heads) const;

  const Sources sources_;
  mutable std::once_flag joined_;
  mutable std::vector<std::shared_ptr<const HeadSplits>> heads_;  // once joined
};

}  // namespace vivace
