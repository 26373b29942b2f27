// All that is known of a block before its first byte: what it is made of, in which order, and what
// its columns are.
//
// For the writer of blocks; one thread. Memory: at most 4 bytes an owner for the order and 4 for
// the way back, and the table of traces.
#pragma once

#include <array>
#include <memory>

#include "block/attribute_union.h"
#include "block/block_sources.h"
#include "block/owner_union.h"
#include "block/row_order.h"

namespace vivace {

class BlockPlan {
 public:
  // The content must outlive what is returned.
  static Result<std::unique_ptr<BlockPlan>> make(const BlockContent& content);
  BlockPlan(const BlockPlan&) = delete;
  BlockPlan& operator=(const BlockPlan&) = delete;

  const BlockSources& sources() const { return sources_; }
  const RowOrder& rows() const { return rows_; }
  const OwnerOrder& order(Scope owner) const;
  AttributeUnion& attributes(Scope owner) { return *attributes_[static_cast<size_t>(owner)]; }

  // A field of the owners that it belongs to, as the block has it: numbers of shapes, resources and
  // scopes are the block's. But of the fields that are not read from sources: trace, received_ns,
  // event_span and link_span.
  ReadPiece field(Field field);

 private:
  explicit BlockPlan(BlockSources sources) : sources_(std::move(sources)) {}

  const BlockSources sources_;
  RowOrder rows_;
  OwnerOrder events_;
  OwnerOrder links_;
  std::unique_ptr<OwnerUnion> resources_;
  std::unique_ptr<OwnerUnion> scopes_;
  std::array<std::unique_ptr<AttributeUnion>, kScopes> attributes_;
};

}  // namespace vivace
