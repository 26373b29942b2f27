// A tree as text that shows all of it: types, scopes, every node. Two trees are the same if and
// only if their dumps are. For tests and fuzzing, where the printers are what is doubted.
#pragma once

#include <string>

#include "traceql/ast.h"

namespace vivace::traceql::testing {

class Dump {
 public:
  std::string query(const Query& query) {
    std::string text = pipeline(query.pipeline);
    if (query.metric) text += metric(*query.metric);
    for (const SecondStage& stage : query.second_stages) {
      text += " second(" + number(stage.function) + " " + std::to_string(stage.limit) + " " +
              number(stage.op) + " " + datum_text(datum<double>(stage.value)) + ")";
    }
    for (const Hint& hint : query.hints)
      text += " hint(" + hint.name + " " + value(hint.value) + ")";
    return text;
  }

  std::string field(const FieldExpr& expression) {
    if (const auto* literal = expression.get_if<Datum>()) return value(*literal);
    if (const auto* named = expression.get_if<Attribute>()) return attribute(*named);
    if (const auto* unary = expression.get_if<Unary>()) {
      return "(" + number(unary->op) + " " + field(*unary->operand) + ")";
    }
    if (const auto* binary = expression.get_if<Binary>()) {
      return "(" + number(binary->op) + " " + field(*binary->lhs) + " " + field(*binary->rhs) + ")";
    }
    const auto* test = expression.get_if<NilTest>();
    return std::string(test->wants_nil ? "(nil " : "(set ") + field(*test->operand) + ")";
  }

 private:
  template <class Enum>
  static std::string number(Enum value) {
    return std::to_string(static_cast<int>(value));
  }

  static std::string value(const Datum& value) {
    return number(value.type()) + ":" + datum_text(value);
  }

  static std::string attribute(const Attribute& attribute) {
    return "[" + number(attribute.scope) + " " + number(attribute.intrinsic) +
           (attribute.of_parent ? " parent " : " ") + attribute.name + "]";
  }

  static std::string attributes(const std::vector<Attribute>& list) {
    std::string text;
    for (const Attribute& one : list) text += attribute(one);
    return text;
  }

  std::string pipeline(const Pipeline& pipeline) {
    std::string text;
    for (const Stage& one : pipeline.stages) text += "|" + stage(one);
    return text;
  }

  std::string stage(const Stage& stage) {
    if (const auto* inner = std::get_if<Spanset>(&stage)) return spanset(*inner);
    if (const auto* filter = std::get_if<ScalarFilter>(&stage)) {
      return "scalar(" + number(filter->op) + " " + scalar(filter->lhs) + " " +
             scalar(filter->rhs) + ")";
    }
    if (const auto* group = std::get_if<GroupBy>(&stage)) return "by(" + field(group->by) + ")";
    if (const auto* select = std::get_if<Select>(&stage)) {
      return "select(" + attributes(select->attributes) + ")";
    }
    return "coalesce";
  }

  std::string spanset(const Spanset& spanset) {
    if (const auto* filter = spanset.get_if<Filter>()) return "{" + field(filter->condition) + "}";
    if (const auto* node = spanset.get_if<Operation>()) {
      return "<" + number(node->op.relation) + "." + number(node->op.form) + " " +
             this->spanset(*node->lhs) + " " + this->spanset(*node->rhs) + ">";
    }
    return "<" + pipeline(**spanset.get_if<std::unique_ptr<Pipeline>>()) + ">";
  }

  std::string aggregate(const Aggregate& aggregate) {
    return "agg(" + number(aggregate.function) + " " + field(aggregate.of) + ")";
  }

  std::string scalar(const ScalarExpr& expression) {
    if (const auto* literal = std::get_if<Datum>(&expression.node)) return value(*literal);
    if (const auto* single = std::get_if<Aggregate>(&expression.node)) return aggregate(*single);
    if (const auto* node = std::get_if<ScalarExpr::Arithmetic>(&expression.node)) {
      return "(" + number(node->op) + " " + scalar(*node->lhs) + " " + scalar(*node->rhs) + ")";
    }
    const auto& wrapped = std::get<ScalarExpr::Wrapped>(expression.node);
    return "(" + pipeline(*wrapped.pipeline) + " " + aggregate(wrapped.aggregate) + ")";
  }

  std::string metric(const Metric& metric) {
    std::string text = " metric(" + number(metric.function) + " ";
    if (metric.of) text += attribute(*metric.of);
    for (const double q : metric.quantiles) text += " q" + datum_text(datum<double>(q));
    text += " by " + attributes(metric.by);
    if (const auto& comparison = metric.comparison) {
      text += field(comparison->selection) + " " + std::to_string(comparison->top);
      if (const auto& window = comparison->window) {
        text += " " + std::to_string(window->start_ns) + " " + std::to_string(window->end_ns);
      }
    }
    return text + ")";
  }
};

inline std::string dump(const Query& query) { return Dump().query(query); }

}  // namespace vivace::traceql::testing
