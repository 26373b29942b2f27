// What can be said of a tree by looking at it: texts of its functions, static types, whether it
// looks at the span at all. The parser and the check ask, and evaluators for what they can skip.
#include "traceql/ast.h"

#include <algorithm>
#include <array>

namespace vivace::traceql {

std::string_view text_of(Aggregate::Function function) {
  constexpr std::array<std::string_view, 5> kTexts = {"count", "min", "max", "avg", "sum"};
  return kTexts[static_cast<size_t>(function)];
}

std::string_view text_of(Metric::Function function) {
  constexpr std::array<std::string_view, 9> kTexts = {
      "rate",          "count_over_time", "min_over_time",      "max_over_time",
      "avg_over_time", "sum_over_time",   "quantile_over_time", "histogram_over_time",
      "compare"};
  return kTexts[static_cast<size_t>(function)];
}

Type type_of(const FieldExpr& expression) {
  if (const auto* literal = expression.get_if<Datum>()) return literal->type();
  if (const auto* attribute = expression.get_if<Attribute>()) {
    return name_of(attribute->intrinsic).type;
  }
  if (const auto* unary = expression.get_if<Unary>()) return type_of(*unary->operand);
  if (const auto* binary = expression.get_if<Binary>()) {
    if (!is_arithmetic(binary->op)) return Type::boolean;
    return type_of(binary->op, type_of(*binary->lhs), type_of(*binary->rhs));
  }
  return Type::boolean;
}

bool has_attribute(const FieldExpr& expression) {
  if (expression.get_if<Datum>() != nullptr) return false;
  if (const auto* unary = expression.get_if<Unary>()) return has_attribute(*unary->operand);
  if (const auto* test = expression.get_if<NilTest>()) return has_attribute(*test->operand);
  if (const auto* binary = expression.get_if<Binary>()) {
    return has_attribute(*binary->lhs) || has_attribute(*binary->rhs);
  }
  return true;
}

bool never_matches(const Spanset& spanset) {
  if (const auto* filter = spanset.get_if<Filter>()) {
    const auto* literal = filter->condition.get_if<Datum>();
    return literal != nullptr && literal->type() == Type::boolean && !literal->as<bool>();
  }
  if (const auto* operation = spanset.get_if<Operation>()) {
    const bool left = never_matches(*operation->lhs);
    const bool right = never_matches(*operation->rhs);
    if (operation->op.relation == Relation::either) return left && right;
    if (operation->op.form == Form::negated)
      return right;  // an empty left side keeps the right one
    return left || right;
  }
  return never_matches(**spanset.get_if<std::unique_ptr<Pipeline>>());
}

bool never_matches(const Pipeline& pipeline) {
  return std::ranges::any_of(pipeline.stages, [](const Stage& stage) {
    const auto* spanset = std::get_if<Spanset>(&stage);
    return spanset != nullptr && never_matches(*spanset);
  });
}

}  // namespace vivace::traceql
