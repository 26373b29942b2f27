// KeyValue and AnyValue, field by field. What is set last in a oneof wins; what comes in pieces is
// joined, as protobuf says for messages that are sent more than once.
#include "decode/attribute_reader.h"

#include <fmt/format.h>

#include "wire/protobuf.h"

namespace vivace {
namespace {

constexpr uint32_t bytes_field(uint32_t field) { return proto_key(field, Wire::bytes); }
constexpr uint32_t varint_field(uint32_t field) { return proto_key(field, Wire::varint); }

constexpr bool is_nested(ValueType type) {
  return type == ValueType::array || type == ValueType::map;
}

// Cuts to at most `limit` bytes without splitting a UTF-8 sequence.
std::string_view cut(std::string_view text, size_t limit) {
  size_t end = limit;
  while (end > 0 && limit - end < 4 && (static_cast<uint8_t>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, (static_cast<uint8_t>(text[end]) & 0xc0) == 0x80 ? limit : end);
}

constexpr uint8_t kShort = 0x80;  // lengths and numbers below it are one byte

// A number of at most nine bytes that ends where `bytes` does.
bool read_varint(std::string_view bytes, uint64_t& out) {
  if (bytes.empty() || bytes.size() > 9 || static_cast<uint8_t>(bytes.back()) >= kShort) {
    return false;
  }
  out = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    const auto byte = static_cast<uint8_t>(bytes[i]);
    if (byte < kShort && i + 1 < bytes.size()) return false;
    out |= uint64_t{byte} % kShort << 7 * i;
  }
  return true;
}

// AnyValue that is one short text, number or truth.
bool read_plain_value(std::string_view bytes, Value& out) {
  const std::string_view rest = bytes.substr(1);
  switch (static_cast<uint8_t>(bytes[0])) {
    case bytes_field(1):
      out.type = ValueType::string;
      out.text = rest.substr(1);
      return static_cast<uint8_t>(rest[0]) == rest.size() - 1;
    case varint_field(2):
      out.type = ValueType::boolean;
      if (!read_varint(rest, out.bits)) return false;
      out.bits = out.bits != 0;
      return true;
    case varint_field(3):
      out.type = ValueType::integer;
      return read_varint(rest, out.bits);
    case proto_key(4, Wire::fixed64):
      if (rest.size() != sizeof(uint64_t)) return false;
      out.type = ValueType::real;
      out.bits = load<uint64_t>(rest.data());
      return true;
    default:
      return false;
  }
}

// KeyValue as nearly every sender writes nearly every one: its key, then its value, both short, and
// nothing else. False when it is anything more, or malformed: then it is read field by field.
//
//   0a <key bytes> <key> 12 <value bytes> <value>
bool read_plain(std::string_view bytes, std::string_view& key, Value& value) {
  constexpr size_t kValueBytesMin = 2;
  if (bytes.size() < 4 + kValueBytesMin || static_cast<uint8_t>(bytes[0]) != bytes_field(1)) {
    return false;
  }
  const auto key_bytes = static_cast<uint8_t>(bytes[1]);
  if (key_bytes >= kShort || bytes.size() < 4 + kValueBytesMin + key_bytes) return false;
  const std::string_view rest = bytes.substr(2 + key_bytes);
  const size_t value_bytes = rest.size() - 2;
  if (static_cast<uint8_t>(rest[0]) != bytes_field(2) || value_bytes >= kShort ||
      static_cast<uint8_t>(rest[1]) != value_bytes) {
    return false;
  }
  key = bytes.substr(2, key_bytes);
  return read_plain_value(rest.substr(2), value);
}

}  // namespace

bool AttributeReader::read(std::string_view bytes, size_t limit) {
  std::string_view key;
  Value value;
  if (!read_plain(bytes, key, value)) {
    key = {};
    value = {};
    if (!read_fields(bytes, key, value)) return false;
  }
  if (limit > 0) cut_to(limit, key, value);
  builder_.add(key, value);
  return true;
}

// KeyValue.
bool AttributeReader::read_fields(std::string_view bytes, std::string_view& key, Value& value) {
  ProtoReader in(bytes);
  while (in.next()) {
    switch (in.key()) {
      case bytes_field(1):
        key = in.bytes();
        break;
      case bytes_field(2):
        if (!any_value(in.bytes(), value, 0)) return false;
        break;
      default:
        in.skip_unknown(2);
    }
  }
  if (!in.ok()) return refuse(in.error());
  if (is_nested(value.type) && pieces_.size() > 1) value.text = join_pieces();
  return true;
}

void AttributeReader::cut_to(size_t limit, std::string_view& key, Value& value) {
  const bool long_key = key.size() > limit;
  const bool long_value = value.type == ValueType::string && value.text.size() > limit;
  if (long_key) key = cut(key, limit);
  if (long_value) value.text = cut(value.text, limit);
  if (long_key || long_value) ++batch_.truncated_attributes;
}

// AnyValue: what is set last wins. Depth 0 is an attribute's value, below it are the elements of
// arrays and maps, which are only checked: their bytes are kept as they came.
bool AttributeReader::any_value(std::string_view bytes, Value& out, int depth) {
  ProtoReader in(bytes);
  while (in.next()) {
    switch (in.key()) {
      case bytes_field(1):
        out = {.type = ValueType::string, .text = in.bytes()};
        break;
      case varint_field(2):
        out = {.type = ValueType::boolean, .bits = in.varint() != 0, .text = {}};
        break;
      case varint_field(3):
        out = {.type = ValueType::integer, .bits = in.varint(), .text = {}};
        break;
      case proto_key(4, Wire::fixed64):
        out = {.type = ValueType::real, .bits = in.fixed64(), .text = {}};
        break;
      case bytes_field(5):
        if (!nested({.type = ValueType::array, .text = in.bytes()}, out, depth)) return false;
        break;
      case bytes_field(6):
        if (!nested({.type = ValueType::map, .text = in.bytes()}, out, depth)) return false;
        break;
      case bytes_field(7):
        out = {.type = ValueType::bytes, .text = in.bytes()};
        break;
      default:
        in.skip_unknown(7);
    }
  }
  return in.ok() || refuse(in.error());
}

// An array or map, or a piece of the one before it: protobuf joins them. Pieces are gathered and
// joined once, when all are there: a join a piece would be quadratic in time and memory.
bool AttributeReader::nested(const Value& piece, Value& out, int depth) {
  if (depth == 0) {
    if (out.type != piece.type) pieces_.clear();
    pieces_.push_back(piece.text);
  }
  out = piece;
  return check_nested(out, depth);
}

std::string_view AttributeReader::join_pieces() {
  std::string whole;
  for (const std::string_view piece : pieces_) whole += piece;
  return batch_.joined.emplace_back(std::move(whole));
}

// Walks arrays and maps, so that whoever reads them later need not expect nonsense.
bool AttributeReader::check_nested(const Value& value, int depth) {
  if (depth >= kNestingMax) {
    return refuse(fmt::format("value nested more than {} deep", kNestingMax));
  }
  ProtoReader in(value.text);
  while (in.next()) {
    if (in.key() != bytes_field(1)) {
      in.skip_unknown(1);
      continue;
    }
    const bool good = value.type == ValueType::array ? check_element(in.bytes(), depth)
                                                     : check_pair(in.bytes(), depth);
    if (!good) return false;
  }
  return in.ok() || refuse(in.error());
}

bool AttributeReader::check_element(std::string_view bytes, int depth) {
  Value element;
  return any_value(bytes, element, depth + 1);
}

bool AttributeReader::check_pair(std::string_view bytes, int depth) {
  ProtoReader in(bytes);
  while (in.next()) {
    switch (in.key()) {
      case bytes_field(1):
        in.bytes();
        break;
      case bytes_field(2):
        if (!check_element(in.bytes(), depth)) return false;
        break;
      default:
        in.skip_unknown(2);
    }
  }
  return in.ok() || refuse(in.error());
}

}  // namespace vivace
