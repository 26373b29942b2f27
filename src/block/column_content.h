// What a chunk of a column holds, between memory and bytes: which owners have values, and the
// values.
//
//   4 bytes  count of values
//   1        owners: 0 dense (each owner of the row group has one value), 1 bitmap, 2 list,
//            3 shapes (those whose shape has the column)
//   1        values: 0 none, 1 numbers of 32 bits, 2 of 64 bits, 3 codes, 4 texts
//   1        coding: 0 plain, 1 references, 2 running, 3 by name
//   1        zero
//            bitmap: a bit for each owner of the row group, lowest first, in whole bytes
//            list: numbers (numbers.h), a byte each at least: offsets of the owners in the
//            row group, ascending
//            values, plain: numbers, or texts (text_list.h)
//            references: numbers of 32 bits, one for each value; then the values of those that
//            are 0, as numbers. What other references mean depends on the column (FORMAT.md).
//            running: numbers of 64 bits: each less the value before it, in its trace
//            by name: 4 bytes count of names, their codes as numbers of a byte each at least, and a
//            value for each
//
// Writing: chunk_coder.h chooses. Reading: block_read.cc, and block_coded.cc for what needs other
// columns.
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

// How they are laid out; nothing set: as they are.
struct ColumnCoding {
  bool by_shapes = false;  // the owners
  Coding coding = Coding::plain;
  std::span<const uint32_t> references;  // of values; or by name: the names
  std::span<const uint32_t> words;       // instead of the values': by name
  std::span<const uint64_t> longs;       // by name, and running
};
// `cuts`: see chunk.h.
void append_column(std::string& out, std::vector<uint32_t>& cuts, const ColumnValues& values,
                   const ColumnCoding& coding = {});

// What a column must look like to be believed.
struct ExpectedColumn {
  Range owners;
  bool dense = false;                 // sparse columns may be dense here and there
  ValueForm form = ValueForm::none;   // texts: as codes or as texts
  uint64_t words_below = 1ULL << 32;  // all words are; what dictionaries bound is checked anyway
  uint64_t words_from = 0;
  bool references_only = false;  // of a column that is coded as references; no values
};

// A column in memory: what Column::keep points to.
struct DecodedColumn {
  std::vector<uint32_t> owners;
  std::vector<uint32_t> words;
  std::vector<uint64_t> longs;
  TextList texts;                              // of this chunk
  std::shared_ptr<const TextList> dictionary;  // or of the column
  std::vector<uint32_t> references;            // until the values that they lead to are filled in
};

// What the content says of itself, not yet believed.
struct ContentForms {
  uint32_t count = 0;
  OwnerForm owners = OwnerForm::dense;
  ValueForm values = ValueForm::none;
  Coding coding = Coding::plain;
};
ContentForms forms_of(std::string_view content);

// Code::corrupt when the content is not what was expected. `decoded` comes empty, but for the
// dictionary if there are codes, and the owners if they are those of shapes. Values of a coding
// other than plain are left as they were stored: values that references lead to are 0, by name
// there is one for each name.
Result<void> take_column(std::string_view content, const ExpectedColumn& expected,
                         DecodedColumn& decoded);
// Once all values are there.
Column make_column(const ExpectedColumn& expected, const ContentForms& forms,
                   std::shared_ptr<const DecodedColumn> decoded);

// A column without values; `texts` tells what they would be.
Column empty_column(bool texts);

}  // namespace vivace
