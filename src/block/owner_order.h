// The order of a block's rows, events, links, resources or scopes: by number in the block, the
// number among the sources' (block_sources.h), row group by row group. Where long stretches of a
// source stay together a row group keeps runs, else each number: 4 bytes an owner at the most.
#pragma once

#include <span>
#include <vector>

#include "block/block_sources.h"

namespace vivace {

struct OwnerRun {
  uint32_t first = 0;  // number among the sources'
  uint32_t count = 0;
};

class OwnerOrder {
 public:
  static constexpr uint32_t kNowhere = UINT32_MAX;

  struct Group {
    Range owners;          // numbers in the block
    bool in_runs = false;  // what follows has one of the two
    std::vector<OwnerRun> runs;
    std::vector<uint32_t> picks;
    std::vector<uint32_t> pieces;  // that it has owners of
  };

  OwnerOrder() = default;
  explicit OwnerOrder(const OwnerSpace& space);

  // Adds neighbours of one piece.
  void append(uint32_t first, uint32_t count) {
    if (!open_.empty() && open_.back().first + open_.back().count == first) {
      open_.back().count += count;
    } else {
      open_.push_back({first, count});
    }
    open_owners_ += count;
  }
  void end_group();
  // After the last group: fills `placed`.
  void finish();

  const OwnerSpace& space() const { return *space_; }
  uint32_t size() const { return groups_.empty() ? 0 : groups_.back().owners.end(); }
  uint32_t groups() const { return static_cast<uint32_t>(groups_.size()); }
  const Group& group(uint32_t group) const { return groups_[group]; }

  // By number among the sources': number in the block, or kNowhere.
  uint32_t placed(uint32_t number) const { return placed_[number]; }
  // Whether all owners of a piece, or of a source, are in the block.
  bool has_whole_piece(uint32_t piece) const { return missing_[piece] == 0; }
  bool has_whole_source(uint32_t source) const;

 private:
  const OwnerSpace* space_ = nullptr;
  std::vector<Group> groups_;
  std::vector<uint32_t> placed_;
  std::vector<uint32_t> missing_;  // by piece
  // Of the group that is being built.
  std::vector<OwnerRun> open_;
  uint32_t open_owners_ = 0;
  std::vector<uint32_t> piece_seen_;  // by piece: the last group that had it, plus 1
};

}  // namespace vivace
