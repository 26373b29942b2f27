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

#include "base/budget.h"
#include "block/block.h"
#include "head/head_part.h"
#include "store/split_join.h"
#include "store/split_sets.h"

namespace vivace {

// What it may take, of a budget that also counts it.
struct SplitRoom {
  Budget* maybe_budget = nullptr;
  int64_t bytes_max = INT64_MAX;
};

// The split lists of a tenant's blocks, in memory: 8 bytes an entry, and a filter of 2 to 4 bytes.
// Past their room the entries go, and the filter stays, of half the room and overfull in the end:
// traces are taken for split that are not, which makes queries slower and no answer wrong. What
// blocks leave behind in it goes when it is made anew from the lists on the disk: when that is more
// than what the blocks have, or little enough again. Immutable but for such a filter, which gains
// traces; there is one for each state of the block list.
class BlockSplits {
 public:
  // With what is known from the state before.
  static std::shared_ptr<const BlockSplits> of(
      Blocks blocks, const std::shared_ptr<const BlockSplits>& maybe_before,
      const SplitRoom& room = {});

  bool has(const TraceId& id) const { return damaged_ > 0 || filter_->traces.may_have(id.hash()); }
  // Split traces, about; with those of blocks that are gone if entries had to go.
  size_t size() const { return size_; }
  // Whether the entries are in memory.
  bool has_entries() const { return has_entries_; }
  // Lists that cannot be read: any trace may be split.
  uint32_t damaged() const { return damaged_; }

  // Whether a list may name a trace that reaches into the time without lying in it.
  bool may_reach_into(const Block& block, uint64_t start_ns, uint64_t end_ns) const;

 private:
  struct List {
    std::vector<uint64_t> hashes = {};  // TraceId::hash; none if the entries had to go
    size_t traces = 0;
    uint64_t start_min_ns = UINT64_MAX;
    uint64_t end_max_ns = 0;
    bool is_damaged = false;
    Reservation room = {};
  };
  using Lists = std::map<uint64_t, std::shared_ptr<const List>>;  // by number of the block
  struct Filter {
    SplitFilter traces;
    Reservation room;
  };
  static std::shared_ptr<const List> read(const Block& block, const SplitRoom& room);
  static int64_t bytes_with_entries(size_t traces);

  bool is_of(Blocks blocks, const SplitRoom& room) const;
  bool fits(const SplitRoom& room) const;
  const List* find(const Block& block) const;
  bool go_on_from(const BlockSplits& before, Blocks blocks, const SplitRoom& room);
  void gather(Blocks blocks, const BlockSplits* maybe_before, const SplitRoom& room);
  void add(const Block& block, std::shared_ptr<const List> list, const SplitRoom& room);
  void let_entries_go(std::shared_ptr<const List>& list, const SplitRoom& room);
  void make_filter(size_t words, const SplitRoom& room);
  void fill_in(const List& list);

  Lists lists_;
  size_t entries_ = 0;  // of all lists
  size_t gone_ = 0;     // entries that are in the filter and in no list
  size_t size_ = 0;
  bool has_entries_ = true;
  std::shared_ptr<Filter> filter_;
  uint32_t damaged_ = 0;
  Reservation room_;
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
