// Reading and keeping. Values of the overflow list are sorted by key for all keys that are asked
// for at a time: the list has as many values as its row group, and there may be thousands of keys.
#include "query/group_columns.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include <boost/unordered/unordered_flat_map.hpp>

namespace vivace {
namespace {

constexpr uint32_t kStepsOfColumn = 128;   // what reading one costs
constexpr int64_t kChargedValues = 4'096;  // at a time

size_t index(auto value) { return static_cast<size_t>(value); }

ValueType type_of(FieldForm form) {
  return form == FieldForm::texts ? ValueType::string : ValueType::integer;
}

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
  static constexpr int64_t kBytesEach = 16;
  void add(uint32_t owner, uint64_t bits) {
    owners.push_back(owner);
    codes.push_back(static_cast<uint32_t>(bits));
    numbers.push_back(bits);
  }

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

bool same_slices(const Overflow& overflow) {
  const auto same = [&](const Column& other) {
    return std::ranges::equal(overflow.keys.slices, other.slices, {}, &Slice::count, &Slice::count);
  };
  return same(overflow.types) && same(overflow.values);
}

}  // namespace

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
  return TRY(read_keys(owner, {&key, 1})).front();
}

Result<std::vector<KeyColumns*>> ColumnCache::attributes(Scope owner,
                                                         std::span<const std::string_view> keys) {
  boost::unordered_flat_map<std::string_view, KeyColumns*, TextHash> known;
  for (KeyColumns& key : keys_[index(owner)]) known.emplace(key.key, &key);
  std::vector<std::string_view> fresh;
  for (const std::string_view key : keys) {
    if (!known.contains(key)) fresh.push_back(key);
  }
  for (KeyColumns* key : TRY(read_keys(owner, fresh))) known.emplace(key->key, key);
  std::vector<KeyColumns*> out;
  out.reserve(keys.size());
  for (const std::string_view key : keys) out.push_back(known.find(key)->second);
  return out;
}

// Keys that are not kept, each once; all of them are kept, or none.
Result<std::vector<KeyColumns*>> ColumnCache::read_keys(Scope owner,
                                                        std::span<const std::string_view> keys) {
  if (keys.empty()) return {};
  ControlledLoop loop(control_);
  KeyNumbers numbers;
  std::vector<KeyColumns> fresh(keys.size());
  for (uint32_t k = 0; k < keys.size(); ++k) {
    fresh[k].key = keys[k];
    numbers.emplace(keys[k], k);
  }
  for (uint32_t c = 0; c < part_.columns(owner); ++c) {
    const AttributeName name = part_.column(owner, c);
    const auto wanted = numbers.find(name.key);
    if (wanted == numbers.end()) continue;
    TypedColumn column{
        .type = name.type,
        .number = c,
        .column = without_empty(TRY(part_.read_attribute(owner, c, group_, inspected_)))};
    if (column.column.slices.empty()) continue;
    CHECK_OK(memory_.grow(memory_of(column.column)));
    fresh[wanted->second].columns.push_back(std::move(column));
    CHECK_OK(loop.step(kStepsOfColumn));
  }
  CHECK_OK(add_overflow(owner, numbers, fresh));
  std::vector<KeyColumns*> out;
  for (KeyColumns& key : fresh) out.push_back(&keys_[index(owner)].emplace_back(std::move(key)));
  return out;
}

Result<const Overflow*> ColumnCache::overflow(Scope owner) {
  std::optional<Overflow>& kept = overflows_[index(owner)];
  if (!kept) {
    Overflow read = TRY(part_.read_overflow(owner, group_, inspected_));
    if (!same_slices(read)) return fail(Code::corrupt, "an overflow list of unequal columns");
    CHECK_OK(memory_.grow(memory_of(read.keys) + memory_of(read.types) + memory_of(read.values)));
    kept = std::move(read);
  }
  return &*kept;
}

// One way through the list, whatever the number of keys.
Result<void> ColumnCache::add_overflow(Scope owner, const KeyNumbers& numbers,
                                       std::vector<KeyColumns>& keys) {
  const Overflow& overflow = *TRY(this->overflow(owner));
  const Texts* texts = overflow.keys.texts;
  if (keys.empty() || texts == nullptr || overflow.keys.slices.empty()) return {};
  constexpr uint32_t kUnknown = UINT32_MAX;
  constexpr uint32_t kOther = UINT32_MAX - 1;
  std::vector<uint32_t> key_of_code(texts->size(), kUnknown);
  boost::unordered_flat_map<uint64_t, Taken, NumberHash> taken;  // by key and type
  int64_t uncharged = 0;
  ControlledLoop loop(control_);
  for (size_t s = 0; s < overflow.keys.slices.size(); ++s) {
    const Slice& slice = overflow.keys.slices[s];
    for (uint32_t i = 0; i < slice.count; ++i) {
      CHECK_OK(loop.step());
      const uint64_t code = number_at(slice, i);
      const uint64_t type = number_at(overflow.types.slices[s], i);
      if (code >= texts->size() || type >= kValueTypes) continue;
      uint32_t& key = key_of_code[code];
      if (key == kUnknown) {
        const auto wanted = numbers.find((*texts)[static_cast<uint32_t>(code)]);
        key = wanted != numbers.end() ? wanted->second : kOther;
      }
      if (key == kOther) continue;
      if (uncharged == kChargedValues) {
        CHECK_OK(memory_.grow(Taken::kBytesEach * std::exchange(uncharged, 0)));
      }
      ++uncharged;
      taken[key * kValueTypes + type].add(slice.owner(i), number_at(overflow.values.slices[s], i));
    }
  }
  CHECK_OK(memory_.grow(Taken::kBytesEach * uncharged));
  for (size_t at = 0; at < keys.size() * kValueTypes; ++at) {
    const auto found = taken.find(at);
    if (found == taken.end()) continue;
    keys[at / kValueTypes].columns.push_back(column_of(static_cast<ValueType>(at % kValueTypes),
                                                       std::move(found->second), overflow.values));
  }
  return {};
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

Result<std::vector<KeyColumns*>> GroupColumns::attributes(Scope owner,
                                                          std::span<const std::string_view> keys) {
  return columns(owner).attributes(owner, keys);
}

Result<const Overflow*> GroupColumns::overflow(Scope owner) {
  return columns(owner).overflow(owner);
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
  if (column->column.slices.size() == 1) {  // as in blocks: no need to look for the place
    const Slice& all = column->column.slices.front();
    const uint32_t at = owner - all.first_owner;
    if (all.owners == nullptr && at < all.count) return number_at(all, at);
  }
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
