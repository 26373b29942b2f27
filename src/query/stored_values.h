// Stored values in the types of the language, and what its operators do to any two values, arrays
// included. The way for single rows; columns go through predicate.h, which agrees.
#pragma once

#include <string>
#include <vector>

#include "model/value.h"
#include "traceql/compute.h"

namespace vivace {

using traceql::datum;

// Nil for what no query can ask for: bytes, maps, an empty AnyValue, arrays whose elements do not
// share one of the four types. An empty array is an array of strings.
traceql::Datum to_datum(const Value& value);

// The other way round, as far as answers need it: durations, status and kind become their words.
// Texts belong to `value`, or lie in `room`.
Value to_value(const traceql::Datum& value, std::string& room);

inline bool is_true(const traceql::Datum& value) {
  const bool* boolean = value.get_if<bool>();
  return boolean != nullptr && *boolean;
}

std::vector<traceql::Datum> elements_of(const traceql::Datum& array);

// A binary operator but && and ||, for values that came from a span: types that cannot meet, or
// that the operator does not take, make it false. The error names the failure.
traceql::Computed combine(traceql::Op op, const traceql::Datum& lhs, const traceql::Datum& rhs);

// The unary ones; nil stays nil.
traceql::Computed combine(traceql::Op op, const traceql::Datum& operand);

traceql::Status to_status(uint64_t otlp);  // numbers that OTLP does not have: unset
traceql::Kind to_kind(uint64_t otlp);      // likewise: unspecified

}  // namespace vivace
