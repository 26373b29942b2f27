// Printing of queries, pipelines, spansets, scalars and metrics; expressions on one span are in
// print_field.cc.
#include "traceql/printer.h"

#include <fmt/format.h>

#include "traceql/traceql.h"

namespace vivace::traceql {
namespace {

// Without a pipeline as operand anywhere.
bool is_plain(const Spanset& spanset) {
  if (const auto* operation = spanset.get_if<Operation>()) {
    return is_plain(*operation->lhs) && is_plain(*operation->rhs);
  }
  return spanset.get_if<Filter>() != nullptr;
}

}  // namespace

void Printer::query(const Query& query) {
  pipeline(query.pipeline);
  if (query.metric) metric(*query.metric);
  for (const SecondStage& stage : query.second_stages) second_stage(stage);
  if (!query.hints.empty()) hints(query.hints);
}

void Printer::pipeline(const Pipeline& pipeline) {
  for (size_t i = 0; i < pipeline.stages.size(); ++i) {
    if (i > 0) put(exact_ ? " | " : "|");
    stage(pipeline.stages[i]);
  }
}

void Printer::stage(const Stage& stage) {
  if (const auto* inner = std::get_if<Spanset>(&stage)) {
    spanset(*inner);
  } else if (const auto* filter = std::get_if<ScalarFilter>(&stage)) {
    scalar_operand(filter->lhs, kComparison);
    put(" ");
    put(text_of(filter->op));
    put(" ");
    scalar_operand(filter->rhs, kComparison);
  } else if (const auto* group = std::get_if<GroupBy>(&stage)) {
    put("by(");
    field(group->by);
    put(")");
  } else if (const auto* select = std::get_if<Select>(&stage)) {
    put("select(");
    attributes(select->attributes, ", ");
    put(")");
  } else {
    put("coalesce()");
  }
}

void Printer::spanset(const Spanset& spanset) {
  if (const auto* filter = spanset.get_if<Filter>()) {
    put("{ ");
    field(filter->condition);
    put(" }");
  } else if (const auto* node = spanset.get_if<Operation>()) {
    operation(*node);
  } else {
    put("(");
    pipeline(**spanset.get_if<std::unique_ptr<Pipeline>>());
    put(")");
  }
}

void Printer::operation(const Operation& operation) {
  const bool all_plain = is_plain(*operation.lhs) && is_plain(*operation.rhs);
  operand(*operation.lhs, operation.op, true, all_plain);
  put(" ");
  put(text_of(operation.op));
  put(" ");
  operand(*operation.rhs, operation.op, false, all_plain);
}

// Beside a pipeline, plain spansets stand in parentheses too. Operations that the grammar nests by
// itself must stay without: in `(A | B) && (C) > (D | E)` a parenthesis before (C) would settle its
// content for plain spansets.
void Printer::operand(const Spanset& spanset, SpansetOp op, bool left, bool all_plain) {
  bool parentheses = true;
  const auto* inner = spanset.get_if<Operation>();
  if (spanset.get_if<std::unique_ptr<Pipeline>>() != nullptr) {
    parentheses = false;  // it brings its own
  } else if (exact_ && (all_plain || !is_plain(spanset))) {
    const int min_level = level_of(op) + (left ? 0 : 1);
    parentheses = inner != nullptr && level_of(inner->op) < min_level;
  }
  enclose(parentheses, {}, [&](Slot) { this->spanset(spanset); });
}

void Printer::scalar(const ScalarExpr& expression) { scalar_operand(expression, 0); }

void Printer::scalar_operand(const ScalarExpr& expression, int min_level) {
  if (const auto* number = std::get_if<Datum>(&expression.node)) {
    literal(*number, {});
  } else if (const auto* single = std::get_if<Aggregate>(&expression.node)) {
    enclose(!exact_ && min_level > 0, {}, [&](Slot) { aggregate(*single); });
  } else if (const auto* wrapped = std::get_if<ScalarExpr::Wrapped>(&expression.node)) {
    put("(");
    pipeline(*wrapped->pipeline);
    put(exact_ ? " | " : "|");
    aggregate(wrapped->aggregate);
    put(")");
  } else {
    const auto& node = std::get<ScalarExpr::Arithmetic>(expression.node);
    const int level = level_of(node.op);
    const int right = node.op == Op::power ? 0 : 1;
    const bool loose = exact_ ? level < min_level : min_level > 0;
    enclose(loose, {}, [&](Slot) {
      scalar_operand(*node.lhs, level + 1 - right);
      put(" ");
      put(text_of(node.op));
      put(" ");
      scalar_operand(*node.rhs, level + right);
    });
  }
}

void Printer::aggregate(const Aggregate& aggregate) {
  put(text_of(aggregate.function));
  put("(");
  if (aggregate.function != Aggregate::Function::count) field(aggregate.of);
  put(")");
}

void Printer::metric(const Metric& metric) {
  put(" | ");
  put(text_of(metric.function));
  put("(");
  if (metric.of) attribute(*metric.of);
  for (const double quantile : metric.quantiles) {
    put(exact_ ? ", " + datum_text(datum<double>(quantile)) : fmt::format(",{:.5f}", quantile));
  }
  if (metric.comparison) comparison(*metric.comparison);
  put(")");
  if (metric.by.empty()) return;
  put(exact_ ? " by(" : "by(");
  attributes(metric.by, exact_ ? ", " : ",");
  put(")");
}

void Printer::comparison(const Comparison& comparison) {
  put("{ ");
  field(comparison.selection);
  put(" }");
  if (comparison.top != Comparison().top || comparison.window) {
    put(fmt::format(", {}", comparison.top));
  }
  if (comparison.window) {
    put(fmt::format(", {}, {}", comparison.window->start_ns, comparison.window->end_ns));
  }
}

void Printer::second_stage(const SecondStage& stage) {
  using enum SecondStage::Function;
  if (stage.function == compare) {
    const auto value = exact_ ? datum_text(datum<double>(stage.value)) : real_text(stage.value);
    put(fmt::format(" {} {}", text_of(stage.op), value));
  } else {
    put(fmt::format(" | {}({})", stage.function == topk ? "topk" : "bottomk", stage.limit));
  }
}

void Printer::hints(const std::vector<Hint>& hints) {
  put(" with(");
  for (size_t i = 0; i < hints.size(); ++i) {
    if (i > 0) put(exact_ ? ", " : ",");
    put(hints[i].name);
    put("=");
    literal(hints[i].value, {});
  }
  put(")");
}

void Printer::attributes(const std::vector<Attribute>& list, std::string_view separator) {
  for (size_t i = 0; i < list.size(); ++i) {
    if (i > 0) put(separator);
    attribute(list[i]);
  }
}

namespace {

template <class T>
std::string print(Printer::Style style, void (Printer::*how)(const T&), const T& what) {
  Printer printer(style);
  (printer.*how)(what);
  return printer.take();
}

}  // namespace

std::string to_text(const Query& query) {
  return print(Printer::Style::exact, &Printer::query, query);
}

std::string canonical(const Query& query) {
  return print(Printer::Style::canonical, &Printer::query, query);
}

std::string canonical(const FieldExpr& expression) {
  return print<FieldExpr>(Printer::Style::canonical, &Printer::field, expression);
}

std::string canonical(const Attribute& attribute) {
  return print(Printer::Style::canonical, &Printer::attribute, attribute);
}

std::string canonical(const Aggregate& aggregate) {
  return print(Printer::Style::canonical, &Printer::aggregate, aggregate);
}

std::string canonical(const ScalarExpr& expression) {
  return print(Printer::Style::canonical, &Printer::scalar, expression);
}

}  // namespace vivace::traceql
