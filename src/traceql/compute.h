// What operators do to single values: the arithmetic and the comparisons of the language. The
// parser folds constants with it, evaluators compute with it, so that both agree.
//
// Numbers: two ints stay int (overflow wraps, division truncates toward zero, the remainder has the
// sign of the dividend; a power is computed in doubles and cut); any other mix of int, float and
// duration is computed in doubles and gives a float. Comparisons of ints and durations are exact.
// Strings compare by bytes. Types that cannot meet compare as false, for `=` and for `!=`; so does
// every comparison with nil. Arrays are the evaluator's: it asks for each element.
#pragma once

#include <expected>
#include <string_view>

#include "traceql/datum.h"
#include "traceql/operators.h"

namespace vivace::traceql {

// The error is what failed, for the message of the query's refusal: `division by zero`, `modulo by
// zero`; `arithmetic on a value that is no number`. Patterns are compiled at each call: evaluators
// compile a literal pattern once and use Regex.
using Computed = std::expected<Datum, std::string_view>;

Computed compute(Op op, const Datum& lhs, const Datum& rhs);  // binary operators
Computed compute(Op op, const Datum& operand);                // negate, invert

}  // namespace vivace::traceql
