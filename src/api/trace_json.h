// A trace as JSON in the form of Tempo's API (query-API contract, 1.5 and 2.5): protobuf's JSON
// mapping with ids in base64, 64-bit numbers as strings, zeros left out.
#pragma once

#include <functional>
#include <string>

#include "query/find_trace.h"

namespace vivace::api {

// Appends the elements of the list of ResourceSpans, with their brackets, but for what the trace
// cannot read. `checkpoint` is called after each span; false ends it early.
void append_resource_spans(Trace& trace, std::string& out, const std::function<bool()>& checkpoint);

// One AnyValue, `{"stringValue":"x"}`.
void append_value(std::string& out, const Value& value);

}  // namespace vivace::api
