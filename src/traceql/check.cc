// The checks after parsing: types, arguments, and what the language reads but does not offer.
// Operands come first, so the innermost mistake is the one that is told; of several, the leftmost.
#include <fmt/format.h>

#include "traceql/regex.h"
#include "traceql/traceql.h"

namespace vivace::traceql {
namespace {

template <class T = void>
using Checked = std::expected<T, QueryError>;

constexpr size_t kGroupsMax = 5;
constexpr size_t kGroupsOfBucketsMax = 4;  // one more label is the function's own

std::unexpected<QueryError> refuse(std::string message) {
  return std::unexpected(QueryError{ErrorKind::type, 0, 0, std::move(message)});
}

std::unexpected<QueryError> unsupported(std::string_view what) {
  return std::unexpected(
      QueryError{ErrorKind::unsupported, 0, 0, fmt::format("{} not yet supported", what)});
}

// ------------------------------------------------------------------------------- one span

Checked<Type> check_attribute(const Attribute& attribute) {
  if (attribute.intrinsic == Intrinsic::parent) return unsupported("intrinsic (parent)");
  if (attribute.of_parent) return unsupported("parent");
  return name_of(attribute.intrinsic).type;
}

Checked<> check_pattern(const FieldExpr& pattern) {
  const auto* literal = pattern.get_if<Datum>();
  const auto* text = literal != nullptr ? literal->get_if<std::string>() : nullptr;
  if (text == nullptr) return refuse("invalid type for =~ or !~: " + canonical(pattern));
  if (!Regex::compile(*text)) return refuse("invalid regex: " + canonical(pattern));
  return {};
}

Checked<Type> check_field(const FieldExpr& expression);

Checked<Type> check_binary(const FieldExpr& expression, const Binary& binary) {
  const Type lhs = TRY(check_field(*binary.lhs));
  const Type rhs = TRY(check_field(*binary.rhs));
  if (!types_meet(lhs, rhs)) {
    return refuse("binary operations must operate on the same type: " + canonical(expression));
  }
  if (!takes(binary.op, lhs) || !takes(binary.op, rhs)) {
    return refuse("illegal operation for the given types: " + canonical(expression));
  }
  if (binary.op == Op::matches || binary.op == Op::not_matches) {
    CHECK_OK(check_pattern(*binary.rhs));
  }
  return type_of(binary.op, lhs, rhs);
}

Checked<Type> check_unary(const FieldExpr& expression, const Unary& unary) {
  const Type operand = TRY(check_field(*unary.operand));
  if (!takes(unary.op, operand)) {
    return refuse("illegal operation for the given type: " + canonical(expression));
  }
  return operand;  // unknown stays unknown: `!.a = 1` is no mistake before a span is seen
}

// What is always there cannot be asked for its absence.
Checked<Type> check_nil_test(const NilTest& test) {
  TRY(check_field(*test.operand));
  const auto* attribute = test.operand->get_if<Attribute>();
  if (!test.wants_nil || attribute == nullptr) return Type::boolean;
  const std::string name = canonical(*attribute);
  if (attribute->intrinsic != Intrinsic::none) {
    return refuse(name + "=nil is not valid because intrinsics cannot be nil");
  }
  if (attribute->scope == Scope::resource && attribute->name == "service.name") {
    return refuse(fmt::format("{0}=nil is not valid because {0} cannot be nil", name));
  }
  return Type::boolean;
}

Checked<Type> check_field(const FieldExpr& expression) {
  if (const auto* literal = expression.get_if<Datum>()) return literal->type();
  if (const auto* attribute = expression.get_if<Attribute>()) return check_attribute(*attribute);
  if (const auto* unary = expression.get_if<Unary>()) return check_unary(expression, *unary);
  if (const auto* binary = expression.get_if<Binary>()) return check_binary(expression, *binary);
  return check_nil_test(*expression.get_if<NilTest>());
}

Checked<> check_condition(const FieldExpr& condition) {
  const Type type = TRY(check_field(condition));
  if (type == Type::boolean || type == Type::unknown) return {};
  return refuse(fmt::format("span filter field expressions must resolve to a boolean: {{ {} }}",
                            canonical(condition)));
}

// ------------------------------------------------------------------------------- stages

Checked<> check_pipeline(const Pipeline& pipeline);

Checked<> check_spanset(const Spanset& spanset) {
  if (const auto* filter = spanset.get_if<Filter>()) return check_condition(filter->condition);
  if (const auto* operation = spanset.get_if<Operation>()) {
    CHECK_OK(check_spanset(*operation->lhs));
    return check_spanset(*operation->rhs);
  }
  return check_pipeline(**spanset.get_if<std::unique_ptr<Pipeline>>());
}

Checked<> check_aggregate(const Aggregate& aggregate) {
  if (aggregate.function == Aggregate::Function::count) return {};
  const Type type = TRY(check_field(aggregate.of));
  if (type != Type::unknown && !is_number(type)) {
    return refuse("aggregate field expressions must resolve to a number type: " +
                  canonical(aggregate));
  }
  if (!has_attribute(aggregate.of)) {
    return refuse("aggregate field expressions must reference the span: " + canonical(aggregate));
  }
  return {};
}

Checked<> check_scalar(const ScalarExpr& expression) {
  if (const auto* aggregate = std::get_if<Aggregate>(&expression.node)) {
    return check_aggregate(*aggregate);
  }
  if (const auto* node = std::get_if<ScalarExpr::Arithmetic>(&expression.node)) {
    CHECK_OK(check_scalar(*node->lhs));
    return check_scalar(*node->rhs);
  }
  if (const auto* wrapped = std::get_if<ScalarExpr::Wrapped>(&expression.node)) {
    CHECK_OK(check_pipeline(*wrapped->pipeline));
    return check_aggregate(wrapped->aggregate);
  }
  return {};
}

Checked<> check_scalar_filter(const ScalarFilter& filter) {
  CHECK_OK(check_scalar(filter.lhs));
  CHECK_OK(check_scalar(filter.rhs));
  if (!std::holds_alternative<Aggregate>(filter.lhs.node)) {
    return unsupported(
        fmt::format("scalar filter lhs {}, which is no single aggregate,", canonical(filter.lhs)));
  }
  if (!std::holds_alternative<Datum>(filter.rhs.node)) {
    return unsupported(
        fmt::format("scalar filter rhs {}, which is no single number,", canonical(filter.rhs)));
  }
  return {};
}

Checked<> check_group(const GroupBy& group) {
  TRY(check_field(group.by));
  if (has_attribute(group.by)) return {};
  return refuse(fmt::format("grouping field expressions must reference the span: by({})",
                            canonical(group.by)));
}

Checked<> check_stage(const Stage& stage) {
  if (const auto* spanset = std::get_if<Spanset>(&stage)) return check_spanset(*spanset);
  if (const auto* filter = std::get_if<ScalarFilter>(&stage)) return check_scalar_filter(*filter);
  if (const auto* group = std::get_if<GroupBy>(&stage)) return check_group(*group);
  if (const auto* select = std::get_if<Select>(&stage)) {
    for (const Attribute& attribute : select->attributes) CHECK_OK(check_attribute(attribute));
  }
  return {};
}

Checked<> check_pipeline(const Pipeline& pipeline) {
  for (const Stage& stage : pipeline.stages) CHECK_OK(check_stage(stage));
  return {};
}

// ------------------------------------------------------------------------------- metrics

Checked<> check_comparison(const Comparison& comparison) {
  CHECK_OK(check_condition(comparison.selection));
  if (comparison.top <= 0) {
    return refuse("compare() top number of values must be integer greater than 0");
  }
  if (!comparison.window) return {};
  if (comparison.window->start_ns <= 0 || comparison.window->end_ns <= 0) {
    return refuse("compare() timestamps must be positive integer unix nanoseconds");
  }
  if (comparison.window->end_ns <= comparison.window->start_ns) {
    return refuse("compare() end timestamp must be greater than start timestamp");
  }
  return {};
}

size_t groups_max(Metric::Function function) {
  using enum Metric::Function;
  const bool has_label_of_its_own = function == avg_over_time || function == quantile_over_time ||
                                    function == histogram_over_time;
  return has_label_of_its_own ? kGroupsOfBucketsMax : kGroupsMax;
}

Checked<> check_metric(const Metric& metric) {
  if (metric.comparison) CHECK_OK(check_comparison(*metric.comparison));
  if (metric.by.size() > groups_max(metric.function)) {
    return unsupported(fmt::format("metrics group by {} values", metric.by.size()));
  }
  for (const double quantile : metric.quantiles) {
    if (quantile >= 0 && quantile <= 1) continue;
    return refuse("quantile must be between 0 and 1: " + real_text(quantile));
  }
  return {};
}

Checked<> check_second_stage(const SecondStage& stage, const Metric& metric) {
  if (metric.function == Metric::Function::compare) {
    return refuse("`compare()` cannot be used with second stage functions");
  }
  if (stage.function != SecondStage::Function::compare && stage.limit <= 0) {
    return refuse("limit must be greater than 0");
  }
  return {};
}

}  // namespace

std::expected<void, QueryError> check(const Query& query) {
  CHECK_OK(check_pipeline(query.pipeline));
  if (!query.metric) return {};
  CHECK_OK(check_metric(*query.metric));
  for (const SecondStage& stage : query.second_stages) {
    CHECK_OK(check_second_stage(stage, *query.metric));
  }
  return {};
}

}  // namespace vivace::traceql
