// Values of tags as they are gathered: the list of an answer under its limits, and the values of
// one key of attributes. Private to tags_*.cc.
#pragma once

#include <array>
#include <optional>
#include <string_view>
#include <vector>

#include "query/tags_texts.h"

namespace vivace {

constexpr size_t kTagTypes = 5;

class TagList {
 public:
  TagList(const TagQuestion& question, const QueryControl& control) : room_(question, control) {}

  bool full() const { return room_.bytes_full || room_.count == 0; }
  void add_text(TagType type, std::string_view text) {
    texts_[static_cast<size_t>(type)].add(text, room_.count, room_);
  }
  // `bits` of a boolean, integer or real.
  void add_number(TagType type, uint64_t bits);
  // In the order of an answer; fails if there was no memory for all of it.
  Result<std::vector<TagValue>> take();

 private:
  TagRoom room_;
  std::array<DistinctTexts, kTagTypes> texts_;
  std::array<boost::unordered_flat_set<uint64_t>, kTagTypes> numbers_;  // that were added
};

// The values of one key, at owners of any kind.
class KeyValues {
 public:
  KeyValues(std::string_view key, TagList& out) : key_(key), out_(out) {}

  Result<void> add(const TagOwners& owners);
  void leave_part();

 private:
  const std::vector<uint32_t>& columns_of(const Part& part, Scope scope);
  Result<void> add_column(const TagOwners& owners, uint32_t number, ValueType type);
  Result<void> add_overflow(const TagOwners& owners);
  void add_text(ValueType type, std::string_view text);
  void add_number(ValueType type, uint64_t bits);

  const std::string_view key_;
  TagList& out_;
  // Of the part at hand, by Scope: the columns of the key.
  std::array<std::optional<std::vector<uint32_t>>, kScopes> columns_;
  SeenCodes codes_;
};

}  // namespace vivace
