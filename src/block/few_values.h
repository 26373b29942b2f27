// A column with values for few owners, all at once in memory: sorted by their owners in the block,
// so that its cost is that of its values, not that of the block's rows.
//
// For the writer of blocks; one thread.
#pragma once

#include <vector>

#include "block/piece_column.h"
#include "block/text_codes.h"

namespace vivace {

class FewValues {
 public:
  // The order must outlive this.
  explicit FewValues(const OwnerOrder& order) : order_(order) {}

  // False, and it is of no use, if there are more than one owner in 16 has, or seem to be; or more
  // texts than a dictionary holds. `codes` is null but for texts, whose values become codes.
  Result<bool> collect(const ReadPiece& read, ValueForm form, TextCodes* codes);
  // Groups are asked for in ascending order.
  void gather(uint32_t group, GroupValues& out);

 private:
  bool add(const Piece& piece, const Column& column, TextCodes* codes);

  const OwnerOrder& order_;
  std::vector<uint64_t> sorted_;  // number of the owner in the block << 32 | place of the value
  std::vector<uint32_t> words_;
  std::vector<uint64_t> longs_;
  size_t next_ = 0;
};

}  // namespace vivace
