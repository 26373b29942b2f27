// Constant folding while the tree grows, from the leaves up: operands are folded before their node
// is made, so one look at them is enough.
#include "traceql/fold.h"

#include "traceql/compute.h"
#include "traceql/regex.h"

namespace vivace::traceql {
namespace {

std::unique_ptr<FieldExpr> boxed(FieldExpr expression) {
  return std::make_unique<FieldExpr>(std::move(expression));
}

bool passes_check(Op op, const Datum& lhs, const Datum& rhs) {
  if (!types_meet(lhs.type(), rhs.type())) return false;
  if (!takes(op, lhs.type()) || !takes(op, rhs.type())) return false;
  if (op != Op::matches && op != Op::not_matches) return true;
  return Regex::compile(rhs.as<std::string>()).has_value();
}

}  // namespace

FieldExpr fold_unary(Op op, FieldExpr operand) {
  if (const auto* literal = operand.get_if<Datum>(); literal && takes(op, literal->type())) {
    if (auto value = compute(op, *literal)) return {.node = *std::move(value)};
  }
  const int height = operand.height + 1;
  return {.node = Unary{op, boxed(std::move(operand))}, .height = height};
}

FieldExpr fold_binary(Op op, FieldExpr lhs, FieldExpr rhs) {
  const auto* a = lhs.get_if<Datum>();
  const auto* b = rhs.get_if<Datum>();
  if (a != nullptr && b != nullptr && passes_check(op, *a, *b)) {
    if (auto value = compute(op, *a, *b)) return {.node = *std::move(value)};
  }
  const int height = std::max(lhs.height, rhs.height) + 1;
  return {.node = Binary{op, boxed(std::move(lhs)), boxed(std::move(rhs))}, .height = height};
}

FieldExpr fold_nil_test(bool wants_nil, FieldExpr operand) {
  if (operand.get_if<Datum>() != nullptr) return {.node = datum<bool>(!wants_nil)};
  const int height = operand.height + 1;
  return {.node = NilTest{wants_nil, boxed(std::move(operand))}, .height = height};
}

FieldExpr fold_nil_and_nil() { return {.node = datum<bool>(false)}; }

}  // namespace vivace::traceql
