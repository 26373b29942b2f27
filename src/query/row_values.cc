// One case for each intrinsic, and the rule that `.x` is the span's x, or else its resource's.
// Values are copied out of their columns, which is fine for single rows. Called by filters and by
// whoever shows spans, on the thread of the question.
#include "query/row_values.h"

#include <algorithm>

#include "query/stored_values.h"

namespace vivace {
namespace {

using traceql::Attribute;
using traceql::Datum;
using traceql::Duration;
using traceql::Intrinsic;
namespace ql = traceql;

Datum text_or_empty(const std::optional<Value>& value) {
  return datum(std::string(value ? value->text : std::string_view()));
}

Result<Datum> text_field(GroupColumns& group, Field field, uint64_t owner) {
  return text_or_empty(TRY(group.value(field, static_cast<uint32_t>(owner))));
}

Result<Datum> attribute_of(const Cursor& at, Scope owner, std::string_view key, uint64_t number) {
  const auto value = TRY(at.group->value(owner, key, static_cast<uint32_t>(number)));
  return value ? to_datum(*value) : Datum{};
}

Result<Datum> resource_attribute(const Cursor& at, std::string_view key) {
  const uint64_t resource = TRY(at.group->number(Field::resource, at.row));
  return attribute_of(at, Scope::resource, key, resource);
}

Result<Datum> of_trace(Intrinsic intrinsic, const Cursor& at) {
  PartColumns& part = at.group->part();
  const auto ordinal = static_cast<uint32_t>(TRY(at.group->number(Field::trace, at.row)));
  if (intrinsic == Intrinsic::trace_id) {
    Inspected lookup;  // would count a page of a table each time
    return datum(hex_of(TRY(part.part().trace(ordinal, lookup)).id));
  }
  ASSERT(at.maybe_traces != nullptr);
  const TraceFacts& facts = *TRY(at.maybe_traces->facts(part, ordinal));
  if (intrinsic == Intrinsic::trace_duration) return datum(Duration{facts.duration_ns()});
  return datum(intrinsic == Intrinsic::root_name ? facts.root_name : facts.root_service);
}

Result<Datum> of_tree(Intrinsic intrinsic, const Cursor& at) {
  ASSERT(at.maybe_traces != nullptr);
  return datum(number_of(intrinsic, TRY(at.maybe_traces->numbers_of(*at.group, at.row))));
}

Result<Datum> of_event(Intrinsic intrinsic, const Cursor& at) {
  if (!at.event) return Datum{};
  if (intrinsic == Intrinsic::event_name)
    return text_field(*at.group, Field::event_name, *at.event);
  const uint64_t time_ns = TRY(at.group->number(Field::event_time_ns, *at.event));
  const uint64_t start_ns = TRY(at.group->number(Field::start_ns, at.row));
  return datum(Duration{static_cast<int64_t>(time_ns - start_ns)});
}

Result<Datum> of_link(Intrinsic intrinsic, const Cursor& at) {
  if (!at.link) return Datum{};
  GroupColumns& group = *at.group;
  if (intrinsic == Intrinsic::link_span_id) {
    return datum(hex_of(SpanId{TRY(group.number(Field::link_span_id, *at.link))}));
  }
  TraceId id;
  store(id.bytes.data(), TRY(group.number(Field::link_trace_id_head, *at.link)));
  store(id.bytes.data() + 8, TRY(group.number(Field::link_trace_id_tail, *at.link)));
  return datum(id.is_zero() ? std::string() : hex_of(id));
}

Result<Datum> of_span(Intrinsic intrinsic, const Cursor& at) {
  GroupColumns& group = *at.group;
  switch (intrinsic) {
    case Intrinsic::duration:
      return datum(Duration{static_cast<int64_t>(TRY(group.number(Field::duration_ns, at.row)))});
    case Intrinsic::name:
      return text_field(group, Field::name, at.row);
    case Intrinsic::status:
      return datum(to_status(TRY(group.number(Field::status_code, at.row))));
    case Intrinsic::status_message:
      return text_field(group, Field::status_message, at.row);
    case Intrinsic::kind:
      return datum(to_kind(TRY(group.number(Field::kind, at.row))));
    case Intrinsic::span_id:
      return datum(hex_of(SpanId{TRY(group.number(Field::span_id, at.row))}));
    case Intrinsic::parent_id:
      return datum(hex_of(SpanId{TRY(group.number(Field::parent_id, at.row))}));
    case Intrinsic::instrumentation_name:
      return text_field(group, Field::scope_name, TRY(group.number(Field::scope, at.row)));
    case Intrinsic::instrumentation_version:
      return text_field(group, Field::scope_version, TRY(group.number(Field::scope, at.row)));
    default:
      return fail(Code::internal, "an intrinsic that nobody evaluates");
  }
}

Result<Datum> intrinsic_value(Intrinsic intrinsic, const Cursor& at) {
  if (is_of_trace(intrinsic) || intrinsic == Intrinsic::trace_id) return of_trace(intrinsic, at);
  if (is_of_tree(intrinsic)) return of_tree(intrinsic, at);
  if (intrinsic == Intrinsic::event_name || intrinsic == Intrinsic::event_time_since_start) {
    return of_event(intrinsic, at);
  }
  if (intrinsic == Intrinsic::link_trace_id || intrinsic == Intrinsic::link_span_id) {
    return of_link(intrinsic, at);
  }
  return of_span(intrinsic, at);
}

Result<Datum> scoped_value(const Attribute& attribute, const Cursor& at) {
  const std::string& key = attribute.name;
  switch (attribute.scope) {
    case ql::Scope::any:
    case ql::Scope::span:
      return attribute_of(at, Scope::span, key, at.row);
    case ql::Scope::resource:
      return resource_attribute(at, key);
    case ql::Scope::event:
      if (!at.event) return Datum{};
      return attribute_of(at, Scope::event, key, *at.event);
    case ql::Scope::link:
      if (!at.link) return Datum{};
      return attribute_of(at, Scope::link, key, *at.link);
    case ql::Scope::instrumentation:
      return attribute_of(at, Scope::scope, key, TRY(at.group->number(Field::scope, at.row)));
  }
  ASSERT(false);
}

}  // namespace

Result<Seen> row_value(const Attribute& attribute, const Cursor& at) {
  if (attribute.intrinsic != Intrinsic::none) {
    return Seen{TRY(intrinsic_value(attribute.intrinsic, at)), ql::Scope::any};
  }
  Seen out{TRY(scoped_value(attribute, at)), attribute.scope};
  if (attribute.scope != ql::Scope::any) return out;
  out.scope = ql::Scope::span;
  if (out.value.type() != ql::Type::nil) return out;
  return Seen{TRY(resource_attribute(at, attribute.name)), ql::Scope::resource};
}

bool is_of_trace(Intrinsic intrinsic) {
  return intrinsic == Intrinsic::trace_duration || intrinsic == Intrinsic::root_name ||
         intrinsic == Intrinsic::root_service;
}

bool is_of_tree(Intrinsic intrinsic) {
  return intrinsic == Intrinsic::child_count || intrinsic == Intrinsic::nested_set_left ||
         intrinsic == Intrinsic::nested_set_right || intrinsic == Intrinsic::nested_set_parent;
}

int64_t number_of(Intrinsic intrinsic, const TraceTree::Numbers& numbers) {
  switch (intrinsic) {
    case Intrinsic::nested_set_left:
      return numbers.left;
    case Intrinsic::nested_set_right:
      return numbers.right;
    case Intrinsic::nested_set_parent:
      return numbers.parent;
    default:
      return numbers.children;
  }
}

Scope owner_of(const Attribute& attribute) {
  switch (attribute.intrinsic) {
    case Intrinsic::none:
      break;
    case Intrinsic::event_name:
    case Intrinsic::event_time_since_start:
      return Scope::event;
    case Intrinsic::link_trace_id:
    case Intrinsic::link_span_id:
      return Scope::link;
    case Intrinsic::instrumentation_name:
    case Intrinsic::instrumentation_version:
      return Scope::scope;
    default:
      return Scope::span;
  }
  switch (attribute.scope) {
    case ql::Scope::resource:
      return Scope::resource;
    case ql::Scope::event:
      return Scope::event;
    case ql::Scope::link:
      return Scope::link;
    case ql::Scope::instrumentation:
      return Scope::scope;
    case ql::Scope::any:
    case ql::Scope::span:
      return Scope::span;
  }
  ASSERT(false);
}

std::string hex_of(SpanId id) { return id.is_zero() ? std::string() : to_hex(id.view()); }
std::string hex_of(const TraceId& id) { return to_hex(id.view()); }

Result<Range> belongings(GroupColumns& group, Field span_of, uint32_t row) {
  const TypedColumn* column = TRY(group.field(span_of));
  Range out;
  for (const Slice& slice : column->column.slices) {  // ascending rows
    const uint32_t* end = slice.words + slice.count;
    const auto [first, last] = std::equal_range(slice.words, end, row);
    if (first == last) continue;
    const auto count = static_cast<uint32_t>(last - first);
    if (out.count == 0) out.first = slice.owner(static_cast<uint32_t>(first - slice.words));
    out.count += count;
  }
  return out;
}

}  // namespace vivace
