// Several codes of the source may have equal texts, so texts are looked up in a hash table; it is
// given up as soon as they are too many for a dictionary.
#include "block/text_codes.h"

#include <algorithm>
#include <numeric>

#include <boost/unordered/unordered_flat_map.hpp>

#include "base/hash.h"
#include "block/layout.h"

namespace vivace {
namespace {

constexpr uint32_t kUnseen = UINT32_MAX;

struct TextHash {
  using is_avalanching = void;
  size_t operator()(std::string_view text) const { return text_hash(text); }
};

}  // namespace

TextCodes::TextCodes(std::span<const uint32_t> codes, const FlatTexts& texts) {
  has_dictionary_ = collect(codes, texts);
  if (has_dictionary_) {
    sort();
  } else {
    dictionary_ = {};
    by_source_ = {};
  }
}

bool TextCodes::collect(std::span<const uint32_t> codes, const FlatTexts& texts) {
  by_source_.assign(texts.size(), kUnseen);
  boost::unordered_flat_map<std::string_view, uint32_t, TextHash> numbers;
  size_t bytes = 0;
  for (const uint32_t code : codes) {
    if (by_source_[code] != kUnseen) continue;
    const std::string_view text = texts[code];
    const auto [found, is_new] =
        numbers.try_emplace(text, static_cast<uint32_t>(dictionary_.size()));
    by_source_[code] = found->second;
    if (!is_new) continue;
    dictionary_.push_back(text);
    bytes += text.size();
    if (dictionary_.size() > kDictionaryTexts || bytes > kDictionaryBytes) return false;
  }
  return true;
}

void TextCodes::sort() {
  std::vector<uint32_t> order(dictionary_.size());
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::sort(order, {}, [&](uint32_t number) { return dictionary_[number]; });
  std::vector<uint32_t> rank(order.size());
  std::vector<std::string_view> sorted;
  sorted.reserve(order.size());
  for (const uint32_t number : order) {
    rank[number] = static_cast<uint32_t>(sorted.size());
    sorted.push_back(dictionary_[number]);
  }
  dictionary_ = std::move(sorted);
  for (uint32_t& code : by_source_) {
    if (code != kUnseen) code = rank[code];
  }
}

}  // namespace vivace
