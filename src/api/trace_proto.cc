// OTLP messages, one function each; field numbers of trace/v1, common/v1 and resource/v1. A trace
// is encoded in pieces (Pieces), each a ResourceSpans message of its own, which protobuf lets us
// send one behind the other.
#include "api/trace_proto.h"

#include <protozero/pbf_writer.hpp>

namespace vivace::api {
namespace {

using protozero::pbf_writer;

void add_text(pbf_writer& out, uint32_t field, std::string_view text) {
  if (!text.empty()) out.add_bytes(field, text.data(), text.size());
}

void add_count(pbf_writer& out, uint32_t field, uint32_t count) {
  if (count != 0) out.add_uint32(field, count);
}

// A message without fields. A pbf_writer that stays empty takes itself back, but resource, scope
// and status must be there, and an empty value, event or link is one.
void add_empty(pbf_writer& out, uint32_t field) { out.add_message(field, "", 0); }

void add_value(pbf_writer& attribute, const Value& value) {
  if (value.type == ValueType::empty) return add_empty(attribute, 2);
  pbf_writer out(attribute, 2);
  switch (value.type) {
    case ValueType::empty:
      break;
    case ValueType::string:
      out.add_bytes(1, value.text.data(), value.text.size());
      break;
    case ValueType::boolean:
      out.add_bool(2, value.as_boolean());
      break;
    case ValueType::integer:
      out.add_int64(3, value.as_integer());
      break;
    case ValueType::real:
      out.add_double(4, value.as_real());
      break;
    case ValueType::array:
      out.add_bytes(5, value.text.data(), value.text.size());
      break;
    case ValueType::map:
      out.add_bytes(6, value.text.data(), value.text.size());
      break;
    case ValueType::bytes:
      out.add_bytes(7, value.text.data(), value.text.size());
      break;
  }
}

void add_attributes(pbf_writer& owner, uint32_t field,
                    const std::vector<AttributeView>& attributes) {
  for (const AttributeView& attribute : attributes) {
    pbf_writer out(owner, field);
    add_text(out, 1, attribute.key);
    add_value(out, attribute.value);
  }
}

void add_event(pbf_writer& span, const EventView& event) {
  if (event.time_ns == 0 && event.name.empty() && event.attributes.empty() &&
      event.dropped_attributes == 0) {
    return add_empty(span, 11);
  }
  pbf_writer out(span, 11);
  if (event.time_ns != 0) out.add_fixed64(1, event.time_ns);
  add_text(out, 2, event.name);
  add_attributes(out, 3, event.attributes);
  add_count(out, 4, event.dropped_attributes);
}

void add_link(pbf_writer& span, const LinkView& link) {
  if (link.trace_id.is_zero() && link.span_id.is_zero() && link.trace_state.empty() &&
      link.attributes.empty() && link.dropped_attributes == 0 && link.flags == 0) {
    return add_empty(span, 13);
  }
  pbf_writer out(span, 13);
  if (!link.trace_id.is_zero()) add_text(out, 1, link.trace_id.view());
  if (!link.span_id.is_zero()) add_text(out, 2, link.span_id.view());
  add_text(out, 3, link.trace_state);
  add_attributes(out, 4, link.attributes);
  add_count(out, 5, link.dropped_attributes);
  if (link.flags != 0) out.add_fixed32(6, link.flags);
}

void add_span_fields(pbf_writer& out, const SpanView& span) {
  add_text(out, 1, span.trace_id.view());
  add_text(out, 2, span.span_id.view());
  add_text(out, 3, span.trace_state);
  if (!span.parent_id.is_zero()) add_text(out, 4, span.parent_id.view());
  add_text(out, 5, span.name);
  if (span.kind != 0) out.add_enum(6, span.kind);
  if (span.start_ns != 0) out.add_fixed64(7, span.start_ns);
  if (span.end_ns != 0) out.add_fixed64(8, span.end_ns);
  add_attributes(out, 9, span.attributes);
  add_count(out, 10, span.dropped_attributes);
  for (const EventView& event : span.events) add_event(out, event);
  add_count(out, 12, span.dropped_events);
  for (const LinkView& link : span.links) add_link(out, link);
  add_count(out, 14, span.dropped_links);
  if (span.status_message.empty() && span.status_code == 0) {
    add_empty(out, 15);
  } else {
    pbf_writer status(out, 15);
    add_text(status, 2, span.status_message);
    if (span.status_code != 0) status.add_enum(3, span.status_code);
  }
  if (span.flags != 0) out.add_fixed32(16, span.flags);
}

void add_resource(pbf_writer& out, const ResourceView& resource) {
  if (resource.attributes.empty() && resource.dropped_attributes == 0) {
    add_empty(out, 1);
  } else {
    pbf_writer message(out, 1);
    add_attributes(message, 1, resource.attributes);
    add_count(message, 2, resource.dropped_attributes);
  }
  add_text(out, 3, resource.schema_url);
}

void add_scope(pbf_writer& out, const ScopeView& scope) {
  if (scope.name.empty() && scope.version.empty() && scope.attributes.empty() &&
      scope.dropped_attributes == 0) {
    add_empty(out, 1);
  } else {
    pbf_writer message(out, 1);
    add_text(message, 1, scope.name);
    add_text(message, 2, scope.version);
    add_attributes(message, 3, scope.attributes);
    add_count(message, 4, scope.dropped_attributes);
  }
  add_text(out, 3, scope.schema_url);
}

bool same_resource(const Trace::ScopeGroup& a, const Trace::ScopeGroup& b) {
  return a.part == b.part && a.resource == b.resource;
}

// Walks the groups of a trace, a piece at a time.
class Pieces {
 public:
  explicit Pieces(Trace& trace) : trace_(trace) {}

  bool done() const { return group_ == trace_.groups().size(); }

  // Encodes the next piece into `out`; nothing if it cannot be read.
  void next(std::string& out) {
    out.clear();
    pbf_writer message(out);
    const Trace::ScopeGroup first = trace_.groups()[group_];
    const bool is_readable = trace_.read_resource(first, resource_);
    if (is_readable) add_resource(message, resource_);
    uint32_t room = kPieceSpans;
    while (room > 0 && !done() && same_resource(first, trace_.groups()[group_])) {
      const Trace::ScopeGroup& group = trace_.groups()[group_];
      if (is_readable && trace_.read_scope(group, scope_)) {
        room -= scope_spans(message, group, room);
      } else {
        index_ = group.count;
      }
      if (index_ == group.count) {
        ++group_;
        index_ = 0;
      }
    }
  }

 private:
  // Writes spans of a group from `index_` on; how many places it went on.
  uint32_t scope_spans(pbf_writer& message, const Trace::ScopeGroup& group, uint32_t room) {
    pbf_writer out(message, 2);
    add_scope(out, scope_);
    uint32_t written = 0;
    for (; written < room && index_ < group.count; ++written, ++index_) {
      if (!trace_.read_span(group, index_, span_)) continue;
      pbf_writer span(out, 2);
      add_span_fields(span, span_);
    }
    return written;
  }

  Trace& trace_;
  size_t group_ = 0;
  uint32_t index_ = 0;  // in the group
  ResourceView resource_;
  ScopeView scope_;
  SpanView span_;
};

}  // namespace

void encode_resource_spans(Trace& trace, const std::function<bool(std::string_view)>& take) {
  Pieces pieces(trace);
  std::string piece;
  while (!pieces.done()) {
    pieces.next(piece);
    if (!piece.empty() && !take(piece)) return;
  }
}

size_t proto_size(const SpanView& span) {
  thread_local std::string scratch;
  scratch.clear();
  pbf_writer out(scratch);
  add_span_fields(out, span);
  return scratch.size();
}

}  // namespace vivace::api
