// How the texts of a column are stored: as a dictionary of the whole block if there are few, sorted
// by their bytes; else (mostly new texts) as they are, in each chunk. Each source has codes of its
// own, and several of them may have equal texts; each code is looked at once, however often it
// comes. Texts that no owner of the block has do not get in.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "base/hash.h"
#include "block/piece_column.h"

namespace vivace {

class TextCodes {
 public:
  // Both must outlive this. `read` gives the column's values in a piece.
  TextCodes(const OwnerOrder& order, const ReadPiece& read);

  // Goes through the values until it is known whether a dictionary holds them.
  Result<void> collect();
  // Instead of it, for whoever goes through the values himself: the number of the text of a code,
  // or nothing when there are too many. `use` first names the piece's column.
  void use(uint32_t source, const Column& column);
  bool add(uint32_t source, uint32_t code);
  uint32_t number(uint32_t source, uint32_t code) const { return sources_[source].numbers[code]; }
  // After the last value; sorts the dictionary.
  void finish();

  bool has_dictionary() const { return has_dictionary_; }
  std::span<const std::string_view> dictionary() const { return dictionary_; }
  // By number: place in the dictionary.
  uint32_t place(uint32_t number) const { return places_[number]; }
  // The column of a piece with places in the dictionary for words; of texts that are not there
  // they mean nothing.
  Result<Column> read(const Piece& piece);

 private:
  struct OfSource {
    const Texts* texts = nullptr;
    std::shared_ptr<const void> keep;
    std::vector<uint32_t> numbers;  // by code
  };

  bool add_text(std::string_view text, uint32_t& number);
  Result<bool> add_shared(uint32_t source, std::span<const Piece> pieces);
  Result<bool> add_piece(const Piece& piece);
  std::string_view keep(std::string_view text);

  const OwnerOrder& order_;
  const ReadPiece& read_;
  std::vector<OfSource> sources_;
  boost::unordered_flat_map<std::string_view, uint32_t, TextHash> numbers_;
  std::vector<std::string_view> dictionary_;
  std::vector<uint32_t> places_;
  std::vector<std::unique_ptr<char[]>> kept_;  // the bytes of the texts
  size_t bytes_ = 0;
  bool has_dictionary_ = true;
};

}  // namespace vivace
