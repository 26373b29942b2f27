// OTLP's messages as JSON writes them (ingest contract, sections 2 and 4.6): for every message the
// names of its fields, lowerCamelCase and as in the .proto files, with number and kind. What is not
// here is unknown and passed over; the long gone instrumentationLibrarySpans is not here.
//
// Read by otlp_json.cc alone. Constants; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace vivace {

enum class JsonMessage : uint8_t {
  request,
  resource_spans,
  resource,
  scope_spans,
  scope,
  span,
  event,
  link,
  status,
  key_value,
  any_value,
  array_value,
  kvlist_value,
};

enum class JsonKind : uint8_t {
  text,
  trace_id,  // hexadecimal
  span_id,   // hexadecimal
  bytes,     // base64
  boolean,
  int64,    // these five: a number, or a string of decimal digits
  fixed64,  // unsigned
  uint32,
  fixed32,      // unsigned
  real,         // or "NaN", "Infinity", "-Infinity"
  span_kind,    // a number or SPAN_KIND_...
  status_code,  // a number or STATUS_CODE_...
  message,
  messages,  // an array
};

struct JsonField {
  std::string_view name;
  std::string_view proto_name;
  uint32_t number;  // at most 31
  JsonKind kind;
  JsonMessage message = {};  // of message and messages
};

namespace json_schema {

using enum JsonKind;
using M = JsonMessage;

inline constexpr auto kRequest = std::to_array<JsonField>({
    {"resourceSpans", "resource_spans", 1, messages, M::resource_spans},
});
inline constexpr auto kResourceSpans = std::to_array<JsonField>({
    {"resource", "resource", 1, message, M::resource},
    {"scopeSpans", "scope_spans", 2, messages, M::scope_spans},
    {"schemaUrl", "schema_url", 3, text},
});
inline constexpr auto kResource = std::to_array<JsonField>({
    {"attributes", "attributes", 1, messages, M::key_value},
    {"droppedAttributesCount", "dropped_attributes_count", 2, uint32},
});
inline constexpr auto kScopeSpans = std::to_array<JsonField>({
    {"scope", "scope", 1, message, M::scope},
    {"spans", "spans", 2, messages, M::span},
    {"schemaUrl", "schema_url", 3, text},
});
inline constexpr auto kScope = std::to_array<JsonField>({
    {"name", "name", 1, text},
    {"version", "version", 2, text},
    {"attributes", "attributes", 3, messages, M::key_value},
    {"droppedAttributesCount", "dropped_attributes_count", 4, uint32},
});
inline constexpr auto kSpan = std::to_array<JsonField>({
    {"traceId", "trace_id", 1, trace_id},
    {"spanId", "span_id", 2, span_id},
    {"traceState", "trace_state", 3, text},
    {"parentSpanId", "parent_span_id", 4, span_id},
    {"name", "name", 5, text},
    {"kind", "kind", 6, span_kind},
    {"startTimeUnixNano", "start_time_unix_nano", 7, fixed64},
    {"endTimeUnixNano", "end_time_unix_nano", 8, fixed64},
    {"attributes", "attributes", 9, messages, M::key_value},
    {"droppedAttributesCount", "dropped_attributes_count", 10, uint32},
    {"events", "events", 11, messages, M::event},
    {"droppedEventsCount", "dropped_events_count", 12, uint32},
    {"links", "links", 13, messages, M::link},
    {"droppedLinksCount", "dropped_links_count", 14, uint32},
    {"status", "status", 15, message, M::status},
    {"flags", "flags", 16, fixed32},
});
inline constexpr auto kEvent = std::to_array<JsonField>({
    {"timeUnixNano", "time_unix_nano", 1, fixed64},
    {"name", "name", 2, text},
    {"attributes", "attributes", 3, messages, M::key_value},
    {"droppedAttributesCount", "dropped_attributes_count", 4, uint32},
});
inline constexpr auto kLink = std::to_array<JsonField>({
    {"traceId", "trace_id", 1, trace_id},
    {"spanId", "span_id", 2, span_id},
    {"traceState", "trace_state", 3, text},
    {"attributes", "attributes", 4, messages, M::key_value},
    {"droppedAttributesCount", "dropped_attributes_count", 5, uint32},
    {"flags", "flags", 6, fixed32},
});
inline constexpr auto kStatus = std::to_array<JsonField>({
    {"message", "message", 2, text},
    {"code", "code", 3, status_code},
});
inline constexpr auto kKeyValue = std::to_array<JsonField>({
    {"key", "key", 1, text},
    {"value", "value", 2, message, M::any_value},
});
inline constexpr auto kAnyValue = std::to_array<JsonField>({
    {"stringValue", "string_value", 1, text},
    {"boolValue", "bool_value", 2, boolean},
    {"intValue", "int_value", 3, int64},
    {"doubleValue", "double_value", 4, real},
    {"arrayValue", "array_value", 5, message, M::array_value},
    {"kvlistValue", "kvlist_value", 6, message, M::kvlist_value},
    {"bytesValue", "bytes_value", 7, bytes},
});
inline constexpr auto kArrayValue = std::to_array<JsonField>({
    {"values", "values", 1, messages, M::any_value},
});
inline constexpr auto kKvlistValue = std::to_array<JsonField>({
    {"values", "values", 1, messages, M::key_value},
});

// By JsonMessage.
inline constexpr auto kFields = std::to_array<std::span<const JsonField>>({
    kRequest,
    kResourceSpans,
    kResource,
    kScopeSpans,
    kScope,
    kSpan,
    kEvent,
    kLink,
    kStatus,
    kKeyValue,
    kAnyValue,
    kArrayValue,
    kKvlistValue,
});

}  // namespace json_schema

inline std::span<const JsonField> fields_of(JsonMessage message) {
  return json_schema::kFields[static_cast<size_t>(message)];
}

// The number is the position.
inline constexpr auto kSpanKindNames = std::to_array<std::string_view>({
    "SPAN_KIND_UNSPECIFIED",
    "SPAN_KIND_INTERNAL",
    "SPAN_KIND_SERVER",
    "SPAN_KIND_CLIENT",
    "SPAN_KIND_PRODUCER",
    "SPAN_KIND_CONSUMER",
});
inline constexpr auto kStatusCodeNames = std::to_array<std::string_view>({
    "STATUS_CODE_UNSET",
    "STATUS_CODE_OK",
    "STATUS_CODE_ERROR",
});

}  // namespace vivace
