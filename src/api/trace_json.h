// A trace as JSON in the form of Tempo's API (query-API contract, 1.5 and 2.5): protobuf's JSON
// mapping with ids in base64, 64-bit numbers as strings, zeros left out. And its pieces, also in
// the form of OTLP's own JSON (ingest contract: JSON), for those who write files that receivers
// read.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "model/span_view.h"
#include "query/find_trace.h"

namespace vivace::api {

// Appends the elements of the list of ResourceSpans, with their brackets, but for what the trace
// cannot read. `checkpoint` is called after each span; false ends it early.
void append_resource_spans(Trace& trace, std::string& out, const std::function<bool()>& checkpoint);

// Tempo's: ids in base64, kinds and codes by name. OTLP's: ids in hexadecimal, kinds and codes as
// numbers.
enum class JsonForm : uint8_t { tempo, otlp };

// `"resource":{...}` and `"scope":{...}`, behind a comma unless the object has just been opened.
void append_resource(std::string& out, const ResourceView& resource);
void append_scope(std::string& out, const ScopeView& scope);
// `"schemaUrl":"..."` in the same way, if there is one.
void append_schema_url(std::string& out, std::string_view url);
// A whole span, `{"traceId":...}`.
void append_span(std::string& out, const SpanView& span, JsonForm form);

// One AnyValue, `{"stringValue":"x"}`.
void append_value(std::string& out, const Value& value);

}  // namespace vivace::api
