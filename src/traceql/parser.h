// The parser: one method per rule of the grammar, one token of look-ahead. Chains of operators are
// loops, so only nesting costs stack, and that has a limit.
//
// Where the grammar needs to know more than the next token (a parenthesis may open a spanset, a
// pipeline or a scalar), a method reads whatever stands there, and Item says what it was. The
// files: parser.cc tokens, root and hints; parse_pipeline.cc; parse_field.cc; parse_metric.cc.
//
// Made for one text and used once. The text must outlive it.
#pragma once

#include <optional>
#include <string_view>

#include "traceql/ast.h"
#include "traceql/lexer.h"
#include "traceql/traceql.h"

namespace vivace::traceql {

class Parser {
 public:
  Parser(std::string_view text, const Limits& limits);
  std::expected<Query, QueryError> run();

 private:
  // Why it failed is in error_: results stay small on the way up.
  struct Failed {};
  template <class T>
  using Parsed = std::expected<T, Failed>;

  // Whether operands of a chain are plain (`{ .a }`, `count()`) or pipelines in parentheses.
  enum class Operands : uint8_t { plain, wrapped };

  // What stands between parentheses, or makes up the part of a query before metrics and hints.
  struct Item {
    enum class Shape : uint8_t {
      spanset,   // { } && ({ })
      pipeline,  // { } | count() > 1         count() > 1
      wrapped,   // ({ } | { }) && ({ })
      scalar,    // count() + 1
      counted,   // { } | count()             becomes a wrapped scalar when the parenthesis ends
      wrapped_scalar,  // ({ } | count()) + ({ } | count())
      comparison,      // wrapped_scalar > 1
    };
    Shape shape = Shape::spanset;
    Spanset spanset{};    // spanset, wrapped
    Pipeline pipeline{};  // pipeline, counted, comparison
    ScalarExpr scalar{};  // scalar, counted, wrapped_scalar
  };
  enum class Want : uint8_t { anything, spansets, scalars };
  enum class Place : uint8_t { root, group };

  class Nesting;

  // Root and hints.
  Parsed<Query> query();
  Parsed<Pipeline> root_pipeline();
  Parsed<void> hints();
  Parsed<Hint> hint();

  // Pipelines, spansets, scalars.
  Parsed<Item> body(Place place);
  Parsed<Item> body_of_group(Item first, Place place);
  Parsed<Item> body_of_scalar(ScalarExpr first, Place place);
  Parsed<Item> group(Want want);
  Parsed<Item> pipeline_from(Stage first, Place place);
  Parsed<std::optional<Stage>> stage(Place place, Item& item);
  Parsed<Item> simple();
  Parsed<Item> simple_operand();
  Parsed<ScalarFilter> scalar_filter(ScalarExpr lhs, Operands rhs);
  Parsed<GroupBy> group_by();
  Parsed<Select> select();

  Parsed<Spanset> filter();
  Parsed<Spanset> spanset_expr(int min_level, Operands operands);
  Parsed<Spanset> spanset_operand(Operands operands);
  Parsed<Spanset> spanset_operators(Spanset lhs, int min_level, Operands operands);

  Parsed<ScalarExpr> scalar_expr(int min_level, Operands operands);
  Parsed<ScalarExpr> scalar_operand(Operands operands);
  Parsed<ScalarExpr> scalar_operators(ScalarExpr lhs, int min_level, Operands operands);
  Parsed<Aggregate> aggregate();
  Parsed<Datum> signed_number(std::string_view expecting);

  // One span.
  Parsed<FieldExpr> field_expr(int min_level);
  Parsed<FieldExpr> field_operand();
  Parsed<FieldExpr> field_operators(FieldExpr lhs, int min_level);
  Parsed<FieldExpr> nil_operand();
  Parsed<FieldExpr> negated(Op op);
  Parsed<Attribute> attribute();
  Parsed<Attribute> named_attribute();
  Parsed<Attribute> scoped_attribute();
  Parsed<std::vector<Attribute>> attributes();  // up to and with the closing parenthesis
  std::optional<Datum> literal() const;         // if the token at hand is one

  // Metrics.
  bool at_metric() const;
  Parsed<void> metric();
  Parsed<void> metric_arguments(Metric& metric);
  Parsed<void> quantiles(Metric& metric);
  Parsed<void> comparison(Metric& metric);
  Parsed<void> second_stages();
  Parsed<SecondStage> top();
  Parsed<SecondStage> threshold();
  Parsed<int64_t> integer();

  // Tokens and errors.
  Parsed<void> advance();
  bool at(std::string_view text) const;  // a key word, symbol or prefix
  bool at_any(std::initializer_list<std::string_view> texts) const;
  std::optional<Op> at_comparison() const;
  std::optional<Op> at_arithmetic() const;
  Parsed<void> expect(std::string_view text);
  Parsed<void> expect(std::string_view text, std::string_view expecting);
  std::unexpected<Failed> unexpected(std::string_view expecting = {});
  std::unexpected<Failed> unknown_or_unexpected();
  std::unexpected<Failed> refuse(ErrorKind kind, std::string message);
  Parsed<void> check_nesting();
  Parsed<void> check_height(int height);

  std::string_view text_;
  const Limits& limits_;
  Lexer lexer_;
  Token token_;  // look-ahead
  size_t tokens_ = 0;
  int nesting_ = 0;
  QueryError error_;
  Query query_;
};

// Counts one level of nesting while it lives.
class Parser::Nesting {
 public:
  explicit Nesting(Parser& parser) : parser_(parser) { ++parser_.nesting_; }
  ~Nesting() { --parser_.nesting_; }
  Nesting(const Nesting&) = delete;
  Nesting& operator=(const Nesting&) = delete;

 private:
  Parser& parser_;
};

}  // namespace vivace::traceql
