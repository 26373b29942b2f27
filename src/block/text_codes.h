// How the texts of a column are stored: as a dictionary of the whole block if there are few, sorted
// by their bytes; else (mostly new texts) as they are, in each chunk. Works on codes of the source:
// each is looked at once, however often it comes.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "block/flat_column.h"

namespace vivace {

class TextCodes {
 public:
  // `codes` are those that come in the column.
  TextCodes(std::span<const uint32_t> codes, const FlatTexts& texts);

  bool has_dictionary() const { return has_dictionary_; }
  std::span<const std::string_view> dictionary() const { return dictionary_; }
  // By code of the source, if it comes in the column: code in the dictionary.
  const std::vector<uint32_t>& by_source() const { return by_source_; }

 private:
  bool collect(std::span<const uint32_t> codes, const FlatTexts& texts);
  void sort();

  bool has_dictionary_ = false;
  std::vector<std::string_view> dictionary_;
  std::vector<uint32_t> by_source_;
};

}  // namespace vivace
