// An attribute's value: OTLP's AnyValue (ingest contract: common/v1). Arrays and maps are kept as
// the protobuf bytes of their ArrayValue or KeyValueList, whose nesting was checked on entry.
#pragma once

#include <bit>
#include <cstdint>
#include <string_view>

namespace vivace {

enum class ValueType : uint8_t {
  empty,  // an AnyValue with nothing set
  string,
  boolean,
  integer,
  real,
  bytes,
  array,  // content of an ArrayValue
  map,    // content of a KeyValueList
};
constexpr size_t kValueTypes = 8;

constexpr bool is_text(ValueType type) {
  return type == ValueType::string || type >= ValueType::bytes;
}

// A view: `text` belongs to whoever handed the value out.
struct Value {
  ValueType type = ValueType::empty;
  uint64_t bits = 0;      // boolean, integer, real
  std::string_view text;  // string, bytes, array, map

  bool as_boolean() const { return bits != 0; }
  int64_t as_integer() const { return static_cast<int64_t>(bits); }
  double as_real() const { return std::bit_cast<double>(bits); }
};

}  // namespace vivace
