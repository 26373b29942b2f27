// Pipelines, spansets and scalars:
//
//   pipeline     = first { "|" stage }
//   first        = spansetExpr | scalarFilter | "by" "(" fieldExpr ")" | "select" "(" attribute,
//   ... ")" stage        = first | "coalesce" "(" ")" wrapped      = "(" pipeline ")" | wrapped
//   spansetOp wrapped | "(" wrapped ")" spansetExpr  = filter | spansetExpr spansetOp spansetExpr |
//   "(" spansetExpr ")" scalarFilter = scalarExpr cmp scalarExpr scalarExpr   = aggregate | ["-"]
//   number | scalarExpr op scalarExpr | "(" scalarExpr ")"
//
// A plain `({ .a })` settles for spansetExpr: what follows its operators may not be a pipeline.
#include <algorithm>

#include "traceql/parser.h"

namespace vivace::traceql {
namespace {

std::optional<SpansetOp> spanset_op(const Token& token) {
  if (token.kind != Tok::symbol) return std::nullopt;
  using enum Relation;
  for (const Relation relation : {both, either, child, descendant, parent, ancestor, sibling}) {
    for (const Form form : {Form::plain, Form::negated, Form::united}) {
      if (text_of(SpansetOp{relation, form}) == token.text) return SpansetOp{relation, form};
    }
  }
  return std::nullopt;
}

std::optional<Aggregate::Function> aggregate_of(const Token& token) {
  if (token.kind != Tok::word) return std::nullopt;
  using enum Aggregate::Function;
  for (const auto function : {count, min, max, avg, sum}) {
    if (text_of(function) == token.text) return function;
  }
  return std::nullopt;
}

int height_of(const Stage& stage) {
  if (const auto* spanset = std::get_if<Spanset>(&stage)) return spanset->height;
  if (const auto* filter = std::get_if<ScalarFilter>(&stage)) {
    return std::max(filter->lhs.height, filter->rhs.height);
  }
  if (const auto* group = std::get_if<GroupBy>(&stage)) return group->by.height;
  return 1;
}

int height_of(const Pipeline& pipeline) {
  int height = 1;
  for (const Stage& stage : pipeline.stages) height = std::max(height, height_of(stage));
  return height;
}

}  // namespace

Parser::Parsed<Parser::Item> Parser::body(Place place) {
  if (at("{")) {
    Spanset first = TRY(filter());
    return body_of_group({.shape = Item::Shape::spanset, .spanset = std::move(first)}, place);
  }
  if (at("(")) {
    Item first = TRY(group(Want::anything));
    return body_of_group(std::move(first), place);
  }
  if (at("by")) return pipeline_from(TRY(group_by()), place);
  if (at("select")) return pipeline_from(TRY(select()), place);
  ScalarExpr first = TRY(scalar_operand(Operands::plain));
  return body_of_scalar(std::move(first), place);
}

// Goes on after what a parenthesis held, or after a first filter.
Parser::Parsed<Parser::Item> Parser::body_of_group(Item first, Place place) {
  using enum Item::Shape;
  switch (first.shape) {
    case spanset:
      first.spanset = TRY(spanset_operators(std::move(first.spanset), 0, Operands::plain));
      if (!at("|")) return first;
      return pipeline_from(std::move(first.spanset), place);
    case scalar:
      return body_of_scalar(std::move(first.scalar), place);
    case wrapped_scalar:
      first.scalar = TRY(scalar_operators(std::move(first.scalar), 0, Operands::wrapped));
      if (place == Place::root && at_comparison()) {
        auto compared = TRY(scalar_filter(std::move(first.scalar), Operands::wrapped));
        first.pipeline.stages.emplace_back(std::move(compared));
        first.shape = comparison;
      }
      return first;
    default:
      first.spanset = TRY(spanset_operators(std::move(first.spanset), 0, Operands::wrapped));
      return first;
  }
}

Parser::Parsed<Parser::Item> Parser::body_of_scalar(ScalarExpr first, Place place) {
  first = TRY(scalar_operators(std::move(first), 0, Operands::plain));
  if (place == Place::group && at(")")) {
    return Item{.shape = Item::Shape::scalar, .scalar = std::move(first)};
  }
  if (!at_comparison()) return unexpected();
  return pipeline_from(TRY(scalar_filter(std::move(first), Operands::plain)), place);
}

Parser::Parsed<Parser::Item> Parser::group(Want want) {
  using enum Item::Shape;
  const Nesting nesting(*this);
  CHECK_OK(check_nesting());
  CHECK_OK(expect("("));
  Item inner = TRY(body(Place::group));

  const bool is_scalar = inner.shape >= scalar;
  const bool fits = want == Want::anything ||
                    (want == Want::spansets ? !is_scalar : is_scalar && inner.shape != scalar);
  if (!fits) return unexpected(want == Want::scalars && inner.shape == pipeline ? "|" : "");
  CHECK_OK(expect(")", inner.shape == pipeline ? ") or |" : ""));

  const int height = height_of(inner.pipeline) + 1;
  CHECK_OK(check_height(height));
  if (inner.shape == pipeline) {
    auto boxed = std::make_unique<Pipeline>(std::move(inner.pipeline));
    return Item{.shape = wrapped, .spanset = {.node = std::move(boxed), .height = height}};
  }
  if (inner.shape == counted) {
    auto boxed = std::make_unique<Pipeline>(std::move(inner.pipeline));
    auto& aggregate = std::get<Aggregate>(inner.scalar.node);
    ScalarExpr::Wrapped scalar{std::move(boxed), std::move(aggregate)};
    return Item{.shape = wrapped_scalar, .scalar = {.node = std::move(scalar), .height = height}};
  }
  return inner;
}

Parser::Parsed<Parser::Item> Parser::pipeline_from(Stage first, Place place) {
  Item item{.shape = Item::Shape::pipeline};
  item.pipeline.stages.push_back(std::move(first));
  while (at("|")) {
    CHECK_OK(advance());
    if (place == Place::root && at_metric()) {
      CHECK_OK(metric());
      break;
    }
    auto next = TRY(stage(place, item));
    if (!next) break;
    item.pipeline.stages.push_back(*std::move(next));
  }
  return item;
}

// Nothing if it was a bare aggregate that ends a group: `item` is then counted.
Parser::Parsed<std::optional<Stage>> Parser::stage(Place place, Item& item) {
  if (at("by")) return TRY(group_by());
  if (at("select")) return TRY(select());
  if (at("coalesce")) {
    CHECK_OK(advance());
    CHECK_OK(expect("("));
    CHECK_OK(expect(")"));
    return Coalesce();
  }
  Item next = TRY(simple());
  if (next.shape == Item::Shape::spanset) return std::move(next.spanset);
  if (at_comparison()) return TRY(scalar_filter(std::move(next.scalar), Operands::plain));
  const bool bare = std::holds_alternative<Aggregate>(next.scalar.node);
  if (place != Place::group || !at(")") || !bare) return unexpected();
  item.shape = Item::Shape::counted;
  item.scalar = std::move(next.scalar);
  return std::nullopt;
}

// A stage that is not a word: a spanset or a scalar, in whose parentheses no pipeline may stand.
Parser::Parsed<Parser::Item> Parser::simple() {
  const Nesting nesting(*this);
  CHECK_OK(check_nesting());
  Item item = TRY(simple_operand());
  if (item.shape == Item::Shape::spanset) {
    item.spanset = TRY(spanset_operators(std::move(item.spanset), 0, Operands::plain));
  } else {
    item.scalar = TRY(scalar_operators(std::move(item.scalar), 0, Operands::plain));
  }
  return item;
}

Parser::Parsed<Parser::Item> Parser::simple_operand() {
  if (at("{")) return Item{.shape = Item::Shape::spanset, .spanset = TRY(filter())};
  if (!at("(")) {
    return Item{.shape = Item::Shape::scalar, .scalar = TRY(scalar_operand(Operands::plain))};
  }
  CHECK_OK(advance());
  Item inner = TRY(simple());
  CHECK_OK(expect(")", {}));
  return inner;
}

Parser::Parsed<ScalarFilter> Parser::scalar_filter(ScalarExpr lhs, Operands rhs) {
  const Op op = *at_comparison();
  CHECK_OK(advance());
  if (rhs == Operands::wrapped && !at("(")) {  // a wrapped scalar against a number
    return ScalarFilter{op, std::move(lhs), {.node = TRY(signed_number({}))}};
  }
  ScalarExpr right = TRY(scalar_expr(0, rhs));
  return ScalarFilter{op, std::move(lhs), std::move(right)};
}

Parser::Parsed<GroupBy> Parser::group_by() {
  CHECK_OK(advance());
  CHECK_OK(expect("("));
  GroupBy group{TRY(field_expr(0))};
  CHECK_OK(expect(")", {}));
  return group;
}

Parser::Parsed<Select> Parser::select() {
  CHECK_OK(advance());
  CHECK_OK(expect("("));
  return Select{TRY(attributes())};
}

// ------------------------------------------------------------------------------------- spansets

Parser::Parsed<Spanset> Parser::filter() {
  CHECK_OK(expect("{"));
  FieldExpr condition{.node = datum<bool>(true)};
  if (!at("}")) condition = TRY(field_expr(0));
  CHECK_OK(expect("}", {}));
  const int height = condition.height + 1;
  return Spanset{.node = Filter{std::move(condition)}, .height = height};
}

Parser::Parsed<Spanset> Parser::spanset_expr(int min_level, Operands operands) {
  const Nesting nesting(*this);
  CHECK_OK(check_nesting());
  Spanset first = TRY(spanset_operand(operands));
  return spanset_operators(std::move(first), min_level, operands);
}

Parser::Parsed<Spanset> Parser::spanset_operand(Operands operands) {
  if (operands == Operands::wrapped) {
    Item item = TRY(group(Want::spansets));
    return std::move(item.spanset);
  }
  if (at("{")) return filter();
  if (!at("(")) return unexpected("{ or (");
  CHECK_OK(advance());
  Spanset inner = TRY(spanset_expr(0, operands));
  CHECK_OK(expect(")", {}));
  return inner;
}

Parser::Parsed<Spanset> Parser::spanset_operators(Spanset lhs, int min_level, Operands operands) {
  for (auto op = spanset_op(token_); op && level_of(*op) >= min_level; op = spanset_op(token_)) {
    CHECK_OK(advance());
    Spanset rhs = TRY(spanset_expr(level_of(*op) + 1, operands));
    const int height = std::max(lhs.height, rhs.height) + 1;
    CHECK_OK(check_height(height));
    Operation operation{*op, std::make_unique<Spanset>(std::move(lhs)),
                        std::make_unique<Spanset>(std::move(rhs))};
    lhs = Spanset{.node = std::move(operation), .height = height};
  }
  return lhs;
}

// ------------------------------------------------------------------------------------- scalars

Parser::Parsed<ScalarExpr> Parser::scalar_expr(int min_level, Operands operands) {
  const Nesting nesting(*this);
  CHECK_OK(check_nesting());
  ScalarExpr first = TRY(scalar_operand(operands));
  return scalar_operators(std::move(first), min_level, operands);
}

Parser::Parsed<ScalarExpr> Parser::scalar_operand(Operands operands) {
  if (operands == Operands::wrapped) {
    Item item = TRY(group(Want::scalars));
    return std::move(item.scalar);
  }
  if (at("(")) {
    CHECK_OK(advance());
    ScalarExpr inner = TRY(scalar_expr(0, operands));
    CHECK_OK(expect(")", {}));
    return inner;
  }
  if (aggregate_of(token_)) {
    Aggregate aggregated = TRY(aggregate());
    const int height = aggregated.of.height + 1;
    return ScalarExpr{.node = std::move(aggregated), .height = height};
  }
  return ScalarExpr{.node = TRY(signed_number({}))};
}

Parser::Parsed<ScalarExpr> Parser::scalar_operators(ScalarExpr lhs, int min_level,
                                                    Operands operands) {
  for (auto op = at_arithmetic(); op && level_of(*op) >= min_level; op = at_arithmetic()) {
    CHECK_OK(advance());
    ScalarExpr rhs = TRY(scalar_expr(level_of(*op) + (*op == Op::power ? 0 : 1), operands));
    const int height = std::max(lhs.height, rhs.height) + 1;
    CHECK_OK(check_height(height));
    ScalarExpr::Arithmetic node{*op, std::make_unique<ScalarExpr>(std::move(lhs)),
                                std::make_unique<ScalarExpr>(std::move(rhs))};
    lhs = ScalarExpr{.node = std::move(node), .height = height};
  }
  return lhs;
}

Parser::Parsed<Aggregate> Parser::aggregate() {
  Aggregate aggregate{.function = *aggregate_of(token_)};
  CHECK_OK(advance());
  CHECK_OK(expect("("));
  const bool counts = aggregate.function == Aggregate::Function::count;
  if (!counts) aggregate.of = TRY(field_expr(0));
  CHECK_OK(expect(")", counts ? ")" : ""));
  return aggregate;
}

}  // namespace vivace::traceql
