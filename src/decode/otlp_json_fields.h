// One scalar of OTLP's JSON form as a protobuf field: what its text means depends on the field's
// kind. Used by otlp_json.cc, which knows the structure around it. Any thread.
#pragma once

#include <string>
#include <string_view>

#include "decode/otlp_json_schema.h"

namespace vivace {

enum class JsonToken : uint8_t { string, number, boolean };

// `text` is what a string holds, else the number or word as it is written.
struct JsonScalar {
  JsonToken token;
  std::string_view text;
};

// Appends key and value to `out`; nothing when the value is the field's default, unless
// `writes_default`. Gives what is wrong with the value, for people, or nothing; `out` is then as it
// was.
std::string append_json_field(std::string& out, const JsonField& field, JsonScalar value,
                              bool writes_default);

// What a field of that kind holds: "a string".
std::string_view expected_of(JsonKind kind);

}  // namespace vivace
