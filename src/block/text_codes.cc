// Texts are looked up in a hash table, which is given up as soon as they are too many for a
// dictionary. Of a source that is there whole the dictionary is taken as it is, if it has one:
// each of its texts has an owner.
#include "block/text_codes.h"

#include <algorithm>
#include <numeric>

#include "block/merge_runs.h"

namespace vivace {
namespace {

constexpr uint32_t kUnseen = UINT32_MAX;

}  // namespace

TextCodes::TextCodes(const OwnerOrder& order, const ReadPiece& read) : order_(order), read_(read) {
  const std::vector<Piece>& pieces = order.space().pieces();
  if (!pieces.empty()) sources_.resize(size_t{pieces.back().source} + 1);
}

std::string_view TextCodes::keep(std::string_view text) {
  auto bytes = std::make_unique_for_overwrite<char[]>(text.size());
  std::ranges::copy(text, bytes.get());
  kept_.push_back(std::move(bytes));
  return {kept_.back().get(), text.size()};
}

bool TextCodes::add_text(std::string_view text, uint32_t& number) {
  const auto found = numbers_.find(text);
  if (found != numbers_.end()) {
    number = found->second;
    return true;
  }
  bytes_ += text.size();
  if (dictionary_.size() == kDictionaryTexts || bytes_ > kDictionaryBytes) {
    has_dictionary_ = false;
    return false;
  }
  number = static_cast<uint32_t>(dictionary_.size());
  dictionary_.push_back(keep(text));
  numbers_.emplace(dictionary_.back(), number);
  return true;
}

void TextCodes::use(uint32_t source, const Column& column) {
  OfSource& of = sources_[source];
  if (column.slices.empty() || of.texts == column.texts) return;
  of.texts = column.texts;
  of.keep = column.keep;
  of.numbers.assign(column.texts->size(), kUnseen);
}

bool TextCodes::add(uint32_t source, uint32_t code) {
  OfSource& of = sources_[source];
  return of.numbers[code] != kUnseen || add_text((*of.texts)[code], of.numbers[code]);
}

Result<bool> TextCodes::add_piece(const Piece& piece) {
  const Column column = TRY(read_(piece));
  use(piece.source, column);
  const bool whole = order_.has_whole_piece(order_.space().piece_at(piece.first));
  for (const Slice& slice : column.slices) {
    for (uint32_t i = 0; i < slice.count; ++i) {
      if (!whole && order_.placed(piece.number(slice.owner(i))) == OwnerOrder::kNowhere) continue;
      if (!add(piece.source, slice.words[i])) return false;
    }
  }
  return true;
}

// True if the first pieces with values share their texts, as all of the source then do.
Result<bool> TextCodes::add_shared(uint32_t source, std::span<const Piece> pieces) {
  uint32_t with_values = 0;
  for (const Piece& piece : pieces) {
    const Column column = TRY(read_(piece));
    if (column.slices.empty()) continue;
    if (with_values++ == 0) {
      use(source, column);
      continue;
    }
    if (column.texts != sources_[source].texts) return false;
    for (uint32_t code = 0; code < column.texts->size(); ++code) {
      if (!add(source, code)) break;
    }
    return true;
  }
  return with_values == 0;
}

Result<void> TextCodes::collect() {
  for (uint32_t source = 0; source < sources_.size() && has_dictionary_; ++source) {
    const std::span<const Piece> pieces = order_.space().of_source(source);
    if (pieces.empty()) continue;
    if (pieces[0].in_order && order_.has_whole_source(source) && TRY(add_shared(source, pieces))) {
      continue;
    }
    for (const Piece& piece : pieces) {
      if (!TRY(add_piece(piece))) break;
    }
  }
  finish();
  return {};
}

void TextCodes::finish() {
  if (!has_dictionary_) {
    dictionary_ = {};
    numbers_ = {};
    kept_.clear();
    sources_ = {};
    return;
  }
  std::vector<uint32_t> order(dictionary_.size());
  std::iota(order.begin(), order.end(), 0U);
  merge_runs(order, [&](uint32_t a, uint32_t b) { return dictionary_[a] < dictionary_[b]; });
  places_.resize(order.size());
  std::vector<std::string_view> sorted;
  sorted.reserve(order.size());
  for (const uint32_t number : order) {
    places_[number] = static_cast<uint32_t>(sorted.size());
    sorted.push_back(dictionary_[number]);
  }
  dictionary_ = std::move(sorted);
}

Result<Column> TextCodes::read(const Piece& piece) {
  Column column = TRY(read_(piece));
  use(piece.source, column);
  OfSource& of = sources_[piece.source];
  struct Placed {
    std::vector<uint32_t> words;
    std::shared_ptr<const void> below;
  };
  auto placed = std::make_shared<Placed>();
  size_t count = 0;
  for (const Slice& slice : column.slices) count += slice.count;
  placed->words.reserve(count);
  for (Slice& slice : column.slices) {
    for (uint32_t i = 0; i < slice.count; ++i) {
      uint32_t& number = of.numbers[slice.words[i]];
      if (number == kUnseen) {
        const auto found = numbers_.find((*of.texts)[slice.words[i]]);
        number = found == numbers_.end() ? 0 : found->second;
      }
      placed->words.push_back(places_[number]);
    }
    slice.words = placed->words.data() + placed->words.size() - slice.count;
  }
  placed->below = std::move(column.keep);
  column.texts = nullptr;
  column.keep = std::move(placed);
  return column;
}

}  // namespace vivace
