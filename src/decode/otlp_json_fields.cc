// One function a kind of value, chosen by the field's kind. Numbers and kinds are the schema's; the
// texts are read by otlp_json_scalars.h. Any thread.
#include "decode/otlp_json_fields.h"

#include <algorithm>

#include <fmt/format.h>
#include <protozero/buffer_string.hpp>
#include <protozero/varint.hpp>

#include "base/bytes.h"
#include "decode/otlp_json_scalars.h"
#include "wire/protobuf.h"

namespace vivace {
namespace {

constexpr size_t kQuotedBytesMax = 40;  // of wrong values in messages

std::string wrong(std::string_view text, std::string_view expected) {
  const bool is_long = text.size() > kQuotedBytesMax;
  return fmt::format("\"{}{}\" is not {}", text.substr(0, kQuotedBytesMax), is_long ? "..." : "",
                     expected);
}

class FieldWriter {
 public:
  FieldWriter(std::string& out, const JsonField& field, bool writes_default)
      : out_(out), field_(field), writes_default_(writes_default) {}

  std::string bytes(std::string_view bytes) {
    if (bytes.empty() && !writes_default_) return {};
    key(Wire::bytes);
    protozero::add_varint_to_buffer(&out_, bytes.size());
    out_ += bytes;
    return {};
  }

  std::string id(std::string_view digits, size_t size) {
    std::string id;
    if (!digits.empty() && (digits.size() != 2 * size || !append_from_hex(id, digits))) {
      return wrong(digits, fmt::format("empty or {} hexadecimal digits", 2 * size));
    }
    return bytes(id);
  }

  std::string base64(std::string_view text) {
    std::string decoded;
    if (!append_from_base64(decoded, text)) return wrong(text, "base64");
    return bytes(decoded);
  }

  std::string varint(uint64_t value) {
    if (value == 0 && !writes_default_) return {};
    key(Wire::varint);
    protozero::add_varint_to_buffer(&out_, value);
    return {};
  }

  template <class T>
  std::string fixed(Wire wire, T value) {
    if (value == 0 && !writes_default_) return {};
    key(wire);
    append_le(out_, value);
    return {};
  }

  std::string integer(std::string_view text) {
    const auto value = parse_json_integer(text);
    switch (field_.kind) {
      case JsonKind::int64:
        if (!value || !value->fits<int64_t>()) return wrong(text, "a 64-bit integer");
        return varint(value->bits());
      case JsonKind::fixed64:
        if (!value || !value->fits<uint64_t>()) return wrong(text, "an unsigned 64-bit integer");
        return fixed(Wire::fixed64, value->magnitude);
      default:
        if (!value || !value->fits<uint32_t>()) return wrong(text, "an unsigned 32-bit integer");
        if (field_.kind == JsonKind::uint32) return varint(value->magnitude);
        return fixed(Wire::fixed32, static_cast<uint32_t>(value->magnitude));
    }
  }

  std::string real(JsonScalar from) {
    const auto value = parse_json_real(from.text, from.token == JsonToken::string);
    if (!value) return wrong(from.text, "a number that a double can hold");
    return fixed(Wire::fixed64, std::bit_cast<uint64_t>(*value));
  }

  std::string enumeration(JsonScalar from, std::span<const std::string_view> names) {
    if (from.token == JsonToken::string) {
      const auto found = std::ranges::find(names, from.text);
      if (found == names.end()) return wrong(from.text, "a known name");
      return varint(static_cast<uint64_t>(found - names.begin()));
    }
    const auto value = parse_json_integer(from.text);
    if (!value || !value->fits<int32_t>()) return wrong(from.text, "a 32-bit integer");
    return varint(value->bits());
  }

 private:
  void key(Wire wire) { protozero::add_varint_to_buffer(&out_, proto_key(field_.number, wire)); }

  std::string& out_;
  const JsonField& field_;
  const bool writes_default_;
};

bool takes(JsonKind kind, JsonToken token) {
  switch (kind) {
    case JsonKind::text:
    case JsonKind::trace_id:
    case JsonKind::span_id:
    case JsonKind::bytes:
      return token == JsonToken::string;
    case JsonKind::boolean:
      return token == JsonToken::boolean;
    case JsonKind::message:
    case JsonKind::messages:
      return false;
    default:
      return token != JsonToken::boolean;
  }
}

}  // namespace

std::string append_json_field(std::string& out, const JsonField& field, JsonScalar value,
                              bool writes_default) {
  if (!takes(field.kind, value.token)) return fmt::format("expected {}", expected_of(field.kind));
  FieldWriter writer(out, field, writes_default);
  switch (field.kind) {
    case JsonKind::text:
      return writer.bytes(value.text);
    case JsonKind::trace_id:
      return writer.id(value.text, 16);
    case JsonKind::span_id:
      return writer.id(value.text, 8);
    case JsonKind::bytes:
      return writer.base64(value.text);
    case JsonKind::boolean:
      return writer.varint(value.text == "true");
    case JsonKind::real:
      return writer.real(value);
    case JsonKind::span_kind:
      return writer.enumeration(value, kSpanKindNames);
    case JsonKind::status_code:
      return writer.enumeration(value, kStatusCodeNames);
    default:
      return writer.integer(value.text);
  }
}

std::string_view expected_of(JsonKind kind) {
  switch (kind) {
    case JsonKind::message:
      return "an object";
    case JsonKind::messages:
      return "an array of objects";
    case JsonKind::boolean:
      return "true or false";
    case JsonKind::text:
    case JsonKind::trace_id:
    case JsonKind::span_id:
    case JsonKind::bytes:
      return "a string";
    case JsonKind::span_kind:
    case JsonKind::status_code:
      return "a number or a name";
    default:
      return "a number or a string with a number";
  }
}

}  // namespace vivace
