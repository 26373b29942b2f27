// Whether a row group may hold a wanted value: by the statistics of the column, its dictionary, the
// filter of its texts. All of them are kept in the cache, so that a search through many row groups
// reads each once.
#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "block/block_cached.h"
#include "block/layout.h"
#include "block/statistics.h"

namespace vivace {
namespace {

// Texts are ascending by their bytes.
std::optional<uint32_t> find_code(const TextList& texts, std::string_view text) {
  uint32_t low = 0;
  uint32_t high = texts.size();
  while (low < high) {
    const uint32_t middle = low + (high - low) / 2;
    if (texts[middle] < text) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low < texts.size() && texts[low] == text ? std::optional(low) : std::nullopt;
}

}  // namespace

struct Block::Statistic {
  uint32_t count = 0;
  uint64_t least = 0;
  uint64_t greatest = 0;
};

// Nothing: unknown.
Result<std::optional<Block::Statistic>> Block::statistic(uint32_t column, uint32_t group,
                                                         Inspected& inspected) const {
  if (!footer_->has_statistics(column)) return std::nullopt;
  const uint32_t slot = statistics_slot(footer_->slots());
  const auto directory = TRY(this->directory());
  if (directory->find(column, group_slot(group)).bytes == 0) return Statistic();
  if (directory->find(column, slot).bytes == 0) return std::nullopt;
  const auto make = [&](Inspected& read) -> Result<ColumnStatistics> {
    const std::string content = TRY(read_chunk(column, slot, read));
    return ColumnStatistics::take(content, groups());
  };
  const auto all = TRY(cached<ColumnStatistics>(column, slot, inspected, make));
  return Statistic{all->counts[group], all->least[group], all->greatest[group]};
}

// The list itself may have 100,000 keys, and is taken apart anew by each question.
Result<bool> Block::may_overflow(Scope owner, std::string_view key, uint32_t group,
                                 Inspected& inspected) const {
  const auto directory = TRY(this->directory());
  const uint32_t column = overflow_column(owner, OverflowPiece::keys);
  if (directory->find(column, slot_of(owner, group)).bytes == 0) return false;
  if (directory->find(column, kDictionarySlot).bytes == 0) {
    return filter_may_have(column, group, key, inspected);
  }
  const auto keys = TRY(dictionary(column, inspected));
  return find_code(*keys, key).has_value();
}

// True where there is no filter.
Result<bool> Block::filter_may_have(uint32_t column, uint32_t group, std::string_view text,
                                    Inspected& inspected) const {
  const auto directory = TRY(this->directory());
  const uint32_t slot = text_filter_slot(footer_->slots());
  if (directory->find(column, slot).bytes == 0) return true;
  const auto make = [&](Inspected& read) -> Result<TextFilter> {
    const std::string content = TRY(read_chunk(column, slot, read));
    return TextFilter::take(content, groups());
  };
  const auto filter = TRY(cached<TextFilter>(column, slot, inspected, make));
  return filter->may_have(group, text);
}

// Reals are compared as their bits by the writer: those below 0 the wrong way round.
Result<bool> Block::may_hold_number(ValueType type, const Statistic& statistic,
                                    const WantedValue& wanted) const {
  const auto least = static_cast<int64_t>(statistic.least);
  const auto greatest = static_cast<int64_t>(statistic.greatest);
  if (type == ValueType::integer) {
    return static_cast<double>(greatest) >= wanted.low && static_cast<double>(least) <= wanted.high;
  }
  if (type != ValueType::real || least < 0) return true;
  const auto low = std::bit_cast<double>(statistic.least);
  const auto high = std::bit_cast<double>(statistic.greatest);
  return std::isnan(low) || std::isnan(high) || (high >= wanted.low && low <= wanted.high);
}

Result<bool> Block::may_hold_text(uint32_t column, uint32_t group, const Statistic& statistic,
                                  const WantedValue& wanted, Inspected& inspected) const {
  const auto directory = TRY(this->directory());
  if (directory->find(column, kDictionarySlot).bytes > 0) {
    const auto texts = TRY(dictionary(column, inspected));
    const auto code = find_code(*texts, *wanted.text);
    return code && *code >= statistic.least && *code <= statistic.greatest;
  }
  return filter_may_have(column, group, *wanted.text, inspected);
}

Result<bool> Block::may_hold(Scope owner, std::string_view key, uint32_t group,
                             const WantedValue& wanted, Inspected& inspected) const {
  if (!has_row_groups(owner) || TRY(may_overflow(owner, key, group, inspected))) return true;
  const auto& columns = footer_->columns[static_cast<size_t>(owner)];
  for (uint32_t i = 0; i < columns.size(); ++i) {
    if (columns[i].key != key) continue;
    const uint32_t column = footer_->attribute_column(owner, i);
    const auto known = TRY(statistic(column, group, inspected));
    if (!known) return true;
    if (known->count == 0) continue;
    const ValueType type = columns[i].type;
    if (type == ValueType::string) {
      if (!wanted.text) continue;
      if (TRY(may_hold_text(column, group, *known, wanted, inspected))) return true;
    } else if (type == ValueType::integer || type == ValueType::real) {
      if (!wanted.text && TRY(may_hold_number(type, *known, wanted))) return true;
    } else if (type == ValueType::array) {
      return true;
    }
  }
  return false;
}

Result<bool> Block::may_hold(Field field, uint32_t group, const WantedValue& wanted,
                             Inspected& inspected) const {
  const auto known = TRY(statistic(field_column(field), group, inspected));
  if (!known) return true;
  if (known->count == 0) return false;
  if (info(field).form == FieldForm::texts) {
    return wanted.text ? may_hold_text(field_column(field), group, *known, wanted, inspected)
                       : Result<bool>(false);
  }
  return wanted.text ? Result<bool>(false) : may_hold_number(ValueType::integer, *known, wanted);
}

}  // namespace vivace
