// An overflow list entry by entry, for those who move entries in or out: from a source's list, and
// back into columns.
//
// For the writer of blocks; one thread.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/columns.h"

namespace vivace {

// Views into what the entry was taken from.
struct OverflowEntry {
  uint32_t owner = 0;
  std::string_view key;
  ValueType type = ValueType::empty;
  uint64_t bits = 0;      // of texts: 0
  std::string_view text;  // of texts
};

// A column value by value.
class ColumnCursor {
 public:
  explicit ColumnCursor(Column column) : column_(std::move(column)) { skip_ends(); }
  bool at_end() const { return slice_ == column_.slices.size(); }
  uint32_t owner() const { return column_.slices[slice_].owner(at_); }
  uint64_t bits() const {
    const Slice& slice = column_.slices[slice_];
    if (slice.words != nullptr) return slice.words[at_];
    return slice.longs == nullptr ? 0 : slice.longs[at_];
  }
  std::string_view text() const { return (*column_.texts)[static_cast<uint32_t>(bits())]; }
  std::string_view text(uint64_t code) const {
    return (*column_.texts)[static_cast<uint32_t>(code)];
  }
  void next() {
    ++at_;
    skip_ends();
  }
  // To the first value of this owner or a later one; true if it is of this one.
  bool seek(uint32_t owner) {
    while (!at_end() && this->owner() < owner) next();
    return !at_end() && this->owner() == owner;
  }

 private:
  void skip_ends() {
    while (slice_ < column_.slices.size() && at_ == column_.slices[slice_].count) {
      ++slice_;
      at_ = 0;
    }
  }
  Column column_;
  size_t slice_ = 0;
  uint32_t at_ = 0;
};

class OverflowEntries {
 public:
  explicit OverflowEntries(Overflow list)
      : keys_(std::move(list.keys)),
        types_(std::move(list.types)),
        values_(std::move(list.values)) {}

  bool at_end() const { return keys_.at_end() || types_.at_end() || values_.at_end(); }
  OverflowEntry entry() const {
    OverflowEntry out{
        keys_.owner(), keys_.text(), static_cast<ValueType>(types_.bits()), values_.bits(), {}};
    if (is_text(out.type)) out.text = values_.text(std::exchange(out.bits, 0));
    return out;
  }
  void next() {
    keys_.next();
    types_.next();
    values_.next();
  }
  bool seek(uint32_t owner) {
    while (!at_end() && keys_.owner() < owner) next();
    return !at_end() && keys_.owner() == owner;
  }

 private:
  ColumnCursor keys_;
  ColumnCursor types_;
  ColumnCursor values_;
};

class ViewTexts final : public Texts {
 public:
  uint32_t size() const override { return static_cast<uint32_t>(views.size()); }
  std::string_view operator[](uint32_t code) const override { return views[code]; }
  std::vector<std::string_view> views;
};

// Columns of entries, or of the values of entries of one type. `below` keeps what they view.
Overflow overflow_of(const std::vector<OverflowEntry>& entries, std::shared_ptr<const void> below);
Column column_of(const std::vector<OverflowEntry>& entries, std::shared_ptr<const void> below);

}  // namespace vivace
