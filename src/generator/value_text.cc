// Values of arrays and maps are read from the protobuf bytes that they are kept as; their nesting
// was checked when they came in. The generator's thread, for series that are new.
#include "generator/value_text.h"

#include <array>
#include <charconv>

#include <fmt/format.h>

#include "wire/protobuf.h"

namespace vivace::generator {
namespace {

Value read_any(std::string_view bytes) {
  Value out;
  ProtoReader in(bytes);
  while (in.next()) {
    switch (in.key()) {
      case proto_key(1, Wire::bytes):
        out = {.type = ValueType::string, .text = in.bytes()};
        break;
      case proto_key(2, Wire::varint):
        out = {.type = ValueType::boolean, .bits = in.varint(), .text = {}};
        break;
      case proto_key(3, Wire::varint):
        out = {.type = ValueType::integer, .bits = in.varint(), .text = {}};
        break;
      case proto_key(4, Wire::fixed64):
        out = {.type = ValueType::real, .bits = in.fixed64(), .text = {}};
        break;
      case proto_key(5, Wire::bytes):
        out = {.type = ValueType::array, .text = in.bytes()};
        break;
      case proto_key(6, Wire::bytes):
        out = {.type = ValueType::map, .text = in.bytes()};
        break;
      default:
        in.skip();
    }
  }
  return out;
}

void append_value(std::string& out, const Value& value);

void append_pair(std::string& out, std::string_view bytes) {
  std::string_view key;
  Value value;
  ProtoReader in(bytes);
  while (in.next()) {
    if (in.key() == proto_key(1, Wire::bytes)) {
      key = in.bytes();
    } else if (in.key() == proto_key(2, Wire::bytes)) {
      value = read_any(in.bytes());
    } else {
      in.skip();
    }
  }
  out += key;
  out += ':';
  append_value(out, value);
}

void append_elements(std::string& out, const Value& value) {
  bool first = true;
  ProtoReader in(value.text);
  while (in.next()) {
    if (in.key() != proto_key(1, Wire::bytes)) {
      in.skip();
    } else if (value.type == ValueType::array) {
      append_value(out, read_any(in.bytes()));
    } else {
      if (!first) out += ',';
      append_pair(out, in.bytes());
    }
    first = false;
  }
}

void append_value(std::string& out, const Value& value) {
  switch (value.type) {
    case ValueType::empty:
    case ValueType::bytes:
      break;
    case ValueType::string:
      out += value.text;
      break;
    case ValueType::boolean:
      out += value.as_boolean() ? "true" : "false";
      break;
    case ValueType::integer:
      fmt::format_to(std::back_inserter(out), "{}", value.as_integer());
      break;
    case ValueType::real:
      append_decimal(out, value.as_real());
      break;
    case ValueType::array:
    case ValueType::map:
      out += value.type == ValueType::array ? '[' : '{';
      append_elements(out, value);
      out += value.type == ValueType::array ? ']' : '}';
  }
}

}  // namespace

void append_decimal(std::string& out, double value) {
  std::array<char, 400> text{};  // 1.8e308 has 309 digits, 5e-324 has 326 characters
  const auto [end, failed] =
      std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (failed == std::errc()) out.append(text.data(), end);
}

std::string_view other_text(const Value& value, std::string& scratch) {
  scratch.clear();
  append_value(scratch, value);
  return scratch;
}

}  // namespace vivace::generator
