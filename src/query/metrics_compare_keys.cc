// What keys the owners of a part have, and their columns in one row group. Keys of columns are
// known when a part is entered; those of the overflow list come up row group by row group.
#include "query/bits.h"
#include "query/metrics_compare.h"

namespace vivace::metrics {
namespace {

using traceql::Intrinsic;
namespace ql = traceql;

constexpr uint32_t kStepsOfKey = 64;  // of looking one up, and finding what it repeats

ql::Scope scope_of(Scope owner) {
  switch (owner) {
    case Scope::resource:
      return ql::Scope::resource;
    case Scope::scope:
      return ql::Scope::instrumentation;
    case Scope::span:
      return ql::Scope::span;
    case Scope::event:
      return ql::Scope::event;
    case Scope::link:
      break;
  }
  return ql::Scope::link;
}

bool has_values(ValueType type) {
  return type == ValueType::string || type == ValueType::boolean || type == ValueType::integer ||
         type == ValueType::real;
}

}  // namespace

// All keys of the part's columns; of tables, those of the overflow list as well.
Result<Compared::Keys*> Compared::keys_of(GroupColumns& group, Scope owner) {
  Keys& keys = keys_[static_cast<size_t>(owner)];
  if (keys.serial == group.part().serial()) return &keys;
  memory_->give(keys.bytes);
  keys = {};
  CHECK_OK(add_columns(group.part(), owner, keys));
  if (owner == Scope::resource || owner == Scope::scope) {
    CHECK_OK(complete_table(group, owner, keys));
  }
  if (owner == Scope::span) {
    keys.shapes = TRY(group.part().part().shapes(owner, group.part().inspected()));
    const uint64_t bytes = keys.shapes->size() * sizeof(uint32_t);
    if (!memory_->take(bytes)) return &keys;
    keys.bytes += bytes;
    keys.seen_in.assign(keys.shapes->size(), 0);
  }
  keys.serial = group.part().serial();
  return &keys;
}

// Null: there is no memory, and the query is to end.
Compared::Key* Compared::add_key(Keys& keys, std::string_view name) {
  // Its place in the table, and what that moves out of while it grows.
  constexpr uint64_t kOverheadBytes = 72;
  const uint64_t bytes = sizeof(Key) + kOverheadBytes + name.size();
  if (!memory_->take(bytes)) return nullptr;
  keys.bytes += bytes;
  Key& key = keys.all.emplace_back();
  key.name = name;
  keys.by_name.emplace(key.name, &key);
  return &key;
}

Result<void> Compared::add_columns(const PartColumns& part, Scope owner, Keys& keys) {
  const uint32_t columns = part.part().columns(owner);
  const uint64_t bytes = columns * (sizeof(Key*) + sizeof(uint32_t));
  if (!memory_->take(bytes)) return {};
  keys.bytes += bytes;
  for (uint32_t c = 0; c < columns; ++c) {
    const AttributeName name = part.part().column(owner, c);
    const auto known = keys.by_name.find(name.key);
    Key* key = known != keys.by_name.end() ? known->second : add_key(keys, name.key);
    if (key == nullptr) return {};
    key->columns.push_back(c);
    key->is_plain = key->is_plain && has_values(name.type);
    keys.of_column.push_back(key);
  }
  return {};
}

Result<void> Compared::complete_table(GroupColumns& group, Scope owner, Keys& keys) {
  for (Key& key : keys.all) key.is_wanted = true;
  CHECK_OK(add_overflow_keys(group, owner, keys));
  CHECK_OK(read_keys(group, owner, keys));
  if (owner == Scope::resource) return {};
  for (const Intrinsic intrinsic :
       {Intrinsic::instrumentation_name, Intrinsic::instrumentation_version}) {
    keys.all.emplace_back().to = attribute({.intrinsic = intrinsic});
  }
  return {};
}

// They stay for the rest of the part. There may be many more than attributes that are compared: of
// new names only so many are kept as could still become one, and one more, which says that there
// are too many.
Result<void> Compared::add_overflow_keys(GroupColumns& group, Scope owner, Keys& keys) {
  const Column& list = TRY(group.overflow(owner))->keys;
  if (list.texts == nullptr) return {};
  size_t room = is_full_ ? 0 : kAttributesMax - attributes_.size() + 1;
  Bits seen(list.texts->size());
  ControlledLoop loop(group.part().control());
  for (const Slice& slice : list.slices) {
    for (uint32_t i = 0; i < slice.count; ++i) {
      CHECK_OK(loop.step());
      const auto code = static_cast<uint32_t>(number_at(slice, i));
      if (code >= seen.size() || seen.test(code)) continue;
      seen.set(code);
      const std::string_view name = (*list.texts)[code];
      const auto known = keys.by_name.find(name);
      Key* key = known != keys.by_name.end() ? known->second : nullptr;
      if (key == nullptr) {
        const bool is_new = !has_attribute({.scope = scope_of(owner), .name = std::string(name)});
        if (is_new && room == 0) continue;
        room -= is_new ? 1 : 0;
        key = add_key(keys, name);
        if (key == nullptr) return {};
      }
      key->is_plain = false;
      key->is_wanted = true;
    }
  }
  return {};
}

// Marks the keys of columns that picked rows have. Whether some have others, in the overflow list.
Result<bool> Compared::want_by_shapes(GroupColumns& group, const PickedRows& rows, Keys& keys) {
  for (Key& key : keys.all) key.is_wanted = false;
  shapes_here_.clear();
  shape_of_.resize(rows.count());
  const uint32_t now = ++visit_;
  bool is_beyond = false;
  rows.each(TRY(group.field(Field::span_shape))->column, [&](uint32_t place, uint64_t number) {
    const auto shape = static_cast<uint32_t>(number);
    shape_of_[place] = shape;
    is_beyond |= shape >= keys.seen_in.size();
    if (is_beyond || keys.seen_in[shape] == now) return;
    keys.seen_in[shape] = now;
    shapes_here_.push_back(shape);
  });
  if (is_beyond) return fail(Code::corrupt, "a shape that does not exist");
  bool overflows = false;
  ControlledLoop loop(group.part().control());
  for (const uint32_t shape : shapes_here_) {
    for (uint32_t at = shape; at != 0; at = (*keys.shapes)[at].parent) {
      CHECK_OK(loop.step());
      const uint32_t column = (*keys.shapes)[at].column;
      if (column < keys.of_column.size()) {
        keys.of_column[column]->is_wanted = true;
      } else {
        overflows = true;
      }
    }
  }
  return overflows;
}

Result<void> Compared::read_span_keys(GroupColumns& group, const PickedRows& rows) {
  Keys& keys = *TRY(keys_of(group, Scope::span));
  if (memory_->is_short()) return {};
  if (TRY(want_by_shapes(group, rows, keys))) {
    CHECK_OK(add_overflow_keys(group, Scope::span, keys));
  }
  return read_keys(group, Scope::span, keys);
}

// Those that are wanted and compared.
Result<void> Compared::read_keys(GroupColumns& group, Scope owner, Keys& keys) {
  ControlledLoop loop(group.part().control());
  std::vector<Key*> wanted;
  std::vector<std::string_view> names;
  for (Key& key : keys.all) {
    key.maybe_read = nullptr;
    if (!key.is_wanted) continue;
    CHECK_OK(loop.step(kStepsOfKey));
    if (key.to == nullptr) key.to = attribute({.scope = scope_of(owner), .name = key.name});
    if (key.to == nullptr) continue;
    if (key.to->is_given_up && key.is_plain && owner == Scope::span) continue;
    wanted.push_back(&key);
    names.push_back(key.name);
  }
  if (memory_->is_short()) return {};
  const auto columns = TRY(group.attributes(owner, names));
  for (size_t i = 0; i < wanted.size(); ++i) {
    CHECK_OK(loop.step(kStepsOfKey));
    wanted[i]->maybe_read = columns[i];
    if (!columns[i]->columns.empty()) (void)TRY(group.repeated(owner, *columns[i]));
  }
  return {};
}

}  // namespace vivace::metrics
