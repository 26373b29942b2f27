// The resources, or the scopes, of a block: those of all sources that a copied span has, equal ones
// once. Equal are those with the same attributes in the same order, schema url, name, version and
// dropped count.
//
// For the writer of blocks; one thread.
#pragma once

#include <vector>

#include "block/owner_order.h"
#include "block/piece_column.h"

namespace vivace {

class OwnerUnion {
 public:
  // Of resources or scopes. The sources and the order of the rows must outlive it.
  static Result<OwnerUnion> make(const BlockSources& sources, Scope owner, const OwnerOrder& rows);

  // One of each, in the order they came up.
  const OwnerOrder& order() const { return order_; }
  // Field::resource or Field::scope of spans, with numbers in the block.
  ReadPiece numbers() const;

 private:
  OwnerUnion(const BlockSources& sources, Scope owner)
      : sources_(&sources), owner_(owner), order_(sources.space(owner)) {}

  Result<std::vector<bool>> used(uint32_t source, const OwnerOrder& rows) const;
  Result<Column> read(const Piece& rows) const;

  const BlockSources* sources_;
  Scope owner_;
  OwnerOrder order_;
  std::vector<uint32_t> placed_;  // by number among the sources': in the block
};

}  // namespace vivace
