// Makes the nodes of expressions on one span, computing at once what has no attribute: `1 + 2 * 3`
// is stored as 7, `1 = 1` as true. What fails the type check, or fails to compute (division by
// zero), stays a node: the check names the one, the evaluation the other.
#pragma once

#include "traceql/ast.h"

namespace vivace::traceql {

FieldExpr fold_unary(Op op, FieldExpr operand);
FieldExpr fold_binary(Op op, FieldExpr lhs, FieldExpr rhs);
FieldExpr fold_nil_test(bool wants_nil, FieldExpr operand);

// `nil = nil` and `nil != nil`: nil neither equals nor differs.
FieldExpr fold_nil_and_nil();

}  // namespace vivace::traceql
