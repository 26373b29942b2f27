// What a chunk of a column holds, between memory and bytes: which owners have values, and the
// values.
//
//   4 bytes  count of values
//   1        owners: 0 dense (each owner of the row group has one value), 1 bitmap, 2 list
//   1        values: 0 none, 1 numbers of 32 bits, 2 of 64 bits, 3 codes, 4 texts
//   2        zero
//            bitmap: a bit for each owner of the row group, lowest first, in whole bytes
//            list: numbers (numbers.h), a byte each at least: offsets of the owners in the
//            row group, ascending
//            values: numbers, or texts (text_list.h)
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "block/layout.h"
#include "block/text_list.h"
#include "model/columns.h"

namespace vivace {

// To be written. Owners are offsets in the row group, ascending; without `dense` they are named.
struct ColumnValues {
  uint32_t owners_total = 0;
  bool dense = false;
  std::span<const uint32_t> owners = {};
  uint32_t count = 0;
  ValueForm form = ValueForm::none;
  std::span<const uint32_t> words = {};  // of words and codes
  std::span<const uint64_t> longs = {};
  std::span<const std::string_view> texts = {};
};
void append_column(std::string& out, const ColumnValues& values);

// What a column must look like to be believed.
struct ExpectedColumn {
  Range owners;
  bool dense = false;                 // sparse columns may be dense here and there
  ValueForm form = ValueForm::none;   // texts: as codes or as texts
  uint64_t words_below = 1ULL << 32;  // all words are; what dictionaries bound is checked anyway
  uint64_t words_from = 0;
};

// A column in memory: what Column::keep points to.
struct DecodedColumn {
  std::vector<uint32_t> owners;
  std::vector<uint32_t> words;
  std::vector<uint64_t> longs;
  TextList texts;                              // of this chunk
  std::shared_ptr<const TextList> dictionary;  // or of the column
};

// Whether the values of this content are codes, so that the dictionary is needed.
bool holds_codes(std::string_view content);

// Code::corrupt when the content is not what was expected. `decoded` comes empty, but for the
// dictionary if there are codes.
Result<Column> take_column(std::string_view content, const ExpectedColumn& expected,
                           std::shared_ptr<DecodedColumn> decoded);

// A column without values; `texts` tells what they would be.
Column empty_column(bool texts);

}  // namespace vivace
