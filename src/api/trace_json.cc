// Protobuf's JSON mapping, written by hand: members come in the order of the messages'
// declarations, and each helper writes its own comma by looking at what stands before it. Arrays
// and maps, which are kept as protobuf, are walked with the pull reader; their depth was bounded
// when they came in.
#include "api/trace_json.h"

#include <algorithm>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "base/bytes.h"
#include "wire/json.h"
#include "wire/protobuf.h"

namespace vivace::api {
namespace {

// Begins a member: a comma unless the object has just been opened, then the quoted name.
void member(std::string& out, std::string_view name) {
  if (out.back() != '{') out.push_back(',');
  out.push_back('"');
  out += name;
  out += "\":";
}

void text_member(std::string& out, std::string_view name, std::string_view text) {
  if (text.empty()) return;
  member(out, name);
  append_json_string(out, text);
}

void count_member(std::string& out, std::string_view name, uint32_t count) {
  if (count == 0) return;
  member(out, name);
  fmt::format_to(std::back_inserter(out), "{}", count);
}

void time_member(std::string& out, std::string_view name, uint64_t time_ns) {
  if (time_ns == 0) return;
  member(out, name);
  append_json_uint64(out, time_ns);
}

void id_member(std::string& out, std::string_view name, std::string_view bytes, JsonForm form) {
  member(out, name);
  if (form == JsonForm::otlp) {
    append_json_string(out, to_hex(bytes));
  } else {
    append_json_base64(out, bytes);
  }
}

// `names` are Tempo's form.
void enum_member(std::string& out, std::string_view name, int32_t value,
                 std::initializer_list<std::string_view> names) {
  if (value == 0) return;
  member(out, name);
  if (value > 0 && static_cast<size_t>(value) < names.size()) {
    append_json_string(out, names.begin()[value]);
  } else {
    fmt::format_to(std::back_inserter(out), "{}", value);
  }
}

using Pieces = std::vector<std::string_view>;

void append_nested_value(std::string& out, const Pieces& pieces);

// A KeyValue.
void append_pair(std::string& out, std::string_view bytes) {
  std::string_view key;
  Pieces value;
  ProtoReader in(bytes);
  while (in.next()) {
    switch (in.key()) {
      case proto_key(1, Wire::bytes):
        key = in.bytes();
        break;
      case proto_key(2, Wire::bytes):
        value.push_back(in.bytes());
        break;
      default:
        in.skip();
    }
  }
  out.push_back('{');
  text_member(out, "key", key);
  member(out, "value");
  append_nested_value(out, value);
  out.push_back('}');
}

// ArrayValue and KeyValueList: both hold repeated field 1.
void append_list(std::string& out, ValueType type, const Pieces& pieces) {
  member(out, type == ValueType::array ? "arrayValue" : "kvlistValue");
  out.push_back('{');
  bool any = false;
  for (const std::string_view piece : pieces) {
    ProtoReader in(piece);
    while (in.next()) {
      if (in.key() != proto_key(1, Wire::bytes)) {
        in.skip();
        continue;
      }
      out += any ? "," : "\"values\":[";
      any = true;
      if (type == ValueType::array) {
        append_nested_value(out, {in.bytes()});
      } else {
        append_pair(out, in.bytes());
      }
    }
  }
  out += any ? "]}" : "}";
}

// An AnyValue inside another, as protobuf, which may come in pieces: what is set last wins, pieces
// of one array or map are joined. All was checked when it came in.
void append_nested_value(std::string& out, const Pieces& pieces) {
  Value value;
  Pieces list;  // of the array or map
  const auto set = [&](ValueType type, uint64_t bits, std::string_view text) {
    if (value.type != type) list.clear();
    value = {type, bits, text};
    if (type == ValueType::array || type == ValueType::map) list.push_back(text);
  };
  for (const std::string_view piece : pieces) {
    ProtoReader in(piece);
    while (in.next()) {
      switch (in.key()) {
        case proto_key(1, Wire::bytes):
          set(ValueType::string, 0, in.bytes());
          break;
        case proto_key(2, Wire::varint):
          set(ValueType::boolean, in.varint(), {});
          break;
        case proto_key(3, Wire::varint):
          set(ValueType::integer, in.varint(), {});
          break;
        case proto_key(4, Wire::fixed64):
          set(ValueType::real, in.fixed64(), {});
          break;
        case proto_key(5, Wire::bytes):
          set(ValueType::array, 0, in.bytes());
          break;
        case proto_key(6, Wire::bytes):
          set(ValueType::map, 0, in.bytes());
          break;
        case proto_key(7, Wire::bytes):
          set(ValueType::bytes, 0, in.bytes());
          break;
        default:
          in.skip();
      }
    }
  }
  if (list.empty()) return append_value(out, value);
  out.push_back('{');
  append_list(out, value.type, list);
  out.push_back('}');
}

void attributes_member(std::string& out, const std::vector<AttributeView>& attributes) {
  if (attributes.empty()) return;
  member(out, "attributes");
  out.push_back('[');
  for (const AttributeView& attribute : attributes) {
    if (&attribute != attributes.data()) out.push_back(',');
    out.push_back('{');
    text_member(out, "key", attribute.key);
    member(out, "value");
    append_value(out, attribute.value);
    out.push_back('}');
  }
  out.push_back(']');
}

void append_event(std::string& out, const EventView& event, JsonForm) {
  out.push_back('{');
  time_member(out, "timeUnixNano", event.time_ns);
  text_member(out, "name", event.name);
  attributes_member(out, event.attributes);
  count_member(out, "droppedAttributesCount", event.dropped_attributes);
  out.push_back('}');
}

void append_link(std::string& out, const LinkView& link, JsonForm form) {
  out.push_back('{');
  if (!link.trace_id.is_zero()) id_member(out, "traceId", link.trace_id.view(), form);
  if (!link.span_id.is_zero()) id_member(out, "spanId", link.span_id.view(), form);
  text_member(out, "traceState", link.trace_state);
  attributes_member(out, link.attributes);
  count_member(out, "droppedAttributesCount", link.dropped_attributes);
  count_member(out, "flags", link.flags);
  out.push_back('}');
}

template <class Item>
void list_member(std::string& out, std::string_view name, const std::vector<Item>& items,
                 void (*append)(std::string&, const Item&, JsonForm), JsonForm form) {
  if (items.empty()) return;
  member(out, name);
  out.push_back('[');
  for (const Item& item : items) {
    if (&item != items.data()) out.push_back(',');
    append(out, item, form);
  }
  out.push_back(']');
}

void kind_member(std::string& out, int32_t kind, JsonForm form) {
  if (form == JsonForm::otlp) return enum_member(out, "kind", kind, {});
  enum_member(out, "kind", kind,
              {"SPAN_KIND_UNSPECIFIED", "SPAN_KIND_INTERNAL", "SPAN_KIND_SERVER",
               "SPAN_KIND_CLIENT", "SPAN_KIND_PRODUCER", "SPAN_KIND_CONSUMER"});
}

void append_status(std::string& out, const SpanView& span, JsonForm form) {
  member(out, "status");
  out.push_back('{');
  text_member(out, "message", span.status_message);
  if (form == JsonForm::otlp) {
    enum_member(out, "code", span.status_code, {});
  } else {
    enum_member(out, "code", span.status_code,
                {"STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"});
  }
  out.push_back('}');
}

// The groups of one resource; false when there is to be no more.
bool append_scope_spans(std::string& out, Trace& trace, std::span<const Trace::ScopeGroup> groups,
                        const std::function<bool()>& checkpoint) {
  ScopeView scope;
  SpanView span;
  bool any_scope = false;
  member(out, "scopeSpans");
  out.push_back('[');
  for (const Trace::ScopeGroup& group : groups) {
    if (!trace.read_scope(group, scope)) continue;
    out += std::exchange(any_scope, true) ? ",{" : "{";
    append_scope(out, scope);
    member(out, "spans");
    out.push_back('[');
    bool any_span = false;
    for (uint32_t i = 0; i < group.count; ++i) {
      if (!trace.read_span(group, i, span)) continue;
      if (std::exchange(any_span, true)) out.push_back(',');
      append_span(out, span, JsonForm::tempo);
      if (!checkpoint()) return false;
    }
    out.push_back(']');
    append_schema_url(out, scope.schema_url);
    out.push_back('}');
  }
  out.push_back(']');
  return true;
}

}  // namespace

void append_value(std::string& out, const Value& value) {
  out.push_back('{');
  switch (value.type) {
    case ValueType::empty:
      break;
    case ValueType::string:
      member(out, "stringValue");
      append_json_string(out, value.text);
      break;
    case ValueType::boolean:
      member(out, "boolValue");
      out += value.as_boolean() ? "true" : "false";
      break;
    case ValueType::integer:
      member(out, "intValue");
      append_json_int64(out, value.as_integer());
      break;
    case ValueType::real:
      member(out, "doubleValue");
      append_json_double(out, value.as_real());
      break;
    case ValueType::bytes:
      member(out, "bytesValue");
      append_json_base64(out, value.text);
      break;
    case ValueType::array:
    case ValueType::map:
      append_list(out, value.type, {value.text});
      break;
  }
  out.push_back('}');
}

void append_span(std::string& out, const SpanView& span, JsonForm form) {
  out.push_back('{');
  id_member(out, "traceId", span.trace_id.view(), form);
  id_member(out, "spanId", span.span_id.view(), form);
  text_member(out, "traceState", span.trace_state);
  if (!span.parent_id.is_zero()) id_member(out, "parentSpanId", span.parent_id.view(), form);
  text_member(out, "name", span.name);
  kind_member(out, span.kind, form);
  time_member(out, "startTimeUnixNano", span.start_ns);
  time_member(out, "endTimeUnixNano", span.end_ns);
  attributes_member(out, span.attributes);
  count_member(out, "droppedAttributesCount", span.dropped_attributes);
  list_member(out, "events", span.events, append_event, form);
  count_member(out, "droppedEventsCount", span.dropped_events);
  list_member(out, "links", span.links, append_link, form);
  count_member(out, "droppedLinksCount", span.dropped_links);
  append_status(out, span, form);
  count_member(out, "flags", span.flags);
  out.push_back('}');
}

void append_resource(std::string& out, const ResourceView& resource) {
  member(out, "resource");
  out.push_back('{');
  attributes_member(out, resource.attributes);
  count_member(out, "droppedAttributesCount", resource.dropped_attributes);
  out.push_back('}');
}

void append_scope(std::string& out, const ScopeView& scope) {
  member(out, "scope");
  out.push_back('{');
  text_member(out, "name", scope.name);
  text_member(out, "version", scope.version);
  attributes_member(out, scope.attributes);
  count_member(out, "droppedAttributesCount", scope.dropped_attributes);
  out.push_back('}');
}

void append_schema_url(std::string& out, std::string_view url) {
  text_member(out, "schemaUrl", url);
}

void append_resource_spans(Trace& trace, std::string& out,
                           const std::function<bool()>& checkpoint) {
  ResourceView resource;
  const std::span<const Trace::ScopeGroup> groups = trace.groups();
  bool any = false;
  out.push_back('[');
  for (size_t first = 0, end = 0; first < groups.size(); first = end) {
    const auto is_of_another = [&](const Trace::ScopeGroup& group) {
      return group.part != groups[first].part || group.resource != groups[first].resource;
    };
    const auto of_resource = groups.subspan(first);
    end = first + static_cast<size_t>(std::ranges::find_if(of_resource, is_of_another) -
                                      of_resource.begin());
    if (!trace.read_resource(groups[first], resource)) continue;
    out += std::exchange(any, true) ? ",{" : "{";
    append_resource(out, resource);
    if (!append_scope_spans(out, trace, groups.subspan(first, end - first), checkpoint)) return;
    append_schema_url(out, resource.schema_url);
    out.push_back('}');
  }
  out.push_back(']');
}

}  // namespace vivace::api
