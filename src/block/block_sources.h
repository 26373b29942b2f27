// The parts that a block is made of, as one: their owners (rows, events, links, resources, scopes)
// are numbered through all sources, so that an order of owners, whichever source they come from, is
// a run of 32-bit numbers.
//
// What a part hands out at once is a *piece*: the owners of one row group of one source, or all its
// resources or scopes. Pieces begin at multiples of kPageOwners, so that a table of pages leads
// from a number to its piece, and between two pieces at least one number is nobody's: neighbours
// are always of one piece.
//
//   source 0, row group 0: rows     0-16383 -> numbers     0-16383
//             row group 1: rows 16384-30000 -> numbers 16640-30256
//   source 1, row group 0: rows     0-16000 -> numbers 30464-46464
//
// For the writer of blocks; one thread.
#pragma once

#include <algorithm>
#include <array>
#include <span>
#include <vector>

#include "base/result.h"
#include "block/block_writer.h"
#include "block/layout.h"
#include "model/columns.h"

namespace vivace {

constexpr uint32_t kPageOwners = 256;

struct Piece {
  uint32_t source = 0;
  uint32_t group = 0;     // of the source
  bool in_order = false;  // whether the source is: rows near each other are used near each other
  Range owners;           // as the source numbers them
  uint32_t first = 0;     // number of the first of them

  uint32_t number(uint32_t owner) const { return first + (owner - owners.first); }
};

// The numbers of one kind of owner.
class OwnerSpace {
 public:
  // Pieces come by source, then row group. Those without owners are passed over.
  void add(Piece piece);
  // Of this source some owners have no numbers. Sources ascend.
  void add_gap(uint32_t source) { gaps_.push_back(source); }
  bool has_gaps(uint32_t source) const { return std::ranges::binary_search(gaps_, source); }

  uint64_t end() const { return end_; }  // one beyond the last number
  const std::vector<Piece>& pieces() const { return pieces_; }
  std::span<const Piece> of_source(uint32_t source) const;
  uint32_t piece_at(uint32_t number) const { return piece_of_page_[number / kPageOwners]; }
  size_t pages() const { return piece_of_page_.size(); }

 private:
  std::vector<Piece> pieces_;
  std::vector<uint32_t> piece_of_page_;
  std::vector<uint32_t> gaps_;
  uint64_t end_ = 0;
};

class BlockSources {
 public:
  // Row groups that are too old have no pieces. Code::too_large when there are too many owners.
  static Result<BlockSources> open(const BlockContent& content);

  uint32_t count() const { return static_cast<uint32_t>(content_->sources.size()); }
  const Part& part(uint32_t source) const { return *content_->sources[source].part; }
  // Ascending rows of the source.
  const std::vector<uint32_t>& left_out(uint32_t source) const {
    return content_->sources[source].left_out;
  }
  const OwnerSpace& space(Scope owner) const { return spaces_[static_cast<size_t>(owner)]; }
  // The events or links of a piece of rows; null if there are none.
  const Piece* children_of(uint32_t row_piece, Scope owner) const;
  // Between two steps of the work.
  Result<void> pace() const { return content_->pace ? content_->pace() : Result<void>(); }

 private:
  explicit BlockSources(const BlockContent& content) : content_(&content) {}

  const BlockContent* content_;
  std::array<OwnerSpace, kScopes> spaces_;
  std::array<std::vector<uint32_t>, kScopes> children_;  // by piece of rows: place + 1, or 0
};

}  // namespace vivace
