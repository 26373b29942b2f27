// The columns of one row group that one question needs, each read when it is first asked for and
// kept: a filter, its slow path and the answer all look at the same ones.
//
//   PartColumns part(maybe_part, inspected);     // tables of resources and scopes, once a part
//   GroupColumns group(part, 3);                 // what spans, events and links of group 3 have
//   const KeyColumns* method = TRY(group.attribute(Scope::span, "http.method"));
//
// A KEY may have several columns, one a type, and values in the overflow list, which come out here
// as columns too. An owner that was sent the key more than once counts with the first: `repeated`
// names those owners, usually none.
//
// Pointers live as long as the object that gave them. Both are for one thread. Errors are those of
// Part: Code::corrupt, Code::io, and those of the question's memory.
#pragma once

#include <array>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "base/hash.h"
#include "model/columns.h"
#include "query/query_budget.h"

namespace vivace {

// A value's place in a column.
struct Place {
  uint32_t slice = 0;
  uint32_t index = 0;
};

struct TypedColumn {
  ValueType type = ValueType::empty;
  uint32_t number = kOverflowColumn;  // of the part's columns
  Column column;                      // no slice of it is empty

  // The owner's first value.
  std::optional<Place> find(uint32_t owner) const;
  Value value(Place place) const;
};

// A number of a slice, whichever width it has.
inline uint64_t number_at(const Slice& slice, uint32_t i) {
  if (slice.longs != nullptr) return slice.longs[i];
  return slice.words != nullptr ? slice.words[i] : 0;
}

inline uint32_t last_owner(const Slice& slice) { return slice.owner(slice.count - 1); }
// The first place in the slice that has the owner.
std::optional<uint32_t> find_in(const Slice& slice, uint32_t owner);

struct FirstValue {
  uint32_t owner = 0;
  Value value;
};

struct KeyColumns {
  std::string key;
  std::vector<TypedColumn> columns;                 // those that have values
  std::optional<std::vector<FirstValue>> repeated;  // once asked for
};

// What a cache of columns is made of: those of some kinds of owners, read through one group.
class ColumnCache {
 public:
  ColumnCache(const Part& part, uint32_t group, Inspected& inspected, const QueryControl& control)
      : part_(part), group_(group), inspected_(inspected), control_(control), memory_(control) {}

  Result<const TypedColumn*> field(Field field);
  Result<KeyColumns*> attribute(Scope owner, std::string_view key);
  Result<std::vector<KeyColumns*>> attributes(Scope owner, std::span<const std::string_view> keys);
  Result<const std::vector<FirstValue>*> repeated(Scope owner, KeyColumns& key);
  Result<const Overflow*> overflow(Scope owner);

 private:
  using KeyNumbers = boost::unordered_flat_map<std::string_view, uint32_t, TextHash>;

  Result<std::vector<KeyColumns*>> read_keys(Scope owner, std::span<const std::string_view> keys);
  Result<void> add_overflow(Scope owner, const KeyNumbers& numbers, std::vector<KeyColumns>& keys);
  Result<FirstValue> first_value(Scope owner, const KeyColumns& key, uint32_t number);

  const Part& part_;
  uint32_t group_;
  Inspected& inspected_;
  const QueryControl& control_;
  MemoryCharge memory_;  // of what was read
  std::array<std::optional<TypedColumn>, kFields> fields_;
  std::array<std::optional<Overflow>, kScopes> overflows_;     // by Scope
  std::array<std::deque<KeyColumns>, kScopes> keys_;           // by Scope
  std::array<std::shared_ptr<const Shapes>, kScopes> shapes_;  // by Scope; null: not asked for
};

class PartColumns {
 public:
  // Both references must outlive it; columns are charged to the control's memory.
  PartColumns(std::shared_ptr<const Part> part, Inspected& inspected,
              const QueryControl& control = QueryControl::none());

  const Part& part() const { return *part_; }
  Inspected& inspected() const { return inspected_; }
  const QueryControl& control() const { return control_; }
  // Of this object alone, ever: what caches of verdicts go by.
  uint64_t serial() const { return serial_; }
  const std::vector<RowGroup>& groups() const { return groups_; }
  uint32_t group_of(uint32_t row) const;

  // For fields and attributes of resources and scopes.
  ColumnCache& tables() { return tables_; }

 private:
  std::shared_ptr<const Part> part_;
  Inspected& inspected_;
  const QueryControl& control_;
  uint64_t serial_;
  std::vector<RowGroup> groups_;
  ColumnCache tables_;
};

class GroupColumns {
 public:
  // `part` must outlive it.
  GroupColumns(PartColumns& part, uint32_t group)
      : part_(part),
        group_(group),
        columns_(part.part(), group, part.inspected(), part.control()) {}

  PartColumns& part() const { return part_; }
  uint32_t group() const { return group_; }
  // The numbers of the owners of that kind: rows, events, links of the group, resources, scopes of
  // the part.
  Range owners(Scope owner) const;

  Result<const TypedColumn*> field(Field field);
  Result<KeyColumns*> attribute(Scope owner, std::string_view key);
  // Those of many keys, each named once: what the overflow list has is found in one pass for all.
  Result<std::vector<KeyColumns*>> attributes(Scope owner, std::span<const std::string_view> keys);
  Result<const std::vector<FirstValue>*> repeated(Scope owner, KeyColumns& key);
  // The list as it is, with slices that are alike in its three columns.
  Result<const Overflow*> overflow(Scope owner);

  // A dense field's value; sparse: nothing where there is none.
  Result<uint64_t> number(Field field, uint32_t owner);
  Result<std::optional<Value>> value(Field field, uint32_t owner);
  // The first value that the owner was sent under the key.
  Result<std::optional<Value>> value(Scope owner, std::string_view key, uint32_t number);

 private:
  ColumnCache& columns(Scope owner) {
    return owner == Scope::resource || owner == Scope::scope ? part_.tables() : columns_;
  }

  PartColumns& part_;
  uint32_t group_;
  ColumnCache columns_;
};

}  // namespace vivace
