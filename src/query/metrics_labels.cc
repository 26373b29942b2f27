// One way for each kind of attribute. Values of events and links, and those of ids, go row by row:
// of several events the first that has the key counts.
#include "query/metrics_labels.h"

#include <algorithm>

#include "query/stored_values.h"

namespace vivace::metrics {
namespace {

using traceql::Attribute;
using traceql::Duration;
using traceql::Intrinsic;
namespace ql = traceql;

constexpr size_t kDictionariesMax = 4;  // remembered of one attribute

bool is_attribute_of(const Attribute& attribute, ql::Scope scope) {
  return attribute.intrinsic == Intrinsic::none && attribute.scope == scope;
}

// All keys of an overflow list share one dictionary.
bool has_few_of_many(const TypedColumn& column) {
  if (column.number != kOverflowColumn) return false;
  size_t values = 0;
  for (const Slice& slice : column.column.slices) values += slice.count;
  return values < column.column.texts->size();
}

// The value of the first event, or link, of the row that has one.
Result<ql::Datum> first_value(const Attribute& attribute, Cursor at) {
  const Scope owner = owner_of(attribute);
  if (owner != Scope::event && owner != Scope::link) return TRY(row_value(attribute, at)).value;
  const bool events = owner == Scope::event;
  const Range all =
      TRY(belongings(*at.group, events ? Field::event_span : Field::link_span, at.row));
  for (uint32_t number = all.first; number < all.end(); ++number) {
    (events ? at.event : at.link) = number;
    Seen seen = TRY(row_value(attribute, at));
    if (seen.value.type() != ql::Type::nil) return std::move(seen.value);
  }
  return ql::Datum{};
}

}  // namespace

Result<void> LabelColumn::read(GroupColumns& group, const PickedRows& rows,
                               TraceValues* maybe_traces, std::span<uint32_t> ids) {
  if (attribute_.intrinsic != Intrinsic::none) {
    return read_intrinsic(group, rows, maybe_traces, ids);
  }
  switch (attribute_.scope) {
    case ql::Scope::any:
      CHECK_OK(read_owned(group, rows, Scope::span, ids));
      return read_table(group, rows, Scope::resource, true, ids);
    case ql::Scope::span:
      return read_owned(group, rows, Scope::span, ids);
    case ql::Scope::resource:
      return read_table(group, rows, Scope::resource, false, ids);
    case ql::Scope::instrumentation:
      return read_table(group, rows, Scope::scope, false, ids);
    case ql::Scope::event:
    case ql::Scope::link:
      return read_rows(group, rows, maybe_traces, ids);
  }
  ASSERT(false);
}

Result<void> LabelColumn::read_intrinsic(GroupColumns& group, const PickedRows& rows,
                                         TraceValues* maybe_traces, std::span<uint32_t> ids) {
  const Intrinsic intrinsic = attribute_.intrinsic;
  const uint64_t serial = group.part().serial();
  switch (intrinsic) {
    case Intrinsic::name:
    case Intrinsic::status_message:
      std::ranges::fill(ids, values_.of_text(""));
      read_column(
          *TRY(group.field(intrinsic == Intrinsic::name ? Field::name : Field::status_message)),
          serial, rows, ids);
      return {};
    case Intrinsic::status:
    case Intrinsic::kind: {
      const bool kind = intrinsic == Intrinsic::kind;
      const TypedColumn* column = TRY(group.field(kind ? Field::kind : Field::status_code));
      rows.each(column->column, [&](uint32_t place, uint64_t otlp) {
        uint32_t& id = enums_[std::min<uint64_t>(otlp, enums_.size() - 1)];
        if (id == kUnknown) id = values_.of(kind ? datum(to_kind(otlp)) : datum(to_status(otlp)));
        ids[place] = id;
      });
      return {};
    }
    case Intrinsic::duration:
      if (!durations_.is_asked()) (void)memory_.take(CachedIds::kRecentBytes);
      rows.each(TRY(group.field(Field::duration_ns))->column, [&](uint32_t place, uint64_t ns) {
        ids[place] = durations_.get(
            ns, [&] { return values_.of(datum(Duration{static_cast<int64_t>(ns)})); });
      });
      return {};
    case Intrinsic::instrumentation_name:
    case Intrinsic::instrumentation_version:
      return read_table(group, rows, Scope::scope, false, ids);
    case Intrinsic::trace_duration:
    case Intrinsic::root_name:
    case Intrinsic::root_service:
    case Intrinsic::trace_id:
      return read_traces(group, rows, maybe_traces, ids);
    default:
      return read_rows(group, rows, maybe_traces, ids);
  }
}

Result<void> LabelColumn::read_owned(GroupColumns& group, const PickedRows& owners, Scope owner,
                                     std::span<uint32_t> ids) {
  const uint64_t serial = group.part().serial();
  switch (attribute_.intrinsic) {
    case Intrinsic::none:
      return read_key(group, *TRY(group.attribute(owner, attribute_.name)), owners, owner, ids);
    case Intrinsic::instrumentation_name:
    case Intrinsic::instrumentation_version: {
      const bool name = attribute_.intrinsic == Intrinsic::instrumentation_name;
      std::ranges::fill(ids, ValueIds::kNil);
      read_column(*TRY(group.field(name ? Field::scope_name : Field::scope_version)), serial,
                  owners, ids);
      for (uint32_t& id : ids) id = id != ValueIds::kNil ? id : values_.of_text("");
      return {};
    }
    default:
      std::ranges::fill(ids, ValueIds::kNil);
      read_column(*TRY(group.field(Field::event_name)), serial, owners, ids);
      return {};
  }
}

Result<void> LabelColumn::read_key(GroupColumns& group, KeyColumns& key, const PickedRows& owners,
                                   Scope owner, std::span<uint32_t> ids) {
  const uint64_t serial = group.part().serial();
  std::ranges::fill(ids, ValueIds::kNil);
  for (const TypedColumn& column : key.columns) read_column(column, serial, owners, ids);
  if (key.columns.empty()) return {};
  // Rarely: owners with several values count with the first.
  for (const FirstValue& first : *TRY(group.repeated(owner, key))) {
    Column one;
    one.slices.push_back({.count = 1, .owners = &first.owner, .words = &first.owner});
    owners.each(one,
                [&](uint32_t place, uint64_t) { ids[place] = values_.of_stored(first.value); });
  }
  return {};
}

// The first ones.
void LabelColumn::forget_codes(size_t count) {
  for (size_t i = 0; i < count; ++i) memory_.give(codes_[i].ids.size() * sizeof(uint32_t));
  codes_.erase(codes_.begin(), codes_.begin() + static_cast<ptrdiff_t>(count));
}

LabelColumn::Codes& LabelColumn::codes_of(const TypedColumn& column, uint64_t serial) {
  if (serial != serial_) forget_codes(codes_.size());
  serial_ = serial;
  const size_t size = column.column.texts->size();
  for (Codes& known : codes_) {
    if (known.texts == column.column.texts && known.type == column.type) {
      if (size > known.ids.size()) {
        (void)memory_.take((size - known.ids.size()) * sizeof(uint32_t));
        known.ids.resize(size, kUnknown);
      }
      return known;
    }
  }
  if (codes_.size() == kDictionariesMax) forget_codes(1);
  (void)memory_.take(size * sizeof(uint32_t));  // what it ends is seen after the row group
  Codes& fresh = codes_.emplace_back();
  fresh.texts = column.column.texts;
  fresh.type = column.type;
  fresh.keep = column.column.keep;
  fresh.ids.resize(size, kUnknown);
  return fresh;
}

uint32_t LabelColumn::id_of_text(const TypedColumn& column, uint64_t code) {
  const Texts& texts = *column.column.texts;
  if (code >= texts.size()) return ValueIds::kNil;
  return values_.of_stored(
      {.type = column.type, .bits = 0, .text = texts[static_cast<uint32_t>(code)]});
}

void LabelColumn::read_column(const TypedColumn& column, uint64_t serial, const PickedRows& rows,
                              std::span<uint32_t> ids) {
  switch (column.type) {
    case ValueType::string:
    case ValueType::array: {
      if (column.column.texts == nullptr) return;  // no values
      if (has_few_of_many(column)) {
        rows.each(column.column,
                  [&](uint32_t place, uint64_t code) { ids[place] = id_of_text(column, code); });
        return;
      }
      Codes& codes = codes_of(column, serial);
      const std::span<uint32_t> known = codes.ids;
      rows.each(column.column, [&](uint32_t place, uint64_t code) {
        uint32_t id = code < known.size() ? known[code] : ValueIds::kNil;
        if (id == kUnknown) id = known[code] = id_of_text(column, code);
        ids[place] = id;
      });
      return;
    }
    case ValueType::boolean:
    case ValueType::integer:
    case ValueType::real:
      rows.each(column.column, [&](uint32_t place, uint64_t bits) {
        ids[place] = values_.of_number(column.type, bits);
      });
      return;
    case ValueType::empty:
    case ValueType::bytes:
    case ValueType::map:
      return;  // no values of the language
  }
}

Result<uint32_t> LabelColumn::of_table(GroupColumns& group, Scope owner, uint32_t number) {
  if (attribute_.intrinsic == Intrinsic::none) {
    const auto value = TRY(group.value(owner, attribute_.name, number));
    return value ? values_.of_stored(*value) : ValueIds::kNil;
  }
  const auto text = TRY(group.value(attribute_.intrinsic == Intrinsic::instrumentation_name
                                        ? Field::scope_name
                                        : Field::scope_version,
                                    number));
  return values_.of_text(text ? text->text : std::string_view());
}

void LabelColumn::use_table(GroupColumns& group, Scope owner) {
  if (table_.serial == group.part().serial()) return;
  memory_.give(table_.ids.size() * sizeof(uint32_t));
  table_ = {.serial = group.part().serial(), .ids = {}};
  const uint32_t owners = group.owners(owner).count;
  if (memory_.take(owners * sizeof(uint32_t))) table_.ids.assign(owners, kUnknown);
}

Result<void> LabelColumn::read_table(GroupColumns& group, const PickedRows& rows, Scope owner,
                                     bool fill_only, std::span<uint32_t> ids) {
  if (!fill_only) std::ranges::fill(ids, ValueIds::kNil);
  if (fill_only && std::ranges::find(ids, ValueIds::kNil) == ids.end()) return {};
  use_table(group, owner);
  const Column& numbers =
      TRY(group.field(owner == Scope::resource ? Field::resource : Field::scope))->column;
  Result<void> failed;
  rows.each(numbers, [&](uint32_t place, uint64_t number) {
    if (fill_only && ids[place] != ValueIds::kNil) return;
    if (number >= table_.ids.size()) return;
    uint32_t& id = table_.ids[number];
    if (id == kUnknown) {
      const auto found = of_table(group, owner, static_cast<uint32_t>(number));
      if (!found) failed = std::unexpected(found.error());
      if (!found) return;
      id = *found;
    }
    ids[place] = id;
  });
  return failed;
}

// Spans of a trace stand side by side, or at least come together.
Result<void> LabelColumn::read_traces(GroupColumns& group, const PickedRows& rows,
                                      TraceValues* maybe_traces, std::span<uint32_t> ids) {
  const Column& traces = TRY(group.field(Field::trace))->column;
  uint64_t last = UINT64_MAX;
  uint32_t id = ValueIds::kNil;
  Result<void> failed;
  rows.each(traces, [&](uint32_t place, uint64_t ordinal) {
    if (ordinal != last && failed) {
      const Cursor at{.group = &group, .maybe_traces = maybe_traces, .row = rows.row(place)};
      const auto seen = row_value(attribute_, at);
      if (!seen) failed = std::unexpected(seen.error());
      if (seen) id = values_.of(seen->value);
      last = ordinal;
    }
    ids[place] = id;
  });
  return failed;
}

Result<void> LabelColumn::read_rows(GroupColumns& group, const PickedRows& rows,
                                    TraceValues* maybe_traces, std::span<uint32_t> ids) {
  for (uint32_t place = 0; place < rows.count(); ++place) {
    const Cursor at{.group = &group, .maybe_traces = maybe_traces, .row = rows.row(place)};
    ids[place] = values_.of(TRY(first_value(attribute_, at)));
  }
  return {};
}

Result<bool> LabelColumn::is_of_resource(GroupColumns& group) const {
  if (is_attribute_of(attribute_, ql::Scope::resource)) return true;
  if (!is_attribute_of(attribute_, ql::Scope::any)) return false;
  return TRY(group.attribute(Scope::span, attribute_.name))->columns.empty();
}

Result<uint32_t> LabelColumn::of_resource(GroupColumns& group, uint32_t resource) {
  return of_table(group, Scope::resource, resource);
}

}  // namespace vivace::metrics
