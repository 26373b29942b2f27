// Puts the conditions together again, as an expression that the filter of searches compiles. Halves
// are joined, not ends, so that many conditions make no deep tree.
#include "query/tags_filter.h"

#include <algorithm>
#include <span>

namespace vivace {
namespace {

using traceql::FieldExpr;

std::unique_ptr<FieldExpr> boxed(FieldExpr expression) {
  return std::make_unique<FieldExpr>(std::move(expression));
}

FieldExpr expression_of(const traceql::TagCondition& condition) {
  FieldExpr attribute{.node = condition.attribute};
  if (condition.value.type() == traceql::Type::nil) {
    return {
        .node = traceql::NilTest{condition.op == traceql::Op::equal, boxed(std::move(attribute))},
        .height = 2};
  }
  return {.node = traceql::Binary{condition.op, boxed(std::move(attribute)),
                                  boxed({.node = condition.value})},
          .height = 2};
}

// At least one.
FieldExpr joined(traceql::Op op, std::span<FieldExpr> operands) {
  if (operands.size() == 1) return std::move(operands.front());
  const size_t half = operands.size() / 2;
  FieldExpr left = joined(op, operands.first(half));
  FieldExpr right = joined(op, operands.subspan(half));
  const int height = std::max(left.height, right.height) + 1;
  return {.node = traceql::Binary{op, boxed(std::move(left)), boxed(std::move(right))},
          .height = height};
}

}  // namespace

TagRowFilter::TagRowFilter(const traceql::TagFilter& filter) {
  std::vector<FieldExpr> alternatives;
  for (const auto& conditions : filter.alternatives) {
    std::vector<FieldExpr> operands;
    for (const traceql::TagCondition& condition : conditions) {
      FieldExpr expression = expression_of(condition);
      if (Filter::compile(expression)) operands.push_back(std::move(expression));
    }
    if (operands.empty()) return;
    alternatives.push_back(joined(traceql::Op::both, operands));
  }
  if (alternatives.empty()) return;
  auto compiled = Filter::compile(joined(traceql::Op::either, alternatives));
  if (compiled) filter_.emplace(std::move(*compiled));
}

}  // namespace vivace
