// A row's values, looked up column by column: in a dense column by index, in a sparse one by a
// search that begins where the last one ended. The first error is latched and handed out at the
// end of the row; until then everything reads as nothing.
#include "model/row_reader.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include <boost/unordered/unordered_flat_map.hpp>
#include <fmt/format.h>

#include "base/bytes.h"

namespace vivace {
namespace {

// Columns that point into the part are kept for this many row groups: rows of a head come in any
// order.
constexpr size_t kGroupsMax = 64;

// The values of a column, and the place of the one that was looked up last.
class Values {
 public:
  explicit Values(Column column) : column_(std::move(column)) {
    std::erase_if(column_.slices, [](const Slice& slice) { return slice.count == 0; });
  }

  // Goes to the first value of an owner; false when it has none.
  bool seek(uint32_t owner) {
    const std::vector<Slice>& slices = column_.slices;
    if (slice_ == slices.size() || slices[slice_].owner(0) >= owner) slice_ = at_ = 0;
    while (slice_ < slices.size() && last_owner(slices[slice_]) < owner) {
      ++slice_;
      at_ = 0;
    }
    if (slice_ == slices.size()) return false;
    const Slice& slice = slices[slice_];
    if (slice.owners != nullptr) {
      at_ = search(slice, owner);
    } else {
      at_ = owner - std::min(owner, slice.first_owner);
    }
    return slice.owner(at_) == owner;
  }

  // Goes on to the next value, if it is of the same owner.
  bool next() {
    const uint32_t owner = column_.slices[slice_].owner(at_);
    if (++at_ == column_.slices[slice_].count) {
      ++slice_;
      at_ = 0;
    }
    return slice_ < column_.slices.size() && column_.slices[slice_].owner(at_) == owner;
  }

  uint64_t number() const {
    const Slice& slice = column_.slices[slice_];
    return slice.words != nullptr ? slice.words[at_] : slice.longs[at_];
  }
  std::string_view text() const { return (*column_.texts)[static_cast<uint32_t>(number())]; }

  // Whether it points into the part, so that keeping it costs nothing.
  bool is_borrowed() const { return column_.keep == nullptr; }

 private:
  static uint32_t last_owner(const Slice& slice) { return slice.owner(slice.count - 1); }

  // The first place in a slice whose owner is not below `owner`; there is one. In steps that
  // double, from the last place if it lies before.
  uint32_t search(const Slice& slice, uint32_t owner) const {
    uint32_t low = at_ < slice.count && slice.owners[at_] < owner ? at_ : 0;
    uint32_t step = 1;
    while (low + step < slice.count && slice.owners[low + step] < owner) {
      low += step;
      step *= 2;
    }
    const uint32_t* end = slice.owners + std::min(low + step, slice.count);
    return static_cast<uint32_t>(std::lower_bound(slice.owners + low, end, owner) - slice.owners);
  }

  Column column_;
  size_t slice_ = 0;
  uint32_t at_ = 0;
};

struct AttributeValues {
  AttributeName name;
  Values values;
  uint64_t read = 0;  // when this was looked up last, in owners
};

struct OverflowValues {
  Values keys;
  Values types;
  Values values;
  uint64_t read = 0;
};

// What has been read of a row group, or of the resources and scopes.
struct Loaded {
  RowGroup group;
  uint32_t number = 0;  // of the group
  std::array<std::optional<Values>, kFields> fields;
  struct Attributes {  // of one kind of owner
    boost::unordered_flat_map<uint32_t, AttributeValues> columns;
    std::optional<OverflowValues> overflow;
  };
  std::array<Attributes, kScopes> attributes;

  void keep_borrowed() {
    for (std::optional<Values>& field : fields) {
      if (field && !field->is_borrowed()) field.reset();
    }
    for (Attributes& of : attributes) {
      boost::unordered::erase_if(
          of.columns, [](const auto& column) { return !column.second.values.is_borrowed(); });
      of.overflow.reset();
    }
  }
};

bool is_in_row_groups(Scope owners) { return owners != Scope::resource && owners != Scope::scope; }

}  // namespace

class RowReader::Columns {
 public:
  Columns(const Part& part, Inspected& inspected) : part_(part), inspected_(inspected) {}

  void read_span(uint32_t row, SpanView& out);
  void read_resource(uint32_t resource, ResourceView& out);
  void read_scope(uint32_t scope, ScopeView& out);
  uint64_t read_number(Field field, uint32_t row) {
    enter_group(row);
    return number(field, row);
  }

  // What went wrong since the last time that this was asked.
  Result<void> verdict() {
    if (!error_) return {};
    return std::unexpected(*std::exchange(error_, std::nullopt));
  }

 private:
  void enter_group(uint32_t row);
  const TraceId& trace_id(uint32_t ordinal);
  void read_events(uint32_t row, std::vector<EventView>& out);
  void read_links(uint32_t row, std::vector<LinkView>& out);
  void read_attributes(Scope owners, Field shapes, uint32_t owner, std::vector<AttributeView>& out);
  bool read_attribute(Scope owners, uint32_t column, uint32_t owner, AttributeView& out);
  bool read_overflow(Scope owners, uint32_t owner, AttributeView& out);
  bool find_path(Scope owners, uint32_t shape);

  // Null after an error.
  Values* values(Field field);
  AttributeValues* attribute_values(Scope owners, uint32_t column);
  OverflowValues* overflow_values(Scope owners);
  const Shapes* shapes(Scope owners);

  // Of a field; zero and empty where there is nothing.
  uint64_t number(Field field, uint32_t owner);
  uint32_t word(Field field, uint32_t owner) { return static_cast<uint32_t>(number(field, owner)); }
  std::string_view text(Field field, uint32_t owner);
  // The first of the range that belongs to a row, or to one after it.
  uint32_t first_of(Field span, Range range, uint32_t row);

  Loaded& loaded(Scope owners) { return is_in_row_groups(owners) ? *current_ : whole_; }
  void latch(Error error) {
    if (!error_) error_ = std::move(error);
  }
  void latch_damage(std::string message) { latch({Code::corrupt, std::move(message)}); }
  // What a part hands out, or null and the error is latched.
  template <class T>
  std::optional<T> checked(Result<T> result) {
    if (result) return std::move(*result);
    latch(std::move(result).error());
    return std::nullopt;
  }

  const Part& part_;
  Inspected& inspected_;
  Loaded whole_;  // resources and scopes
  boost::unordered_flat_map<uint32_t, std::unique_ptr<Loaded>> groups_;
  Loaded* current_ = nullptr;                                  // one of the groups
  std::array<std::shared_ptr<const Shapes>, kScopes> shapes_;  // null until read
  std::optional<std::pair<uint32_t, TraceId>> trace_;          // the last one, by ordinal
  std::vector<uint32_t> path_;  // columns of an owner, from the last to the first
  uint64_t owners_read_ = 0;
  std::optional<Error> error_;
};

void RowReader::Columns::enter_group(uint32_t row) {
  if (current_ != nullptr && row - current_->group.rows.first < current_->group.rows.count) return;
  if (current_ != nullptr) current_->keep_borrowed();
  const uint32_t number = group_of(part_, row);
  if (groups_.size() >= kGroupsMax && !groups_.contains(number)) groups_.clear();
  std::unique_ptr<Loaded>& known = groups_[number];
  if (known == nullptr) {
    known = std::make_unique<Loaded>();
    known->group = part_.group(number);
    known->number = number;
  }
  current_ = known.get();
}

Values* RowReader::Columns::values(Field field) {
  Loaded& of = loaded(info(field).owner);
  std::optional<Values>& known = of.fields[static_cast<size_t>(field)];
  if (!known) {
    auto column = checked(part_.read(field, of.number, inspected_));
    if (!column) return nullptr;
    known.emplace(std::move(*column));
  }
  return &*known;
}

uint64_t RowReader::Columns::number(Field field, uint32_t owner) {
  Values* of = values(field);
  if (of == nullptr) return 0;
  if (of->seek(owner)) return of->number();
  if (info(field).dense) {
    latch_damage(fmt::format("field {} has no value {}", static_cast<int>(field), owner));
  }
  return 0;
}

std::string_view RowReader::Columns::text(Field field, uint32_t owner) {
  Values* of = values(field);
  if (of == nullptr) return {};
  if (of->seek(owner)) return of->text();
  if (info(field).dense) {
    latch_damage(fmt::format("field {} has no value {}", static_cast<int>(field), owner));
  }
  return {};
}

uint32_t RowReader::Columns::first_of(Field span, Range range, uint32_t row) {
  uint32_t low = range.first;
  uint32_t high = range.end();
  while (low < high) {
    const uint32_t middle = low + (high - low) / 2;
    if (number(span, middle) < row) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

const TraceId& RowReader::Columns::trace_id(uint32_t ordinal) {
  static constexpr TraceId kNone;
  if (!trace_ || trace_->first != ordinal) {
    const auto entry = checked(part_.trace(ordinal, inspected_));
    if (!entry) return kNone;
    trace_ = {ordinal, entry->id};
  }
  return trace_->second;
}

void RowReader::Columns::read_span(uint32_t row, SpanView& out) {
  enter_group(row);
  out.span_id.raw = number(Field::span_id, row);
  out.parent_id.raw = number(Field::parent_id, row);
  out.start_ns = number(Field::start_ns, row);
  out.end_ns = out.start_ns + number(Field::duration_ns, row);
  out.name = text(Field::name, row);
  out.kind = static_cast<int32_t>(word(Field::kind, row));
  out.status_code = static_cast<int32_t>(word(Field::status_code, row));
  out.status_message = text(Field::status_message, row);
  out.trace_state = text(Field::trace_state, row);
  out.flags = word(Field::flags, row);
  out.dropped_attributes = word(Field::dropped_attributes, row);
  out.dropped_events = word(Field::dropped_events, row);
  out.dropped_links = word(Field::dropped_links, row);
  const uint32_t ordinal = word(Field::trace, row);
  if (error_) return;
  out.trace_id = trace_id(ordinal);
  read_attributes(Scope::span, Field::span_shape, row, out.attributes);
  read_events(row, out.events);
  read_links(row, out.links);
}

void RowReader::Columns::read_events(uint32_t row, std::vector<EventView>& out) {
  size_t count = 0;
  const Range range = current_->group.events;
  for (uint32_t i = first_of(Field::event_span, range, row);
       i < range.end() && !error_ && number(Field::event_span, i) == row; ++i) {
    if (out.size() == count) out.emplace_back();
    EventView& event = out[count++];
    event.time_ns = number(Field::event_time_ns, i);
    event.name = text(Field::event_name, i);
    event.dropped_attributes = word(Field::event_dropped_attributes, i);
    read_attributes(Scope::event, Field::event_shape, i, event.attributes);
  }
  out.resize(count);
}

void RowReader::Columns::read_links(uint32_t row, std::vector<LinkView>& out) {
  size_t count = 0;
  const Range range = current_->group.links;
  for (uint32_t i = first_of(Field::link_span, range, row);
       i < range.end() && !error_ && number(Field::link_span, i) == row; ++i) {
    if (out.size() == count) out.emplace_back();
    LinkView& link = out[count++];
    store(link.trace_id.bytes.data(), number(Field::link_trace_id_head, i));
    store(link.trace_id.bytes.data() + 8, number(Field::link_trace_id_tail, i));
    link.span_id.raw = number(Field::link_span_id, i);
    link.trace_state = text(Field::link_trace_state, i);
    link.flags = word(Field::link_flags, i);
    link.dropped_attributes = word(Field::link_dropped_attributes, i);
    read_attributes(Scope::link, Field::link_shape, i, link.attributes);
  }
  out.resize(count);
}

void RowReader::Columns::read_resource(uint32_t resource, ResourceView& out) {
  out.dropped_attributes = word(Field::resource_dropped_attributes, resource);
  out.schema_url = text(Field::resource_schema_url, resource);
  read_attributes(Scope::resource, Field::resource_shape, resource, out.attributes);
}

void RowReader::Columns::read_scope(uint32_t scope, ScopeView& out) {
  out.name = text(Field::scope_name, scope);
  out.version = text(Field::scope_version, scope);
  out.schema_url = text(Field::scope_schema_url, scope);
  out.dropped_attributes = word(Field::scope_dropped_attributes, scope);
  read_attributes(Scope::scope, Field::scope_shape, scope, out.attributes);
}

void RowReader::Columns::read_attributes(Scope owners, Field shapes, uint32_t owner,
                                         std::vector<AttributeView>& out) {
  out.clear();
  const uint32_t shape = word(shapes, owner);
  if (error_ || shape == 0 || !find_path(owners, shape)) return;
  ++owners_read_;
  for (size_t left = path_.size(); left > 0; --left) {
    const uint32_t column = path_[left - 1];
    AttributeView& attribute = out.emplace_back();
    const bool found = column == kOverflowColumn ? read_overflow(owners, owner, attribute)
                                                 : read_attribute(owners, column, owner, attribute);
    if (found) continue;
    return latch_damage(fmt::format("column {} lacks a value of owner {}", column, owner));
  }
}

// The columns of a shape. Each step must lead up by one, so that this ends whatever was stored.
bool RowReader::Columns::find_path(Scope owners, uint32_t shape) {
  const Shapes* of = shapes(owners);
  if (of == nullptr) return false;
  path_.clear();
  for (uint32_t node = shape; node != 0;) {
    const Shape at = node < of->size() ? (*of)[node] : Shape();
    const uint32_t above = at.parent < of->size() ? (*of)[at.parent].depth : UINT32_MAX;
    if (above == UINT32_MAX || at.depth != above + 1) {
      latch_damage(fmt::format("shape {} leads nowhere", shape));
      return false;
    }
    path_.push_back(at.column);
    node = at.parent;
  }
  return true;
}

const Shapes* RowReader::Columns::shapes(Scope owners) {
  std::shared_ptr<const Shapes>& known = shapes_[static_cast<size_t>(owners)];
  if (known == nullptr) known = checked(part_.shapes(owners, inspected_)).value_or(nullptr);
  return known.get();
}

AttributeValues* RowReader::Columns::attribute_values(Scope owners, uint32_t column) {
  Loaded& of = loaded(owners);
  auto& columns = of.attributes[static_cast<size_t>(owners)].columns;
  const auto known = columns.find(column);
  if (known != columns.end()) return &known->second;
  if (column >= part_.columns(owners)) return nullptr;
  auto read = checked(part_.read_attribute(owners, column, of.number, inspected_));
  if (!read) return nullptr;
  AttributeValues values{.name = part_.column(owners, column), .values = Values(std::move(*read))};
  return &columns.emplace(column, std::move(values)).first->second;
}

bool RowReader::Columns::read_attribute(Scope owners, uint32_t column, uint32_t owner,
                                        AttributeView& out) {
  AttributeValues* of = attribute_values(owners, column);
  if (of == nullptr) return false;
  // An owner that has the key again takes its next value.
  const bool again = std::exchange(of->read, owners_read_) == owners_read_;
  if (!(again ? of->values.next() : of->values.seek(owner))) return false;
  out.key = of->name.key;
  out.value.type = of->name.type;
  if (is_text(of->name.type)) {
    out.value.text = of->values.text();
  } else if (of->name.type != ValueType::empty) {
    out.value.bits = of->values.number();
  }
  return true;
}

OverflowValues* RowReader::Columns::overflow_values(Scope owners) {
  Loaded& of = loaded(owners);
  std::optional<OverflowValues>& known = of.attributes[static_cast<size_t>(owners)].overflow;
  if (!known) {
    auto read = checked(part_.read_overflow(owners, of.number, inspected_));
    if (!read) return nullptr;
    known = OverflowValues{.keys = Values(std::move(read->keys)),
                           .types = Values(std::move(read->types)),
                           .values = Values(std::move(read->values))};
  }
  return &*known;
}

bool RowReader::Columns::read_overflow(Scope owners, uint32_t owner, AttributeView& out) {
  OverflowValues* of = overflow_values(owners);
  if (of == nullptr) return false;
  const bool again = std::exchange(of->read, owners_read_) == owners_read_;
  for (Values* values : {&of->keys, &of->types, &of->values}) {
    if (!(again ? values->next() : values->seek(owner))) return false;
  }
  const uint64_t type = of->types.number();
  if (type >= kValueTypes) return false;
  out.key = of->keys.text();
  out.value.type = static_cast<ValueType>(type);
  if (is_text(out.value.type)) {
    out.value.text = of->values.text();
  } else {
    out.value.bits = of->values.number();
  }
  return true;
}

RowReader::RowReader(const Part& part, Inspected& inspected)
    : columns_(std::make_unique<Columns>(part, inspected)) {}
RowReader::~RowReader() = default;
RowReader::RowReader(RowReader&&) noexcept = default;
RowReader& RowReader::operator=(RowReader&&) noexcept = default;

Result<void> RowReader::read_span(uint32_t row, SpanView& out) {
  columns_->read_span(row, out);
  return columns_->verdict();
}

Result<uint64_t> RowReader::number(Field field, uint32_t row) {
  ASSERT(info(field).owner == Scope::span);
  const uint64_t number = columns_->read_number(field, row);
  CHECK_OK(columns_->verdict());
  return number;
}

Result<void> RowReader::read_resource(uint32_t resource, ResourceView& out) {
  columns_->read_resource(resource, out);
  return columns_->verdict();
}

Result<void> RowReader::read_scope(uint32_t scope, ScopeView& out) {
  columns_->read_scope(scope, out);
  return columns_->verdict();
}

}  // namespace vivace
