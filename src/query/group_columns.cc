// Reading and keeping. The one thing that is worked out here is which of several values an owner
// was sent first: owners with more than one are found by comparing owners, and their order is read
// from their shape.
#include "query/group_columns.h"

#include <algorithm>
#include <atomic>
#include <ranges>

#include "query/bits.h"

namespace vivace {
namespace {

size_t index(auto value) { return static_cast<size_t>(value); }

ValueType type_of(FieldForm form) {
  return form == FieldForm::texts ? ValueType::string : ValueType::integer;
}

// The first place in the slice that has the owner.
std::optional<uint32_t> find_in(const Slice& slice, uint32_t owner) {
  if (slice.owners == nullptr) {
    const uint32_t i = owner - slice.first_owner;
    return i < slice.count ? std::optional(i) : std::nullopt;
  }
  const uint32_t* end = slice.owners + slice.count;
  const uint32_t* found = std::lower_bound(slice.owners, end, owner);
  if (found == end || *found != owner) return std::nullopt;
  return static_cast<uint32_t>(found - slice.owners);
}

uint32_t last_owner(const Slice& slice) { return slice.owner(slice.count - 1); }

// So that the slices can be searched by owner.
Column without_empty(Column column) {
  std::erase_if(column.slices, [](const Slice& slice) { return slice.count == 0; });
  return column;
}

// The memory of a column that was read for this question alone: heads lend theirs, and so do
// dictionaries, which have more or fewer texts than there are values.
int64_t memory_of(const Column& column) {
  if (column.keep == nullptr) return 0;
  int64_t out = 0;
  int64_t count = 0;
  for (const Slice& slice : column.slices) {
    const int64_t bytes_each = (slice.owners != nullptr ? 4 : 0) +
                               (slice.words != nullptr ? 4 : 0) + (slice.longs != nullptr ? 8 : 0);
    out += slice.count * bytes_each;
    count += slice.count;
  }
  if (column.texts == nullptr || column.texts->size() != count || count == 0) return out;
  constexpr uint32_t kSamples = 64;
  const uint32_t step = std::max(1U, column.texts->size() / kSamples);
  int64_t sampled = 0;
  for (uint32_t i = 0; i < column.texts->size(); i += step) {
    sampled += static_cast<int64_t>((*column.texts)[i].size());
  }
  return out + sampled * step;
}

// The values of one key and type, taken out of an overflow list.
struct Taken {
  std::vector<uint32_t> owners;
  std::vector<uint32_t> codes;
  std::vector<uint64_t> numbers;
  std::shared_ptr<const void> keep;  // of the texts
};

TypedColumn column_of(ValueType type, Taken values, const Column& overflow) {
  values.keep = overflow.keep;
  auto keep = std::make_shared<const Taken>(std::move(values));
  TypedColumn out{.type = type, .number = kOverflowColumn, .column = {}};
  Slice& slice = out.column.slices.emplace_back();
  slice.count = static_cast<uint32_t>(keep->owners.size());
  slice.owners = keep->owners.data();
  if (is_text(type)) {
    slice.words = keep->codes.data();
    out.column.texts = overflow.texts;
  } else {
    slice.longs = keep->numbers.data();
  }
  out.column.keep = std::move(keep);
  return out;
}

// The overflow list one value after the other.
template <class Take>
void each_overflow(const Overflow& overflow, Take take) {
  for (size_t s = 0; s < overflow.keys.slices.size(); ++s) {
    const Slice& keys = overflow.keys.slices[s];
    for (uint32_t i = 0; i < keys.count; ++i) {
      take(keys.owner(i), static_cast<uint32_t>(number_at(keys, i)),
           static_cast<ValueType>(number_at(overflow.types.slices[s], i)),
           number_at(overflow.values.slices[s], i));
    }
  }
}

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

bool same_slices(const Overflow& overflow) {
  const auto same = [&](const Column& other) {
    return std::ranges::equal(overflow.keys.slices, other.slices, {}, &Slice::count, &Slice::count);
  };
  return same(overflow.types) && same(overflow.values);
}

}  // namespace

std::optional<Place> TypedColumn::find(uint32_t owner) const {
  const auto slice = std::ranges::partition_point(
      column.slices, [&](const Slice& s) { return last_owner(s) < owner; });
  if (slice == column.slices.end()) return std::nullopt;
  const auto found = find_in(*slice, owner);
  if (!found) return std::nullopt;
  return Place{static_cast<uint32_t>(slice - column.slices.begin()), *found};
}

Value TypedColumn::value(Place place) const {
  const uint64_t bits = number_at(column.slices[place.slice], place.index);
  if (!is_text(type)) return {.type = type, .bits = bits, .text = {}};
  const auto code = static_cast<uint32_t>(bits);
  return {.type = type,
          .bits = 0,
          .text = code < column.texts->size() ? (*column.texts)[code] : std::string_view()};
}

// ------------------------------------------------------------------------------- cache

Result<const TypedColumn*> ColumnCache::field(Field field) {
  std::optional<TypedColumn>& kept = fields_[index(field)];
  if (!kept) {
    kept = TypedColumn{.type = type_of(info(field).form),
                       .number = kOverflowColumn,
                       .column = without_empty(TRY(part_.read(field, group_, inspected_)))};
    CHECK_OK(memory_.grow(memory_of(kept->column)));
  }
  return &*kept;
}

Result<KeyColumns*> ColumnCache::attribute(Scope owner, std::string_view key) {
  std::deque<KeyColumns>& kept = keys_[index(owner)];
  const auto found = std::ranges::find(kept, key, &KeyColumns::key);
  if (found != kept.end()) return &*found;
  KeyColumns out{.key = std::string(key), .columns = {}, .repeated = std::nullopt};
  for (uint32_t c = 0; c < part_.columns(owner); ++c) {
    const AttributeName name = part_.column(owner, c);
    if (name.key != key) continue;
    TypedColumn column{
        .type = name.type,
        .number = c,
        .column = without_empty(TRY(part_.read_attribute(owner, c, group_, inspected_)))};
    if (column.column.slices.empty()) continue;
    CHECK_OK(memory_.grow(memory_of(column.column)));
    out.columns.push_back(std::move(column));
  }
  CHECK_OK(add_overflow(owner, out));
  return &kept.emplace_back(std::move(out));
}

Result<void> ColumnCache::add_overflow(Scope owner, KeyColumns& key) {
  std::optional<Overflow>& overflow = overflows_[index(owner)];
  if (!overflow) {
    overflow = TRY(part_.read_overflow(owner, group_, inspected_));
    if (!same_slices(*overflow)) return fail(Code::corrupt, "an overflow list of unequal columns");
  }
  const Texts* keys = overflow->keys.texts;
  if (keys == nullptr || overflow->keys.slices.empty()) return {};
  std::array<Taken, kValueTypes> taken;
  each_overflow(*overflow, [&](uint32_t number, uint32_t code, ValueType type, uint64_t bits) {
    if (code >= keys->size() || (*keys)[code] != key.key || index(type) >= kValueTypes) return;
    Taken& to = taken[index(type)];
    to.owners.push_back(number);
    to.codes.push_back(static_cast<uint32_t>(bits));
    to.numbers.push_back(bits);
  });
  for (size_t type = 0; type < kValueTypes; ++type) {
    if (taken[type].owners.empty()) continue;
    CHECK_OK(memory_.grow(static_cast<int64_t>(taken[type].owners.size()) * 16));
    key.columns.push_back(
        column_of(static_cast<ValueType>(type), std::move(taken[type]), overflow->values));
  }
  return {};
}

Result<const std::vector<FirstValue>*> ColumnCache::repeated(Scope owner, KeyColumns& key) {
  if (!key.repeated) {
    std::vector<FirstValue> out;
    for (const uint32_t number : owners_of_many(key)) {
      out.push_back(TRY(first_value(owner, key, number)));
    }
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

// ------------------------------------------------------------------------------- part, group

namespace {

uint64_t next_serial() {
  static std::atomic<uint64_t> last = 0;
  return ++last;
}

}  // namespace

PartColumns::PartColumns(std::shared_ptr<const Part> part, Inspected& inspected,
                         const QueryControl& control)
    : part_(std::move(part)),
      inspected_(inspected),
      control_(control),
      serial_(next_serial()),
      tables_(*part_, 0, inspected, control) {
  const uint32_t groups = part_->groups();
  groups_.reserve(groups);
  for (uint32_t g = 0; g < groups; ++g) groups_.push_back(part_->group(g));
}

uint32_t PartColumns::group_of(uint32_t row) const {
  const auto behind = std::ranges::upper_bound(
      groups_, row, {}, [](const RowGroup& group) { return group.rows.first; });
  ASSERT(behind != groups_.begin());
  return static_cast<uint32_t>(behind - groups_.begin()) - 1;
}

Range GroupColumns::owners(Scope owner) const {
  const RowGroup& group = part_.groups()[group_];
  switch (owner) {
    case Scope::resource:
      return {0, part_.part().resources()};
    case Scope::scope:
      return {0, part_.part().scopes()};
    case Scope::span:
      return group.rows;
    case Scope::event:
      return group.events;
    case Scope::link:
      return group.links;
  }
  ASSERT(false);
}

Result<const TypedColumn*> GroupColumns::field(Field field) {
  return columns(info(field).owner).field(field);
}

Result<KeyColumns*> GroupColumns::attribute(Scope owner, std::string_view key) {
  return columns(owner).attribute(owner, key);
}

Result<const std::vector<FirstValue>*> GroupColumns::repeated(Scope owner, KeyColumns& key) {
  return columns(owner).repeated(owner, key);
}

Result<std::optional<Value>> GroupColumns::value(Field field, uint32_t owner) {
  const TypedColumn* column = TRY(this->field(field));
  const auto place = column->find(owner);
  return place ? std::optional(column->value(*place)) : std::nullopt;
}

Result<uint64_t> GroupColumns::number(Field field, uint32_t owner) {
  const TypedColumn* column = TRY(this->field(field));
  const auto place = column->find(owner);
  if (!place) return fail(Code::corrupt, "a column that should be dense has a hole");
  return number_at(column->column.slices[place->slice], place->index);
}

Result<std::optional<Value>> GroupColumns::value(Scope owner, std::string_view key,
                                                 uint32_t number) {
  KeyColumns* columns = TRY(attribute(owner, key));
  if (columns->columns.empty()) return std::nullopt;
  const auto* repeated = TRY(this->repeated(owner, *columns));
  const auto first = std::ranges::lower_bound(*repeated, number, {}, &FirstValue::owner);
  if (first != repeated->end() && first->owner == number) return first->value;
  for (const TypedColumn& column : columns->columns) {
    if (const auto place = column.find(number)) return column.value(*place);
  }
  return std::nullopt;
}

}  // namespace vivace
