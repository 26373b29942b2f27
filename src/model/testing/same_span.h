// Compares what was read back with what was sent, field by field: every field of every span, with
// its resource and its scope, attributes in their order.
//
// Not part of the product.
#pragma once

#include <string>

#include "model/span_view.h"
#include "model/testing/random_spans.h"

namespace vivace {

inline SentAttributes to_sent(const std::vector<AttributeView>& attributes) {
  SentAttributes out;
  for (const AttributeView& a : attributes) {
    out.push_back({std::string(a.key), {a.value.type, a.value.bits, std::string(a.value.text)}});
  }
  return out;
}

inline SentResource to_sent(const ResourceView& resource) {
  return {to_sent(resource.attributes), resource.dropped_attributes,
          std::string(resource.schema_url)};
}

inline SentScope to_sent(const ScopeView& scope) {
  return {std::string(scope.name), std::string(scope.version), to_sent(scope.attributes),
          scope.dropped_attributes, std::string(scope.schema_url)};
}

inline SentSpan to_sent(const SpanView& span, const ResourceView& resource,
                        const ScopeView& scope) {
  SentSpan out;
  out.resource = std::make_shared<SentResource>(to_sent(resource));
  out.scope = std::make_shared<SentScope>(to_sent(scope));
  out.trace_id = span.trace_id;
  out.span_id = span.span_id;
  out.parent_id = span.parent_id;
  out.trace_state = span.trace_state;
  out.name = span.name;
  out.kind = span.kind;
  out.start_ns = span.start_ns;
  out.end_ns = span.end_ns;
  out.attributes = to_sent(span.attributes);
  out.dropped_attributes = span.dropped_attributes;
  for (const EventView& e : span.events) {
    out.events.push_back(
        {e.time_ns, std::string(e.name), to_sent(e.attributes), e.dropped_attributes});
  }
  out.dropped_events = span.dropped_events;
  for (const LinkView& l : span.links) {
    out.links.push_back({l.trace_id, l.span_id, std::string(l.trace_state), to_sent(l.attributes),
                         l.dropped_attributes, l.flags});
  }
  out.dropped_links = span.dropped_links;
  out.status_message = span.status_message;
  out.status_code = span.status_code;
  out.flags = span.flags;
  return out;
}

// Where two runs of attributes differ first, for people.
inline std::string difference(const SentAttributes& a, const SentAttributes& b) {
  if (a.size() != b.size()) {
    return std::to_string(a.size()) + " or " + std::to_string(b.size()) + " attributes";
  }
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i] == b[i]) continue;
    const auto show = [](const SentAttribute& it) {
      return it.key + ": type " + std::to_string(static_cast<int>(it.value.type)) + ", " +
             std::to_string(it.value.bits) + ", " + to_hex(it.value.text);
    };
    return "attribute " + std::to_string(i) + ": " + show(a[i]) + " or " + show(b[i]);
  }
  return {};
}

// The fields in which the two differ; empty when they are equal.
inline std::string difference(const SentSpan& a, const SentSpan& b) {
  std::string out;
  const auto compare = [&](const char* field, const auto& left, const auto& right) {
    if (left == right) return;
    out += field;
    out += ' ';
  };
  compare("resource", *a.resource, *b.resource);
  compare("scope", *a.scope, *b.scope);
  compare("trace_id", a.trace_id, b.trace_id);
  compare("span_id", a.span_id, b.span_id);
  compare("parent_id", a.parent_id, b.parent_id);
  compare("trace_state", a.trace_state, b.trace_state);
  compare("name", a.name, b.name);
  compare("kind", a.kind, b.kind);
  compare("start_ns", a.start_ns, b.start_ns);
  compare("end_ns", a.end_ns, b.end_ns);
  compare("attributes", a.attributes, b.attributes);
  compare("dropped_attributes", a.dropped_attributes, b.dropped_attributes);
  compare("events", a.events, b.events);
  compare("dropped_events", a.dropped_events, b.dropped_events);
  compare("links", a.links, b.links);
  compare("dropped_links", a.dropped_links, b.dropped_links);
  compare("status_message", a.status_message, b.status_message);
  compare("status_code", a.status_code, b.status_code);
  compare("flags", a.flags, b.flags);
  if (a.attributes != b.attributes) out += difference(a.attributes, b.attributes);
  return out;
}

}  // namespace vivace
