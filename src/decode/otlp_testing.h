// For tests: an OTLP request as plain structs that own what they hold, and its bytes, written with
// protozero. The decoder and everything behind it is compared with these. An Arranger may write the
// same request in other ways that protobuf allows: fields in another order, messages in pieces.
#pragma once

#include <bit>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include <protozero/pbf_writer.hpp>

#include "model/value.h"

namespace vivace::plain {

struct KeyValue;

struct Value {
  ValueType type = ValueType::empty;
  uint64_t bits = 0;      // boolean, integer, real
  std::string text = {};  // string, bytes
  std::vector<Value> array;
  std::vector<KeyValue> map;
};

struct KeyValue {
  std::string key;
  Value value;
};
using Attributes = std::vector<KeyValue>;

inline Value text(std::string_view text) {
  return {ValueType::string, 0, std::string(text), {}, {}};
}
inline Value bytes(std::string_view text) {
  return {ValueType::bytes, 0, std::string(text), {}, {}};
}
inline Value boolean(bool value) { return {ValueType::boolean, value, {}, {}, {}}; }
inline Value integer(int64_t value) {
  return {ValueType::integer, static_cast<uint64_t>(value), {}, {}, {}};
}
inline Value real(double value) {
  return {ValueType::real, std::bit_cast<uint64_t>(value), {}, {}, {}};
}
inline Value array(std::vector<Value> values) {
  return {ValueType::array, 0, {}, std::move(values), {}};
}
inline Value map(Attributes values) { return {ValueType::map, 0, {}, {}, std::move(values)}; }

struct Event {
  uint64_t time_ns = 0;
  std::string name = {};
  Attributes attributes = {};
  uint32_t dropped_attributes = 0;
};

struct Link {
  std::string trace_id = {};
  std::string span_id = {};
  std::string trace_state = {};
  Attributes attributes = {};
  uint32_t dropped_attributes = 0;
  uint32_t flags = 0;
};

struct Span {
  std::string trace_id = {};
  std::string span_id = {};
  std::string trace_state = {};
  std::string parent_id = {};
  std::string name = {};
  int32_t kind = 0;
  uint64_t start_ns = 0;
  uint64_t end_ns = 0;
  Attributes attributes = {};
  uint32_t dropped_attributes = 0;
  std::vector<Event> events = {};
  uint32_t dropped_events = 0;
  std::vector<Link> links = {};
  uint32_t dropped_links = 0;
  std::string status_message = {};
  int32_t status_code = 0;
  uint32_t flags = 0;
};

struct ScopeSpans {
  std::string name = {};
  std::string version = {};
  Attributes attributes = {};
  uint32_t dropped_attributes = 0;
  std::vector<Span> spans = {};
  std::string schema_url = {};
};

struct ResourceSpans {
  Attributes attributes = {};
  uint32_t dropped_attributes = 0;
  std::vector<ScopeSpans> scopes = {};
  std::string schema_url = {};
};

using Request = std::vector<ResourceSpans>;

// An id of `size` bytes: zeros, then the number, big-endian.
inline std::string id_of(uint64_t number, size_t size) {
  std::string id(size, '\0');
  for (size_t i = size; i-- > 0 && number != 0; number >>= 8) id[i] = static_cast<char>(number);
  return id;
}
inline std::string trace_id(uint64_t number) { return id_of(number, 16); }
inline std::string span_id(uint64_t number) { return id_of(number, 8); }

// One encoded field. Fields of one group must keep their order; a field is a group of its own
// unless it is a member of a oneof.
struct Field {
  uint32_t number = 0;
  uint32_t group = 0;
  std::string bytes;
};
using Fields = std::vector<Field>;

// How fields become messages. This one: in the order of their numbers, whole, zeros left out.
class Arranger {
 public:
  virtual ~Arranger() = default;
  // The bytes of a message, for a field that may come once: in pieces that merge to it.
  virtual std::vector<std::string> pieces(Fields fields) { return {whole(std::move(fields))}; }
  // By value: others change the order. NOLINTNEXTLINE(performance-unnecessary-value-param)
  virtual std::string whole(Fields fields) {
    std::string out;
    for (const Field& field : fields) out += field.bytes;
    return out;
  }
  // Whether to write a field that has its default value.
  virtual bool writes_default() { return false; }
  // Whether to write a field twice: what comes first is overwritten.
  virtual bool writes_twice() { return false; }
  virtual void before_value(Fields&, ValueType) {}
  // Where ResourceSpans keeps its scopes: 2, or 1000 as long ago.
  virtual uint32_t scopes_field(const ResourceSpans&) { return 2; }
};

// Encodes by way of an arranger.
class Encoder {
 public:
  explicit Encoder(Arranger& arranger) : arranger_(arranger) {}

  std::string request(const Request& request) {
    Fields out;
    for (const ResourceSpans& one : request) message(out, 1, resource_spans(one));
    return arranger_.whole(std::move(out));
  }

  Fields value(const Value& value) {
    Fields out;
    if (value.type != ValueType::empty) arranger_.before_value(out, value.type);
    switch (value.type) {
      case ValueType::empty:
        break;
      case ValueType::string:
        write(out, 1, [&](auto& w) { w.add_string(1, value.text); });
        break;
      case ValueType::boolean:
        write(out, 2, [&](auto& w) { w.add_bool(2, value.bits != 0); });
        break;
      case ValueType::integer:
        write(out, 3, [&](auto& w) { w.add_int64(3, static_cast<int64_t>(value.bits)); });
        break;
      case ValueType::real:
        write(out, 4, [&](auto& w) { w.add_double(4, std::bit_cast<double>(value.bits)); });
        break;
      case ValueType::bytes:
        write(out, 7, [&](auto& w) { w.add_bytes(7, value.text); });
        break;
      case ValueType::array: {
        Fields values;
        for (const Value& one : value.array) message(values, 1, this->value(one));
        merged(out, 5, std::move(values));
        break;
      }
      case ValueType::map: {
        Fields values;
        for (const KeyValue& one : value.map) message(values, 1, key_value(one));
        merged(out, 6, std::move(values));
        break;
      }
    }
    for (Field& field : out) field.group = 1;
    return out;
  }

 private:
  template <class Write>
  static void write(Fields& out, uint32_t number, const Write& write) {
    std::string bytes;
    protozero::pbf_writer writer(bytes);
    write(writer);
    out.push_back({number, number, std::move(bytes)});
  }
  static void put(Fields& out, uint32_t number, const std::string& bytes) {
    write(out, number, [&](auto& w) { w.add_bytes(number, bytes.data(), bytes.size()); });
  }
  // One of several, and one of one.
  void message(Fields& out, uint32_t number, Fields fields) {
    put(out, number, arranger_.whole(std::move(fields)));
  }
  void merged(Fields& out, uint32_t number, Fields fields) {
    for (const std::string& piece : arranger_.pieces(std::move(fields))) put(out, number, piece);
  }
  void id(Fields& out, uint32_t number, const std::string& id) {
    if (id.empty() && !arranger_.writes_default()) return;
    put(out, number, id);
  }
  void text(Fields& out, uint32_t number, const std::string& text) {
    const bool twice = arranger_.writes_twice();
    if (twice) put(out, number, "overwritten");
    if (text.empty() && !twice && !arranger_.writes_default()) return;
    put(out, number, text);
  }
  template <class Write>
  void number(Fields& out, uint32_t field, uint64_t value, const Write& writer) {
    const bool twice = arranger_.writes_twice();
    if (twice) write(out, field, [&](auto& w) { writer(w, ~value); });
    if (value == 0 && !twice && !arranger_.writes_default()) return;
    write(out, field, [&](auto& w) { writer(w, value); });
  }
  void count(Fields& out, uint32_t field, uint32_t value) {
    number(out, field, value,
           [field](auto& w, uint64_t v) { w.add_uint32(field, static_cast<uint32_t>(v)); });
  }
  void flags(Fields& out, uint32_t field, uint32_t value) {
    number(out, field, value,
           [field](auto& w, uint64_t v) { w.add_fixed32(field, static_cast<uint32_t>(v)); });
  }
  void code(Fields& out, uint32_t field, int32_t value) {
    number(out, field, static_cast<uint64_t>(value),
           [field](auto& w, uint64_t v) { w.add_enum(field, static_cast<int32_t>(v)); });
  }
  void time(Fields& out, uint32_t field, uint64_t value) {
    number(out, field, value, [field](auto& w, uint64_t v) { w.add_fixed64(field, v); });
  }

  Fields key_value(const KeyValue& one) {
    Fields out;
    text(out, 1, one.key);
    merged(out, 2, value(one.value));
    return out;
  }
  void attributes(Fields& out, uint32_t number, const Attributes& attributes) {
    for (const KeyValue& one : attributes) message(out, number, key_value(one));
  }

  Fields event(const Event& event) {
    Fields out;
    time(out, 1, event.time_ns);
    text(out, 2, event.name);
    attributes(out, 3, event.attributes);
    count(out, 4, event.dropped_attributes);
    return out;
  }
  Fields link(const Link& link) {
    Fields out;
    id(out, 1, link.trace_id);
    id(out, 2, link.span_id);
    text(out, 3, link.trace_state);
    attributes(out, 4, link.attributes);
    count(out, 5, link.dropped_attributes);
    flags(out, 6, link.flags);
    return out;
  }
  Fields status(const Span& span) {
    Fields out;
    text(out, 2, span.status_message);
    code(out, 3, span.status_code);
    return out;
  }
  Fields span(const Span& span) {
    Fields out;
    id(out, 1, span.trace_id);
    id(out, 2, span.span_id);
    text(out, 3, span.trace_state);
    id(out, 4, span.parent_id);
    text(out, 5, span.name);
    code(out, 6, span.kind);
    time(out, 7, span.start_ns);
    time(out, 8, span.end_ns);
    attributes(out, 9, span.attributes);
    count(out, 10, span.dropped_attributes);
    for (const Event& one : span.events) message(out, 11, event(one));
    count(out, 12, span.dropped_events);
    for (const Link& one : span.links) message(out, 13, link(one));
    count(out, 14, span.dropped_links);
    merged(out, 15, status(span));
    flags(out, 16, span.flags);
    return out;
  }
  Fields scope_spans(const ScopeSpans& one) {
    Fields scope;
    text(scope, 1, one.name);
    text(scope, 2, one.version);
    attributes(scope, 3, one.attributes);
    count(scope, 4, one.dropped_attributes);
    Fields out;
    merged(out, 1, std::move(scope));
    for (const Span& each : one.spans) message(out, 2, span(each));
    text(out, 3, one.schema_url);
    return out;
  }
  Fields resource_spans(const ResourceSpans& one) {
    Fields resource;
    attributes(resource, 1, one.attributes);
    count(resource, 2, one.dropped_attributes);
    Fields out;
    merged(out, 1, std::move(resource));
    const uint32_t number = arranger_.scopes_field(one);
    for (const ScopeSpans& each : one.scopes) message(out, number, scope_spans(each));
    text(out, 3, one.schema_url);
    return out;
  }

  Arranger& arranger_;
};

inline std::string encode(const Request& request) {
  Arranger plainly;
  return Encoder(plainly).request(request);
}

// A span of trace 1.
inline Span span(uint64_t id, Attributes attributes = {}) {
  return {.trace_id = trace_id(1), .span_id = span_id(id), .attributes = std::move(attributes)};
}
inline Request request_of(std::vector<Span> spans) {
  return {{.scopes = {{.spans = std::move(spans)}}}};
}

// For what the encoder would not write: one length-delimited field, and requests with one span of
// these bytes, or with one attribute whose AnyValue has these bytes.
inline std::string message(uint32_t field, std::string_view content) {
  std::string out;
  protozero::pbf_writer(out).add_bytes(field, content.data(), content.size());
  return out;
}
inline std::string wrap_span(std::string_view bytes) {
  return message(1, message(2, message(2, bytes)));
}
inline std::string ids() { return message(1, trace_id(1)) + message(2, span_id(2)); }
inline std::string wrap_value(std::string_view bytes) {
  return wrap_span(ids() + message(9, message(1, "k") + message(2, bytes)));
}

}  // namespace vivace::plain
