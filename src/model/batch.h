// One decoded request: the spans that one export call carried, as flat arrays of plain structs
// whose strings are views into the body, which the batch owns. No object per span, no allocation
// per attribute.
//
// Attributes of everything (resources, scopes, spans, events, links) lie in one array; an owner
// names its run and its *shape*: the sequence of keys and types, as a node of a trie. Spans of one
// kind share a shape, so whoever stores a batch works out columns once a shape, not once a span.
//
//   shapes:  root(span) --http.method:string--> 7 --http.status_code:integer--> 8, a span's shape
//
// Made by decode/ on an ingest thread, appended by the head thread, then read by whoever listens.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "base/budget.h"
#include "base/hash.h"
#include "model/ids.h"
#include "model/value.h"

namespace vivace {

// Who owns attributes. Each has columns of its own.
enum class Scope : uint8_t { resource, scope, span, event, link };
constexpr size_t kScopes = 5;

struct BatchAttribute {
  Value value;
  uint64_t hash = 0;  // text_hash of value.text
};

// A run of attributes. `shape` is a node of Batch::shapes.
struct AttributeRun {
  uint32_t first = 0;
  uint32_t count = 0;
  uint32_t shape = 0;
};

struct BatchKey {
  std::string_view text;
  uint64_t hash = 0;
};

struct ShapeNode {
  uint32_t parent = 0;
  uint32_t key = 0;  // in Batch::keys; without meaning in a root
  ValueType type = ValueType::empty;
  uint32_t depth = 0;  // number of attributes
};

struct BatchResource {
  AttributeRun attributes;
  uint32_t dropped_attributes = 0;
  std::string_view schema_url;
  Hash128 identity;  // equal for equal content under equal limits
};

struct BatchScope {
  std::string_view name;
  std::string_view version;
  AttributeRun attributes;
  uint32_t dropped_attributes = 0;
  std::string_view schema_url;
  Hash128 identity;
};

struct BatchSpan {
  TraceId trace_id;
  SpanId span_id;
  SpanId parent_id;  // zero: none
  uint64_t start_ns = 0;
  uint64_t end_ns = 0;
  std::string_view name;
  uint64_t name_hash = 0;
  std::string_view trace_state;
  std::string_view status_message;
  int32_t kind = 0;         // OTLP SpanKind; out-of-range numbers are kept
  int32_t status_code = 0;  // OTLP StatusCode; the same
  uint32_t flags = 0;
  uint32_t resource = 0;  // in Batch::resources
  uint32_t scope = 0;     // in Batch::scopes
  AttributeRun attributes;
  uint32_t dropped_attributes = 0;
  uint32_t dropped_events = 0;
  uint32_t dropped_links = 0;
  uint32_t first_event = 0;
  uint32_t events = 0;
  uint32_t first_link = 0;
  uint32_t links = 0;
  uint32_t bytes = 0;  // of its message
};

struct BatchEvent {
  uint64_t time_ns = 0;
  std::string_view name;
  AttributeRun attributes;
  uint32_t dropped_attributes = 0;
};

struct BatchLink {
  TraceId trace_id;  // zero: none was sent
  SpanId span_id;
  std::string_view trace_state;
  AttributeRun attributes;
  uint32_t dropped_attributes = 0;
  uint32_t flags = 0;
};

struct Batch {
  std::string body;                // what the views point into
  std::deque<std::string> joined;  // values that were sent in pieces, put together
  Reservation body_room;           // the body's share of the budget for bodies

  std::vector<BatchKey> keys;
  std::vector<ShapeNode> shapes;  // the first kScopes are the roots, by Scope
  std::vector<BatchAttribute> attributes;
  std::vector<BatchResource> resources;
  std::vector<BatchScope> scopes;
  std::vector<BatchSpan> spans;
  std::vector<BatchEvent> events;
  std::vector<BatchLink> links;

  // The verdict: ordinals of spans that were refused, and why.
  std::vector<uint32_t> rejected;
  uint32_t rejected_trace_ids = 0;  // of `rejected`: zero or empty trace id
  uint32_t rejected_span_ids = 0;   // of `rejected`: zero or empty span id
  // Of `rejected`: others, which an earlier verdict refused.
  uint32_t rejected_by_limits() const {
    return static_cast<uint32_t>(rejected.size()) - rejected_trace_ids - rejected_span_ids;
  }
  uint32_t truncated_attributes = 0;

  // Not movable: a short body lies inside its string, and the views point there.
  Batch() = default;
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;
};

}  // namespace vivace
