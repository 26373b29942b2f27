// Which of several values an owner was sent first. Owners with more than one are found by comparing
// owners; their order is read from their shape.
#include <algorithm>
#include <ranges>

#include "query/bits.h"
#include "query/group_columns.h"

namespace vivace {
namespace {

size_t index(auto value) { return static_cast<size_t>(value); }

// The values of one owner, in the order they were sent.
template <class Take>
void each_overflow_of(const Overflow& overflow, uint32_t owner, Take take) {
  for (size_t s = 0; s < overflow.keys.slices.size(); ++s) {
    const Slice& keys = overflow.keys.slices[s];
    if (keys.count == 0 || last_owner(keys) < owner) continue;
    if (keys.owner(0) > owner) return;
    for (uint32_t i = find_in(keys, owner).value_or(keys.count);
         i < keys.count && keys.owner(i) == owner; ++i) {
      take(static_cast<uint32_t>(number_at(keys, i)),
           static_cast<ValueType>(number_at(overflow.types.slices[s], i)),
           number_at(overflow.values.slices[s], i));
    }
  }
}

// Owners that stand twice in one column; they ascend.
std::vector<uint32_t> repeats_in(const Column& column) {
  std::vector<uint32_t> many;
  std::optional<uint32_t> last;
  for (const Slice& slice : column.slices) {
    if (slice.owners == nullptr) continue;  // each once
    bool repeats = last && slice.count > 0 && slice.owners[0] == *last;
    for (uint32_t i = 1; i < slice.count; ++i) repeats |= slice.owners[i] == slice.owners[i - 1];
    for (uint32_t i = 0; repeats && i < slice.count; ++i) {
      const bool again = i > 0 ? slice.owners[i] == slice.owners[i - 1] : slice.owners[i] == last;
      if (again && (many.empty() || many.back() != slice.owners[i]))
        many.push_back(slice.owners[i]);
    }
    if (slice.count > 0) last = slice.owners[slice.count - 1];
  }
  return many;
}

// The owners that have several values. Ascending, each once.
std::vector<uint32_t> owners_of_many(const KeyColumns& key) {
  if (key.columns.size() == 1) return repeats_in(key.columns.front().column);
  uint32_t first = UINT32_MAX;
  uint32_t last = 0;
  for (const TypedColumn& column : key.columns) {
    first = std::min(first, column.column.slices.front().owner(0));
    last = std::max(last, last_owner(column.column.slices.back()));
  }
  std::vector<uint32_t> many;
  if (first > last) return many;
  Bits seen(last - first + 1);
  for (const TypedColumn& column : key.columns) {
    for (const Slice& slice : column.column.slices) {
      for (uint32_t i = 0; i < slice.count; ++i) {
        const uint32_t at = slice.owner(i) - first;
        if (at >= seen.size()) continue;
        if (seen.test(at)) many.push_back(slice.owner(i));
        seen.set(at);
      }
    }
  }
  std::ranges::sort(many);
  const auto rest = std::ranges::unique(many);
  many.erase(rest.begin(), rest.end());
  return many;
}

}  // namespace

Result<const std::vector<FirstValue>*> ColumnCache::repeated(Scope owner, KeyColumns& key) {
  if (!key.repeated) {
    std::vector<FirstValue> out;
    for (const uint32_t number : owners_of_many(key)) {
      out.push_back(TRY(first_value(owner, key, number)));
    }
    CHECK_OK(memory_.grow(static_cast<int64_t>(out.size() * sizeof(FirstValue))));
    key.repeated = std::move(out);
  }
  return &*key.repeated;
}

Result<FirstValue> ColumnCache::first_value(Scope owner, const KeyColumns& key, uint32_t number) {
  constexpr std::array<Field, kScopes> kShapes = {Field::resource_shape, Field::scope_shape,
                                                  Field::span_shape, Field::event_shape,
                                                  Field::link_shape};
  const TypedColumn* shape_of = TRY(field(kShapes[index(owner)]));
  const auto place = shape_of->find(number);
  if (!place) return fail(Code::corrupt, "an owner without a shape");
  auto& shapes = shapes_[index(owner)];
  if (shapes == nullptr) shapes = TRY(part_.shapes(owner, inspected_));
  std::vector<uint32_t> columns;  // of its attributes, from the last
  for (auto at = static_cast<uint32_t>(shape_of->value(*place).bits); at != 0;) {
    if (at >= shapes->size()) return fail(Code::corrupt, "a shape that does not exist");
    const Shape shape = (*shapes)[at];
    columns.push_back(shape.column);
    at = shape.parent;
    if (columns.size() > shapes->size()) return fail(Code::corrupt, "shapes in a circle");
  }
  uint32_t skip = 0;  // values of the overflow list that stand before
  for (const uint32_t c : std::views::reverse(columns)) {
    if (c != kOverflowColumn) {
      const auto column = std::ranges::find(key.columns, c, &TypedColumn::number);
      if (column == key.columns.end()) continue;
      const auto first = column->find(number);
      if (first) return FirstValue{number, column->value(*first)};
      continue;
    }
    const Overflow& overflow = *overflows_[index(owner)];
    std::optional<Value> found;
    uint32_t seen = 0;
    each_overflow_of(overflow, number, [&](uint32_t code, ValueType type, uint64_t bits) {
      if (seen++ != skip) return;
      if (code >= overflow.keys.texts->size() || (*overflow.keys.texts)[code] != key.key) return;
      const auto text = static_cast<uint32_t>(bits);
      const bool known = is_text(type) && text < overflow.values.texts->size();
      found = Value{.type = type,
                    .bits = is_text(type) ? 0 : bits,
                    .text = known ? (*overflow.values.texts)[text] : std::string_view()};
    });
    if (found) return FirstValue{number, *found};
    ++skip;
  }
  return fail(Code::corrupt, "a shape without the column of a value");
}

}  // namespace vivace
