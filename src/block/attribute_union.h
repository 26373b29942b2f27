// The attributes of a block: columns by (key, type) over all sources, the trie of shapes over these
// columns, and the overflow list of what has none.
//
//   source 0: columns a b c      columns of the block: a b c d
//   source 1: columns b d        its shape (b d) becomes the shape (b d) of those
//
// When that would be more than kAttributeColumnsMax of a kind of owner, those with the most bytes
// stay, and the values of the others go to the overflow list. What a source has in its overflow
// list moves into the column of its key and type, if there is one. Columns that no copied owner
// has a value in are left out.
//
// For the writer of blocks; one thread.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "block/footer.h"
#include "block/overflow_entries.h"
#include "block/owner_order.h"
#include "block/piece_column.h"
#include "block/shape_union.h"

namespace vivace {

// Of one kind of owner.
class AttributeUnion {
 public:
  // Both must outlive what is returned, which stays where it is.
  static Result<std::unique_ptr<AttributeUnion>> make(const BlockSources& sources, Scope owner,
                                                      const OwnerOrder& order);

  const std::vector<BlockColumn>& columns() const { return columns_; }
  // Values of one of them.
  ReadPiece values(uint32_t column) const;
  // The shapes of the owners, among `shapes()`.
  ReadPiece owner_shapes();
  // All that `owner_shapes` has read.
  const Shapes& shapes() const { return shapes_; }
  // Whether some owner may have something there.
  bool has_overflow() const;
  Result<Overflow> overflow(const Piece& piece) const;

 private:
  static constexpr uint32_t kNone = UINT32_MAX - 1;  // beside kOverflowColumn
  static constexpr uint32_t kUnmapped = UINT32_MAX;
  struct OfSource {
    std::shared_ptr<const Shapes> shapes;
    std::vector<bool> used;        // by shape; empty: all
    std::vector<uint32_t> mapped;  // by shape: shape here, or kUnmapped
    std::vector<uint32_t> to;      // by its column: column here, kOverflowColumn or kNone
    std::vector<uint32_t> from;    // by column here: its column, or kNone
    std::vector<bool> moves;       // by column here: values come from its overflow list
    bool moves_any = false;
    bool has_overflow = false;
    bool loses_columns = false;
    bool uses(uint32_t shape) const { return used.empty() || used[shape]; }
  };

  AttributeUnion(const BlockSources& sources, Scope owner, const OwnerOrder& order)
      : sources_(sources), owner_(owner), order_(order), of_(sources.count()) {}

  std::span<const Piece> pieces(uint32_t source) const { return order_.space().of_source(source); }
  Result<Column> source_shapes(const Piece& piece) const;
  Result<void> find_used(uint32_t source);
  void unite_columns(uint32_t source);
  Result<void> keep_largest();
  Result<uint64_t> bytes_of(uint32_t source, uint32_t column) const;
  Result<void> find_origins(uint32_t source);
  Result<void> find_moves(uint32_t source);
  uint32_t find_column(std::string_view key, ValueType type) const;
  bool moves(const OfSource& of, const OverflowEntry& entry) const;

  Result<Column> read_values(uint32_t column, const Piece& piece) const;
  Result<Column> moved_values(uint32_t column, const Piece& piece) const;
  Result<Column> read_shapes(const Piece& piece);
  uint32_t map_shape(OfSource& of, uint32_t shape);
  Result<uint32_t> map_moved(OfSource& of, uint32_t shape, uint32_t owner,
                             OverflowEntries& entries);
  Result<Overflow> rebuilt_overflow(const Piece& piece) const;

  const BlockSources& sources_;
  const Scope owner_;
  const OwnerOrder& order_;
  std::vector<OfSource> of_;
  std::vector<BlockColumn> columns_;
  boost::unordered_flat_map<std::string, uint32_t> by_name_;  // type, then key
  ShapeUnion shapes_;
  std::vector<uint32_t> path_;
};

}  // namespace vivace
