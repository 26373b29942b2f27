// The pieces of JSON output, appended to a string: what Tempo's clients expect of protobuf's JSON
// form (64-bit integers as strings, bytes as base64, < > & escaped). Bytes that are not UTF-8 come
// out as U+FFFD. No allocation but the string's own growth.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace vivace {

void append_json_string(std::string& out, std::string_view text);   // quoted
void append_json_base64(std::string& out, std::string_view bytes);  // quoted, with padding
void append_json_double(std::string& out, double value);  // shortest form; "NaN", "Infinity" quoted
void append_json_int64(std::string& out, int64_t value);  // quoted
void append_json_uint64(std::string& out, uint64_t value);  // quoted

}  // namespace vivace
