// Finds the rows of a head that repeat spans of older parts. Rows are compared with the older spans
// by a table of the head's, which split_join.cc fills with a slice of its rows at a time: up to 60
// bytes a row, while it looks.
#pragma once

#include <algorithm>
#include <bit>
#include <optional>
#include <utility>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "model/row_reader.h"
#include "store/trace_lookup.h"

namespace vivace {

// A span of the head, by what makes it the same as another.
struct SpanKey {
  uint64_t span_id = 0;
  uint32_t trace = 0;  // ordinal in the head
  uint32_t kind = 0;
  bool operator==(const SpanKey&) const = default;
};
struct SpanKeyHash {
  using is_avalanching = void;
  size_t operator()(const SpanKey& key) const {
    return mix64((key.span_id ^ kProcessSeed) + (uint64_t{key.trace} << 20) + key.kind);
  }
};

// Spans of the head, and their rows. Most spans of older parts are not among them, which a few bits
// say without a look at the table.
class RowsBySpan {
 public:
  explicit RowsBySpan(uint32_t rows_max) : bits_(std::bit_ceil(uint64_t{rows_max} / 4 + 1)) {}

  void add(const SpanKey& key, uint32_t row) {
    const uint64_t hash = SpanKeyHash()(key);
    bits_[word(hash)] |= bit(hash);
    rows_.emplace(key, row);
  }
  // Takes it out.
  std::optional<uint32_t> take(const SpanKey& key) {
    const uint64_t hash = SpanKeyHash()(key);
    if ((bits_[word(hash)] & bit(hash)) == 0) return std::nullopt;
    const auto found = rows_.find(key);
    if (found == rows_.end()) return std::nullopt;
    const uint32_t row = found->second;
    rows_.erase(found);
    return row;
  }

 private:
  size_t word(uint64_t hash) const { return (hash >> 6) & (bits_.size() - 1); }
  static uint64_t bit(uint64_t hash) { return uint64_t{1} << (hash & 63); }

  std::vector<uint64_t> bits_;  // 16 or more for each row
  boost::unordered_flat_map<SpanKey, uint32_t, SpanKeyHash> rows_;
};

// Takes the repeats out of `rows`: those whose spans an older part has in one of these traces.
class RepeatFinder {
 public:
  RepeatFinder(RowsBySpan& rows, const std::vector<uint32_t>& ordinals, int64_t received_after_ns,
               LookupDamage& damage)
      : rows_(rows), ordinals_(ordinals), received_after_ns_(received_after_ns), damage_(damage) {}

  void look_into(const Part& part, const std::vector<LocatedTrace>& found) {
    Inspected uncounted;
    RowReader reader(part, uncounted);
    RowGroup group;
    std::vector<uint32_t> rows;
    for (const LocatedTrace& trace : found) {
      rows.clear();
      if (damage_.contains(part.trace_rows(trace.ordinal, rows, uncounted))) continue;
      for (const uint32_t row : rows) {
        if (row - group.rows.first >= group.rows.count) group = part.group(group_of(part, row));
        if (group.received_max_ns < received_after_ns_) continue;
        if (damage_.contains(look_at(reader, row, ordinals_[trace.asked]))) break;
      }
    }
  }

  std::vector<uint32_t> take() {
    std::ranges::sort(repeats_);
    return std::move(repeats_);
  }

 private:
  Result<void> look_at(RowReader& reader, uint32_t row, uint32_t ordinal) {
    const uint64_t span_id = TRY(reader.number(Field::span_id, row));
    const auto kind = static_cast<uint32_t>(TRY(reader.number(Field::kind, row)));
    const auto same = rows_.take({.span_id = span_id, .trace = ordinal, .kind = kind});
    if (same) repeats_.push_back(*same);
    return {};
  }

  RowsBySpan& rows_;
  const std::vector<uint32_t>& ordinals_;
  const int64_t received_after_ns_;
  LookupDamage& damage_;
  std::vector<uint32_t> repeats_;
};

}  // namespace vivace
