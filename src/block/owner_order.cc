// Runs are kept where they are no more than a quarter of the owners: then copying them one by one
// beats picking.
#include "block/owner_order.h"

namespace vivace {

OwnerOrder::OwnerOrder(const OwnerSpace& space)
    : space_(&space), missing_(space.pieces().size()), piece_seen_(space.pieces().size()) {}

void OwnerOrder::end_group() {
  Group group;
  group.owners = {size(), open_owners_};
  const auto number = static_cast<uint32_t>(groups_.size());
  for (const OwnerRun& run : open_) {
    const uint32_t piece = space_->piece_at(run.first);
    if (piece_seen_[piece] == number + 1) continue;
    piece_seen_[piece] = number + 1;
    group.pieces.push_back(piece);
  }
  group.in_runs = open_.size() * 4 <= open_owners_;
  if (group.in_runs) {
    group.runs.assign(open_.begin(), open_.end());
  } else {
    group.picks.reserve(open_owners_);
    for (const OwnerRun& run : open_) {
      for (uint32_t i = 0; i < run.count; ++i) group.picks.push_back(run.first + i);
    }
  }
  groups_.push_back(std::move(group));
  open_.clear();
  open_owners_ = 0;
}

void OwnerOrder::finish() {
  open_ = {};
  piece_seen_ = {};
  placed_.assign(space_->end(), kNowhere);
  for (size_t i = 0; i < missing_.size(); ++i) missing_[i] = space_->pieces()[i].owners.count;
  uint32_t next = 0;
  for (const Group& group : groups_) {
    for (const OwnerRun& run : group.runs) {
      for (uint32_t i = 0; i < run.count; ++i) placed_[run.first + i] = next++;
      missing_[space_->piece_at(run.first)] -= run.count;
    }
    for (const uint32_t pick : group.picks) {
      placed_[pick] = next++;
      --missing_[space_->piece_at(pick)];
    }
  }
}

bool OwnerOrder::has_whole_source(uint32_t source) const {
  if (space_->has_gaps(source)) return false;
  for (size_t i = 0; i < missing_.size(); ++i) {
    if (space_->pieces()[i].source == source && missing_[i] != 0) return false;
  }
  return true;
}

}  // namespace vivace
