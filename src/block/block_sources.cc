// Deals out the numbers: source by source, row group by row group. What is too old gets none, and
// so is nowhere for all that follows.
#include "block/block_sources.h"

#include <algorithm>

namespace vivace {

void OwnerSpace::add(Piece piece) {
  if (piece.owners.count == 0) return;
  const uint64_t first = pieces_.empty() ? 0 : (end_ / kPageOwners + 1) * kPageOwners;
  end_ = first + piece.owners.count;
  piece.first = static_cast<uint32_t>(first);
  if (end_ > UINT32_MAX) return;  // `open` refuses them
  const auto number = static_cast<uint32_t>(pieces_.size());
  piece_of_page_.resize((end_ + kPageOwners - 1) / kPageOwners, number);
  pieces_.push_back(piece);
}

std::span<const Piece> OwnerSpace::of_source(uint32_t source) const {
  const auto of = std::ranges::equal_range(pieces_, source, {}, &Piece::source);
  return {of.begin(), of.end()};
}

const Piece* BlockSources::children_of(uint32_t row_piece, Scope owner) const {
  const uint32_t place = children_[static_cast<size_t>(owner)][row_piece];
  return place == 0 ? nullptr : &space(owner).pieces()[place - 1];
}

Result<BlockSources> BlockSources::open(const BlockContent& content) {
  BlockSources out(content);
  const auto space = [&](Scope owner) -> OwnerSpace& {
    return out.spaces_[static_cast<size_t>(owner)];
  };
  for (uint32_t source = 0; source < out.count(); ++source) {
    const Part& part = out.part(source);
    const bool in_order = part.is_in_order();
    bool any = false;
    for (uint32_t i = 0; i < part.groups(); ++i) {
      const RowGroup group = part.group(i);
      if (group.received_max_ns < content.sources[source].received_after_ns) {
        for (const Scope owner : kAllScopes) space(owner).add_gap(source);
        continue;
      }
      if (group.rows.count == 0) continue;
      any = true;
      space(Scope::span).add({source, i, in_order, group.rows, 0});
      for (const Scope owner : {Scope::event, Scope::link}) {
        const Range children = owner == Scope::event ? group.events : group.links;
        space(owner).add({source, i, in_order, children, 0});
        const auto place = static_cast<uint32_t>(space(owner).pieces().size());
        out.children_[static_cast<size_t>(owner)].push_back(children.count == 0 ? 0 : place);
      }
    }
    if (!any) continue;
    space(Scope::resource).add({source, 0, in_order, {0, part.resources()}, 0});
    space(Scope::scope).add({source, 0, in_order, {0, part.scopes()}, 0});
  }
  for (const Scope owner : kAllScopes) {
    // Half of the numbers: places behind them serve as well.
    if (space(owner).end() > UINT32_MAX / 2) return fail(Code::too_large, "too many spans");
  }
  return out;
}

}  // namespace vivace
