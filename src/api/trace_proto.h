// Spans as OTLP protobuf (opentelemetry-proto trace/v1), appended with protozero. What readers
// dereference without looking is always there, even empty: resource, scope, status.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "query/find_trace.h"

namespace vivace::api {

// Calls `take` with one ResourceSpans message at a time: all scopes of a resource together, but at
// most kPieceSpans spans, so that memory does not grow with the trace. False from `take` ends it.
// What the trace cannot read is left out.
constexpr uint32_t kPieceSpans = 4096;
void encode_resource_spans(Trace& trace, const std::function<bool(std::string_view)>& take);

// Encoded size of one span, in bytes.
size_t proto_size(const SpanView& span);

}  // namespace vivace::api
