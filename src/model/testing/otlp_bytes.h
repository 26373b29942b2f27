// Writes the plain spans of random_spans.h as an OTLP ExportTraceServiceRequest
// (opentelemetry-proto, collector/trace/v1) with protozero, field by field. Spans that follow each
// other and share a resource (and a scope) go into one group.
//
// Not part of the product.
#pragma once

#include <span>
#include <string>

#include <protozero/pbf_writer.hpp>

#include "model/testing/random_spans.h"

namespace vivace {

// A nested message, there even if it is empty (which a nested pbf_writer would take back).
inline void write_message(protozero::pbf_writer& out, uint32_t field, auto fill) {
  std::string bytes;
  protozero::pbf_writer inner(bytes);
  fill(inner);
  out.add_message(field, bytes);
}

// Proto3 leaves out what is zero or empty.
inline void write_text(protozero::pbf_writer& out, uint32_t field, const std::string& text) {
  if (!text.empty()) out.add_string(field, text);
}
inline void write_count(protozero::pbf_writer& out, uint32_t field, uint32_t count) {
  if (count != 0) out.add_uint32(field, count);
}
inline void write_id(protozero::pbf_writer& out, uint32_t field, const auto& id) {
  if (!id.is_zero()) out.add_bytes(field, id.view().data(), id.view().size());
}

inline void write_value(protozero::pbf_writer& any, const SentValue& value) {
  switch (value.type) {
    case ValueType::empty:
      break;
    case ValueType::string:
      any.add_string(1, value.text);
      break;
    case ValueType::boolean:
      any.add_bool(2, value.bits != 0);
      break;
    case ValueType::integer:
      any.add_int64(3, static_cast<int64_t>(value.bits));
      break;
    case ValueType::real:
      any.add_double(4, std::bit_cast<double>(value.bits));
      break;
    case ValueType::array:
      any.add_message(5, value.text);
      break;
    case ValueType::map:
      any.add_message(6, value.text);
      break;
    case ValueType::bytes:
      any.add_bytes(7, value.text);
      break;
  }
}

inline void write_attributes(protozero::pbf_writer& owner, uint32_t field,
                             const SentAttributes& attributes) {
  for (const SentAttribute& attribute : attributes) {
    write_message(owner, field, [&](protozero::pbf_writer& pair) {
      write_text(pair, 1, attribute.key);
      write_message(pair, 2,
                    [&](protozero::pbf_writer& any) { write_value(any, attribute.value); });
    });
  }
}

inline void write_event(protozero::pbf_writer& out, const SentEvent& event) {
  if (event.time_ns != 0) out.add_fixed64(1, event.time_ns);
  write_text(out, 2, event.name);
  write_attributes(out, 3, event.attributes);
  write_count(out, 4, event.dropped_attributes);
}

inline void write_link(protozero::pbf_writer& out, const SentLink& link) {
  write_id(out, 1, link.trace_id);
  write_id(out, 2, link.span_id);
  write_text(out, 3, link.trace_state);
  write_attributes(out, 4, link.attributes);
  write_count(out, 5, link.dropped_attributes);
  if (link.flags != 0) out.add_fixed32(6, link.flags);
}

inline void write_span(protozero::pbf_writer& out, const SentSpan& span) {
  using Writer = protozero::pbf_writer;
  write_id(out, 1, span.trace_id);
  write_id(out, 2, span.span_id);
  write_text(out, 3, span.trace_state);
  write_id(out, 4, span.parent_id);
  write_text(out, 5, span.name);
  if (span.kind != 0) out.add_enum(6, span.kind);
  if (span.start_ns != 0) out.add_fixed64(7, span.start_ns);
  if (span.end_ns != 0) out.add_fixed64(8, span.end_ns);
  write_attributes(out, 9, span.attributes);
  write_count(out, 10, span.dropped_attributes);
  for (const SentEvent& event : span.events) {
    write_message(out, 11, [&](Writer& inner) { write_event(inner, event); });
  }
  write_count(out, 12, span.dropped_events);
  for (const SentLink& link : span.links) {
    write_message(out, 13, [&](Writer& inner) { write_link(inner, link); });
  }
  write_count(out, 14, span.dropped_links);
  write_message(out, 15, [&](Writer& status) {
    write_text(status, 2, span.status_message);
    if (span.status_code != 0) status.add_enum(3, span.status_code);
  });
  if (span.flags != 0) out.add_fixed32(16, span.flags);
}

// ScopeSpans: one scope and its spans.
inline void write_scope_spans(protozero::pbf_writer& out, std::span<const SentSpan> spans) {
  using Writer = protozero::pbf_writer;
  const SentScope& scope = *spans.front().scope;
  write_message(out, 1, [&](Writer& inner) {
    write_text(inner, 1, scope.name);
    write_text(inner, 2, scope.version);
    write_attributes(inner, 3, scope.attributes);
    write_count(inner, 4, scope.dropped_attributes);
  });
  for (const SentSpan& span : spans) {
    write_message(out, 2, [&](Writer& inner) { write_span(inner, span); });
  }
  write_text(out, 3, scope.schema_url);
}

// Calls `write` for each longest run of spans that share what `shared` points to.
inline void for_each_run(std::span<const SentSpan> spans, auto shared, auto write) {
  while (!spans.empty()) {
    size_t count = 1;
    while (count < spans.size() && shared(spans[count]) == shared(spans.front())) ++count;
    write(spans.first(count));
    spans = spans.subspan(count);
  }
}

// ResourceSpans: one resource and its spans, by scope.
inline void write_resource_spans(protozero::pbf_writer& out, std::span<const SentSpan> spans) {
  using Writer = protozero::pbf_writer;
  const SentResource& resource = *spans.front().resource;
  write_message(out, 1, [&](Writer& inner) {
    write_attributes(inner, 1, resource.attributes);
    write_count(inner, 2, resource.dropped_attributes);
  });
  for_each_run(
      spans, [](const SentSpan& span) { return span.scope.get(); },
      [&](std::span<const SentSpan> of_scope) {
        write_message(out, 2, [&](Writer& inner) { write_scope_spans(inner, of_scope); });
      });
  write_text(out, 3, resource.schema_url);
}

inline std::string to_otlp(std::span<const SentSpan> spans) {
  std::string out;
  protozero::pbf_writer request(out);
  for_each_run(
      spans, [](const SentSpan& span) { return span.resource.get(); },
      [&](std::span<const SentSpan> of_resource) {
        write_message(request, 1, [&](protozero::pbf_writer& inner) {
          write_resource_spans(inner, of_resource);
        });
      });
  return out;
}

}  // namespace vivace
