// Durations and numbers of spans and resources are read by columns, the rest row by row: values of
// events and links, facts of traces.
#include "query/metrics_measure.h"

#include <algorithm>
#include <cmath>

#include "query/stored_values.h"

namespace vivace::metrics {
namespace {

using traceql::Intrinsic;
namespace ql = traceql;

bool is_number(ValueType type) { return type == ValueType::integer || type == ValueType::real; }

// Whether the language has values of that type, so that one hides those of the resource.
bool is_value(const Value& value) {
  return is_number(value.type) || value.type == ValueType::string ||
         value.type == ValueType::boolean || to_datum(value).type() != ql::Type::nil;
}

}  // namespace

bool Measured::is_duration() const {
  if (!of_) return false;
  return of_->intrinsic == Intrinsic::duration || of_->intrinsic == Intrinsic::trace_duration ||
         of_->intrinsic == Intrinsic::event_time_since_start;
}

bool Measured::is_in_seconds() const { return of_ && of_->intrinsic == Intrinsic::duration; }

Result<void> Measured::read(GroupColumns& group, const PickedRows& rows,
                            TraceValues* maybe_traces) {
  if (!of_) return {};
  bits_.resize(rows.count());
  all_integers_ = of_->intrinsic == Intrinsic::duration;
  if (all_integers_) {
    rows.each(TRY(group.field(Field::duration_ns))->column,
              [&](uint32_t place, uint64_t ns) { bits_[place] = ns; });
    return {};
  }
  forms_.assign(rows.count(), Form::none);
  if (of_->intrinsic != Intrinsic::none) return read_rows(group, rows, maybe_traces);
  switch (of_->scope) {
    case ql::Scope::any:
      CHECK_OK(read_key(group, rows));
      return read_resource_key(group, rows);
    case ql::Scope::span:
      return read_key(group, rows);
    case ql::Scope::resource:
      seen_.assign(rows.count(), 0);
      return read_resource_key(group, rows);
    default:
      return read_rows(group, rows, maybe_traces);
  }
}

void Measured::set(uint32_t place, ValueType type, uint64_t bits) {
  bits_[place] = bits;
  forms_[place] = type == ValueType::integer ? Form::integer : Form::real;
  if (type == ValueType::real && std::isnan(std::bit_cast<double>(bits))) {
    forms_[place] = Form::none;
  }
}

// `seen_` says whose value, of whatever type, hides that of the resource.
Result<void> Measured::read_key(GroupColumns& group, const PickedRows& rows) {
  seen_.assign(rows.count(), 0);
  KeyColumns* key = TRY(group.attribute(Scope::span, of_->name));
  for (const TypedColumn& column : key->columns) {
    if (is_number(column.type)) {
      rows.each(column.column, [&](uint32_t place, uint64_t bits) {
        set(place, column.type, bits);
        seen_[place] = 1;
      });
    } else if (column.type == ValueType::string || column.type == ValueType::boolean) {
      rows.each(column.column, [&](uint32_t place, uint64_t) { seen_[place] = 1; });
    } else if (column.type == ValueType::array) {
      rows.each(column.column, [&](uint32_t place, uint64_t code) {
        const auto text = static_cast<uint32_t>(code);
        if (text >= column.column.texts->size()) return;
        const Value value{.type = column.type, .bits = 0, .text = (*column.column.texts)[text]};
        if (is_value(value)) seen_[place] = 1;
      });
    }
  }
  if (key->columns.empty()) return {};
  for (const FirstValue& first : *TRY(group.repeated(Scope::span, *key))) {
    Column one;
    one.slices.push_back({.count = 1, .owners = &first.owner, .words = &first.owner});
    rows.each(one, [&](uint32_t place, uint64_t) {
      forms_[place] = Form::none;
      seen_[place] = is_value(first.value) ? 1 : 0;
      if (is_number(first.value.type)) set(place, first.value.type, first.value.bits);
    });
  }
  return {};
}

Result<void> Measured::read_resource_key(GroupColumns& group, const PickedRows& rows) {
  const KeyColumns* key = TRY(group.attribute(Scope::resource, of_->name));
  if (key->columns.empty()) return {};
  const uint32_t resources = group.owners(Scope::resource).count;
  std::vector<std::optional<Value>> values(resources);
  for (uint32_t r = 0; r < resources; ++r) {
    values[r] = TRY(group.value(Scope::resource, of_->name, r));
  }
  rows.each(TRY(group.field(Field::resource))->column, [&](uint32_t place, uint64_t resource) {
    if (seen_[place] != 0 || resource >= values.size() || !values[resource]) return;
    const Value& value = *values[resource];
    if (is_number(value.type)) set(place, value.type, value.bits);
  });
  return {};
}

Result<void> Measured::read_rows(GroupColumns& group, const PickedRows& rows,
                                 TraceValues* maybe_traces) {
  const Scope owner = owner_of(*of_);
  for (uint32_t place = 0; place < rows.count(); ++place) {
    Cursor at{.group = &group, .maybe_traces = maybe_traces, .row = rows.row(place)};
    Range all{0, 1};
    const bool events = owner == Scope::event;
    if (events || owner == Scope::link) {
      all = TRY(belongings(group, events ? Field::event_span : Field::link_span, at.row));
    }
    for (uint32_t number = all.first; number < all.end(); ++number) {
      if (events) at.event = number;
      if (owner == Scope::link) at.link = number;
      const Seen seen = TRY(row_value(*of_, at));
      if (seen.value.type() == ql::Type::nil) continue;
      if (const auto* integer = seen.value.get_if<int64_t>()) {
        set(place, ValueType::integer, static_cast<uint64_t>(*integer));
      } else if (const auto* duration = seen.value.get_if<ql::Duration>()) {
        set(place, ValueType::integer, static_cast<uint64_t>(duration->ns));
      } else if (const auto* real = seen.value.get_if<double>()) {
        set(place, ValueType::real, std::bit_cast<uint64_t>(*real));
      }
      break;
    }
  }
  return {};
}

}  // namespace vivace::metrics
