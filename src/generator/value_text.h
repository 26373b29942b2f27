// Attribute values as the texts of labels: a string as it is, numbers in decimal without an
// exponent, true and false, `[` elements `]`, `{key:value}`; bytes and nothing are empty.
#pragma once

#include <string>
#include <string_view>

#include "model/value.h"

namespace vivace::generator {

// The text, in `scratch` if the value is not a text by itself.
std::string_view other_text(const Value& value, std::string& scratch);
inline std::string_view value_text(const Value& value, std::string& scratch) {
  return value.type == ValueType::string ? value.text : other_text(value, scratch);
}

// A double's shortest decimal, without an exponent.
void append_decimal(std::string& out, double value);

}  // namespace vivace::generator
