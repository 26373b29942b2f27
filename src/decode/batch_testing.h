// For tests: what a batch holds, as text of one line a span, to be compared with the text of the
// plain structs that it was made from; and the promises that every batch keeps.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/bytes.h"
#include "base/result.h"
#include "decode/otlp.h"
#include "decode/otlp_testing.h"
#include "model/batch.h"
#include "wire/protobuf.h"

namespace vivace::plain {

inline std::string quote(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c >= ' ' && c <= '~') {
      out += c;
    } else {
      out += "\\" + to_hex({&c, 1});
    }
  }
  return out + "'";
}

std::string show(const Value& value);

inline std::string show(const Attributes& attributes) {
  std::string out = "{";
  for (const KeyValue& one : attributes) out += quote(one.key) + ":" + show(one.value) + ",";
  return out + "}";
}

inline std::string show(const Value& value) {
  switch (value.type) {
    case ValueType::empty:
      return "-";
    case ValueType::string:
      return quote(value.text);
    case ValueType::boolean:
      return value.bits != 0 ? "true" : "false";
    case ValueType::integer:
      return fmt::format("i{}", static_cast<int64_t>(value.bits));
    case ValueType::real:
      return fmt::format("r{:x}", value.bits);
    case ValueType::bytes:
      return "b" + quote(value.text);
    case ValueType::map:
      return show(value.map);
    case ValueType::array:
      break;
  }
  std::string out = "[";
  for (const Value& one : value.array) out += show(one) + ",";
  return out + "]";
}

inline std::string show(const ResourceSpans& resource, const ScopeSpans& scope, const Span& span) {
  std::string out = fmt::format(
      "resource {} {} {} scope {} {} {} {} {} span {} {} {} {} {} kind {} {}-{} {} {}",
      show(resource.attributes), resource.dropped_attributes, quote(resource.schema_url),
      quote(scope.name), quote(scope.version), show(scope.attributes), scope.dropped_attributes,
      quote(scope.schema_url), to_hex(span.trace_id), to_hex(span.span_id), quote(span.trace_state),
      to_hex(span.parent_id), quote(span.name), span.kind, span.start_ns, span.end_ns,
      show(span.attributes), span.dropped_attributes);
  for (const Event& e : span.events) {
    out += fmt::format(" event {} {} {} {}", e.time_ns, quote(e.name), show(e.attributes),
                       e.dropped_attributes);
  }
  for (const Link& l : span.links) {
    out += fmt::format(" link {} {} {} {} {} {}", to_hex(l.trace_id), to_hex(l.span_id),
                       quote(l.trace_state), show(l.attributes), l.dropped_attributes, l.flags);
  }
  return out + fmt::format(" dropped {} {} status {} {} flags {}", span.dropped_events,
                           span.dropped_links, span.status_code, quote(span.status_message),
                           span.flags);
}

// Reads the protobuf that arrays and maps are kept as, joining pieces as protobuf does.
class NestedReader {
 public:
  static Value read(const vivace::Value& value) {
    if (value.type == ValueType::array) return array({value.text});
    if (value.type == ValueType::map) return map({value.text});
    return {value.type, value.bits, std::string(value.text), {}, {}};
  }

 private:
  using Pieces = std::vector<std::string_view>;

  // Calls `take` with each field of all pieces.
  static void each(const Pieces& pieces, const std::function<void(ProtoReader&)>& take) {
    for (const std::string_view piece : pieces) {
      ProtoReader in(piece);
      while (in.next()) take(in);
      ASSERT(in.ok());
    }
  }
  static Value array(const Pieces& pieces) {
    Value out{ValueType::array, 0, {}, {}, {}};
    each(pieces, [&](ProtoReader& in) {
      if (in.key() != proto_key(1, Wire::bytes)) return in.skip();
      out.array.push_back(any({in.bytes()}));
    });
    return out;
  }
  static Value map(const Pieces& pieces) {
    Value out{ValueType::map, 0, {}, {}, {}};
    each(pieces, [&](ProtoReader& in) {
      if (in.key() != proto_key(1, Wire::bytes)) return in.skip();
      KeyValue one;
      Pieces value;
      each({in.bytes()}, [&](ProtoReader& pair) {
        if (pair.field() == 1) {
          one.key = pair.bytes();
        } else if (pair.field() == 2) {
          value.push_back(pair.bytes());
        } else {
          pair.skip();
        }
      });
      one.value = any(value);
      out.map.push_back(std::move(one));
    });
    return out;
  }
  static Value any(const Pieces& pieces) {
    Value scalar;
    Pieces nested;
    each(pieces, [&](ProtoReader& in) {
      if (in.field() > 7) return in.skip();
      const auto type = std::array{ValueType::empty,   ValueType::string, ValueType::boolean,
                                   ValueType::integer, ValueType::real,   ValueType::array,
                                   ValueType::map,     ValueType::bytes}[in.field()];
      if (type != scalar.type) nested.clear();
      scalar = {type, 0, {}, {}, {}};
      if (type == ValueType::boolean || type == ValueType::integer) {
        scalar.bits = in.varint();
      } else if (type == ValueType::real) {
        scalar.bits = in.fixed64();
      } else if (type == ValueType::array || type == ValueType::map) {
        nested.push_back(in.bytes());
      } else {
        scalar.text = in.bytes();
      }
    });
    if (scalar.type == ValueType::array) return array(nested);
    if (scalar.type == ValueType::map) return map(nested);
    return scalar;
  }
};

inline Attributes read_back(const Batch& batch, const AttributeRun& run) {
  std::vector<uint32_t> path;  // of shape nodes, last attribute first
  for (uint32_t node = run.shape; batch.shapes[node].depth > 0; node = batch.shapes[node].parent) {
    path.push_back(node);
  }
  ASSERT(path.size() == run.count);
  Attributes out;
  for (uint32_t i = 0; i < run.count; ++i) {
    const ShapeNode& node = batch.shapes[path[run.count - 1 - i]];
    const BatchAttribute& attribute = batch.attributes.at(run.first + i);
    ASSERT(node.type == attribute.value.type && node.depth == i + 1);
    ASSERT(attribute.hash == (is_text(node.type) ? text_hash(attribute.value.text) : 0));
    ASSERT(batch.keys.at(node.key).hash == text_hash(batch.keys[node.key].text));
    out.push_back({std::string(batch.keys[node.key].text), NestedReader::read(attribute.value)});
  }
  return out;
}

inline std::string bytes_of(const TraceId& id) {
  return id.is_zero() ? std::string() : std::string(id.view());
}
inline std::string bytes_of(const SpanId& id) {
  return id.is_zero() ? std::string() : std::string(id.view());
}

inline Span read_back(const Batch& batch, const BatchSpan& span) {
  Span out{.trace_id = bytes_of(span.trace_id),
           .span_id = bytes_of(span.span_id),
           .trace_state = std::string(span.trace_state),
           .parent_id = bytes_of(span.parent_id),
           .name = std::string(span.name),
           .kind = span.kind,
           .start_ns = span.start_ns,
           .end_ns = span.end_ns,
           .attributes = read_back(batch, span.attributes),
           .dropped_attributes = span.dropped_attributes,
           .events = {},
           .dropped_events = span.dropped_events,
           .links = {},
           .dropped_links = span.dropped_links,
           .status_message = std::string(span.status_message),
           .status_code = span.status_code,
           .flags = span.flags};
  for (uint32_t i = 0; i < span.events; ++i) {
    const BatchEvent& e = batch.events.at(span.first_event + i);
    out.events.push_back(
        {e.time_ns, std::string(e.name), read_back(batch, e.attributes), e.dropped_attributes});
  }
  for (uint32_t i = 0; i < span.links; ++i) {
    const BatchLink& l = batch.links.at(span.first_link + i);
    out.links.push_back({bytes_of(l.trace_id), bytes_of(l.span_id), std::string(l.trace_state),
                         read_back(batch, l.attributes), l.dropped_attributes, l.flags});
  }
  return out;
}

// One line a span.
inline std::vector<std::string> show(const Batch& batch) {
  std::vector<std::string> out;
  for (const BatchSpan& span : batch.spans) {
    const BatchResource& r = batch.resources.at(span.resource);
    const BatchScope& s = batch.scopes.at(span.scope);
    ASSERT(span.name_hash == text_hash(span.name));
    out.push_back(show(
        ResourceSpans{
            read_back(batch, r.attributes), r.dropped_attributes, {}, std::string(r.schema_url)},
        ScopeSpans{std::string(s.name),
                   std::string(s.version),
                   read_back(batch, s.attributes),
                   s.dropped_attributes,
                   {},
                   std::string(s.schema_url)},
        read_back(batch, span)));
  }
  return out;
}

inline std::vector<std::string> show(const Request& request) {
  std::vector<std::string> out;
  for (const ResourceSpans& r : request) {
    for (const ScopeSpans& s : r.scopes) {
      for (const Span& span : s.spans) out.push_back(show(r, s, span));
    }
  }
  return out;
}

// Each shape stands for one sequence of keys and types, and each sequence for one shape.
inline bool shapes_are_distinct(const Batch& batch) {
  std::map<std::vector<std::string>, uint32_t> seen;
  for (uint32_t node = 0; node < batch.shapes.size(); ++node) {
    std::vector<std::string> path;
    uint32_t at = node;
    for (; batch.shapes[at].depth > 0; at = batch.shapes[at].parent) {
      path.push_back(fmt::format("{}{}", static_cast<int>(batch.shapes[at].type),
                                 batch.keys.at(batch.shapes[at].key).text));
    }
    path.push_back(fmt::format("root {}", at));
    if (!seen.try_emplace(std::move(path), node).second) return false;
  }
  return true;
}

// The batch of a good body; what is said of a bad one.
inline std::unique_ptr<Batch> decode(const std::string& body, const DecodeOptions& options = {}) {
  auto batch = decode_otlp(body, options);
  EXPECT_TRUE(batch) << batch.error().message;
  return batch ? std::move(*batch) : std::make_unique<Batch>();
}
inline std::string error_of(const std::string& body) {
  const auto batch = decode_otlp(body, {});
  if (batch) return "decoded";
  EXPECT_EQ(batch.error().code, Code::invalid_argument);
  return batch.error().message;
}

}  // namespace vivace::plain
