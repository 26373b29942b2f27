// Operators: their texts, how tightly they bind, and which types they take. Two tables, one for
// expressions on one span, one for what relates two spansets.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "traceql/datum.h"

namespace vivace::traceql {

enum class Op : uint8_t {
  add,
  subtract,
  multiply,
  divide,
  modulo,
  power,
  equal,
  not_equal,
  less,
  less_equal,
  greater,
  greater_equal,
  matches,      // =~
  not_matches,  // !~
  both,         // &&
  either,       // ||
  negate,       // unary -
  invert,       // unary !
};

// How tightly an operator binds; a higher level binds tighter. Equal levels group from the left,
// kPower from the right. && and || share one level, comparisons and tree relations share the next.
constexpr int kLogic = 2;
constexpr int kComparison = 3;
constexpr int kSum = 4;  // also unary -
constexpr int kInvert = 5;
constexpr int kProduct = 6;
constexpr int kPower = 7;

int level_of(Op op);
std::string_view text_of(Op op);
bool is_comparison(Op op);  // = != < <= > >=, and the two for patterns
bool is_arithmetic(Op op);
Op mirrored(Op op);  // a < b is b > a; what is no order stays as it is

// `A relation B`: which spans of B (and in the united form of A) go on. See traceql.h.
enum class Relation : uint8_t { both, either, child, descendant, parent, ancestor, sibling };
enum class Form : uint8_t { plain, negated, united };

struct SpansetOp {
  Relation relation = Relation::both;
  Form form = Form::plain;

  bool operator==(const SpansetOp&) const = default;
};

int level_of(SpansetOp op);
std::string_view text_of(SpansetOp op);

// Whether operands of these types can stand on the two sides of any operator: an unknown or nil
// meets all, numbers meet each other, an array meets what its elements meet.
bool types_meet(Type a, Type b);

// Whether `op` takes operands of this type.
bool takes(Op op, Type type);

// The type of `a op b`, for operands that passed the two checks above.
Type type_of(Op op, Type a, Type b);

}  // namespace vivace::traceql
