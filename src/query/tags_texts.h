// Pieces that names and values of tags share: distinct texts under the limits of an answer, and the
// texts of a column whose codes occur.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/unordered/unordered_flat_set.hpp>

#include "base/hash.h"
#include "query/tags_scan.h"

namespace vivace {

// What is left of the limits of an answer.
struct TagRoom {
  TagRoom(const TagQuestion& question, const QueryControl& control)
      : count(question.count_max == 0 ? UINT64_MAX : question.count_max),
        bytes(question.bytes_max == 0 ? UINT64_MAX : question.bytes_max),
        memory(control) {}
  uint64_t count;  // of this list
  uint64_t bytes;  // of all lists
  bool bytes_full = false;
  MemoryCharge memory;           // of all lists
  std::optional<Error> refusal;  // for want of memory; then it is full as well
};

class DistinctTexts {
 public:
  static constexpr size_t kBytesPerText = 160;

  // Once a text does not fit into the bytes, none does: an answer does not end with what happens
  // to be short.
  void add(std::string_view text, uint64_t& count_left, TagRoom& room) {
    if (count_left == 0 || room.bytes_full || texts_.contains(text)) return;
    if (text.size() > room.bytes) {
      room.bytes_full = true;
      return;
    }
    // In the table, in the list, in the body.
    auto charged = room.memory.grow(static_cast<int64_t>(kBytesPerText + 3 * text.size()));
    if (!charged) {
      room.refusal = std::move(charged.error());
      room.bytes_full = true;
      return;
    }
    texts_.emplace(text);
    room.bytes -= text.size();
    --count_left;
  }
  std::vector<std::string> take() {
    std::vector<std::string> out;
    out.reserve(texts_.size());
    for (const std::string& text : texts_) out.push_back(text);
    texts_.clear();
    return out;
  }

 private:
  boost::unordered_flat_set<std::string, TextHash, std::equal_to<>> texts_;
};

// Which codes of a dictionary came up. Row groups of a head share their dictionaries, so the last
// one is remembered; its column is kept, so that no other can take its address.
class SeenCodes {
 public:
  // Calls take(text) for each code that picked owners have and that is new.
  template <class Take>
  Result<void> each_text(Column column, const Picked& owners, Take take) {
    if (column.texts == nullptr) return {};  // no values
    if (column.texts != texts_) seen_.clear();
    texts_ = column.texts;
    const uint32_t size = column.texts->size();
    seen_.resize(std::max(seen_.size(), (size_t{size} + 63) / 64));
    for (const Slice& slice : column.slices) {
      for (uint32_t i = 0; i < slice.count; ++i) {
        const uint32_t code = slice.words[i];
        if (code >= size) return fail(Code::corrupt, "a code beyond its dictionary");
        const uint64_t bit = uint64_t{1} << (code % 64);
        if ((seen_[code / 64] & bit) != 0) continue;
        if (!owners.is_all() && !owners.has(slice.owner(i))) continue;
        seen_[code / 64] |= bit;
        take((*texts_)[code]);
      }
    }
    column_ = std::move(column);
    return {};
  }

 private:
  Column column_;
  const Texts* texts_ = nullptr;
  std::vector<uint64_t> seen_;
};

// Values of a column one after the other, without slices.
class ColumnCursor {
 public:
  explicit ColumnCursor(const Column& column) : column_(column) { skip_empty(); }
  bool done() const { return slice_ == column_.slices.size(); }
  void next() {
    ++at_;
    skip_empty();
  }
  uint32_t owner() const { return slice().owner(at_); }
  uint64_t value() const {
    if (slice().longs != nullptr) return slice().longs[at_];
    return slice().words != nullptr ? slice().words[at_] : 0;
  }

 private:
  const Slice& slice() const { return column_.slices[slice_]; }
  void skip_empty() {
    while (!done() && at_ == slice().count) {
      ++slice_;
      at_ = 0;
    }
  }

  const Column& column_;
  size_t slice_ = 0;
  uint32_t at_ = 0;
};

}  // namespace vivace
