// Texts are judged by code, numbers by their bits, so that each is formatted once. Called by the
// visitors of tags_values.cc, on the thread of their question.
#include "query/tags_lists.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <compare>

#include <fmt/format.h>

#include "query/tags_arrays.h"
#include "traceql/datum.h"

namespace vivace {
namespace {

template <class T>
T number_of(const std::string& text) {
  T value{};
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

bool comes_before(TagType type, const std::string& a, const std::string& b) {
  if (type == TagType::integer) return number_of<int64_t>(a) < number_of<int64_t>(b);
  if (type == TagType::real && number_of<double>(a) != number_of<double>(b)) {
    return number_of<double>(a) < number_of<double>(b);
  }
  return a < b;
}

}  // namespace

void TagList::add_number(TagType type, uint64_t bits) {
  if (full() || !numbers_[static_cast<size_t>(type)].insert(bits).second) return;
  if (type == TagType::boolean) return add_text(type, bits != 0 ? "true" : "false");
  if (type == TagType::real) {
    return add_text(type, datum_text(traceql::datum<double>(std::bit_cast<double>(bits))));
  }
  add_text(type, fmt::format("{}", static_cast<int64_t>(bits)));
}

Result<std::vector<TagValue>> TagList::take() {
  if (room_.refusal) return std::unexpected(*room_.refusal);
  std::vector<TagValue> out;
  for (size_t i = 0; i < kTagTypes; ++i) {
    const auto type = static_cast<TagType>(i);
    std::vector<std::string> texts = texts_[i].take();
    std::ranges::sort(texts, [&](const std::string& a, const std::string& b) {
      return comes_before(type, a, b);
    });
    for (std::string& text : texts) out.push_back({type, std::move(text)});
  }
  return out;
}

Result<void> KeyValues::add(const TagOwners& owners) {
  for (const uint32_t number : columns_of(owners.part(), owners.scope)) {
    const ValueType type = owners.part().column(owners.scope, number).type;
    if (type == ValueType::empty || type == ValueType::bytes || type == ValueType::map) continue;
    CHECK_OK(add_column(owners, number, type));
  }
  return add_overflow(owners);
}

Result<void> KeyValues::add_column(const TagOwners& owners, uint32_t number, ValueType type) {
  Column column =
      TRY(owners.part().read_attribute(owners.scope, number, owners.group, owners.inspected()));
  if (is_text(type)) {
    return codes_.each_text(std::move(column), owners.picked,
                            [&](std::string_view text) { add_text(type, text); });
  }
  for (ColumnCursor at(column); !at.done() && !out_.full(); at.next()) {
    if (owners.picked.has(at.owner())) add_number(type, at.value());
  }
  return {};
}

void KeyValues::leave_part() {
  for (auto& columns : columns_) columns.reset();
}

const std::vector<uint32_t>& KeyValues::columns_of(const Part& part, Scope scope) {
  auto& columns = columns_[static_cast<size_t>(scope)];
  if (columns) return *columns;
  columns.emplace();
  for (uint32_t c = 0; c < part.columns(scope); ++c) {
    if (part.column(scope, c).key == key_) columns->push_back(c);
  }
  return *columns;
}

void KeyValues::add_text(ValueType type, std::string_view text) {
  if (type == ValueType::string) out_.add_text(TagType::string, text);
  if (type != ValueType::array) return;
  for (const Value& element : array_elements(text)) {
    if (element.type == ValueType::string) out_.add_text(TagType::string, element.text);
    add_number(element.type, element.bits);
  }
}

void KeyValues::add_number(ValueType type, uint64_t bits) {
  if (type == ValueType::boolean) out_.add_number(TagType::boolean, bits != 0 ? 1 : 0);
  if (type == ValueType::integer) out_.add_number(TagType::integer, bits);
  if (type == ValueType::real) out_.add_number(TagType::real, bits);
}

Result<void> KeyValues::add_overflow(const TagOwners& owners) {
  const Overflow overflow =
      TRY(owners.part().read_overflow(owners.scope, owners.group, owners.inspected()));
  const Texts* const names = overflow.keys.texts;
  const Texts* const texts = overflow.values.texts;
  ColumnCursor keys(overflow.keys);
  ColumnCursor types(overflow.types);
  ColumnCursor values(overflow.values);
  for (; !keys.done() && !out_.full(); keys.next(), types.next(), values.next()) {
    if (types.done() || values.done() || names == nullptr || keys.value() >= names->size()) {
      return fail(Code::corrupt, "overflowing attributes do not agree");
    }
    if ((*names)[static_cast<uint32_t>(keys.value())] != key_) continue;
    if (!owners.picked.has(keys.owner())) continue;
    const auto type = static_cast<ValueType>(types.value());
    if (!is_text(type)) {
      add_number(type, values.value());
      continue;
    }
    if (texts == nullptr || values.value() >= texts->size()) {
      return fail(Code::corrupt, "a code beyond its dictionary");
    }
    add_text(type, (*texts)[static_cast<uint32_t>(values.value())]);
  }
  return {};
}

}  // namespace vivace
