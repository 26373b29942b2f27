// Trees as text, in one of two styles. The canonical one puts every operand that is an operation in
// parentheses and escapes nothing. The exact one reads back to the same tree: it escapes what needs
// it and has no more parentheses than the grammar asks for, so that text does not nest deeper than
// the query that it came from.
#pragma once

#include <string>

#include "traceql/ast.h"

namespace vivace::traceql {

class Printer {
 public:
  enum class Style : uint8_t { canonical, exact };
  explicit Printer(Style style) : exact_(style == Style::exact) {}

  std::string take() { return std::move(out_); }

  void query(const Query& query);
  void pipeline(const Pipeline& pipeline);
  void aggregate(const Aggregate& aggregate);
  void scalar(const ScalarExpr& expression);
  void field(const FieldExpr& expression);
  void attribute(const Attribute& attribute);

 private:
  // Where an expression stands: it needs parentheses if it binds looser than `min_level`, or if it
  // ends in a prefix operator that would swallow the operator of `next_level` behind it.
  struct Slot {
    int min_level = 0;
    int next_level = 0;
  };
  static constexpr int kTightest = 100;

  void stage(const Stage& stage);
  void spanset(const Spanset& spanset);
  void operation(const Operation& operation);
  void operand(const Spanset& spanset, SpansetOp op, bool left, bool all_plain);
  void scalar_operand(const ScalarExpr& expression, int min_level);
  void metric(const Metric& metric);
  void comparison(const Comparison& comparison);
  void second_stage(const SecondStage& stage);
  void hints(const std::vector<Hint>& hints);
  void attributes(const std::vector<Attribute>& list, std::string_view separator);

  void field(const FieldExpr& expression, Slot slot);
  void unary(const Unary& unary, Slot slot);
  void binary(const Binary& binary, Slot slot);
  void literal(const Datum& value, Slot slot);
  void exact_string(const std::string& value);
  void name(const Attribute& attribute);

  // Prints `inner` with an open slot if it stands in parentheses, else with `slot`.
  template <class Print>
  void enclose(bool parentheses, Slot slot, Print inner) {
    if (parentheses) put("(");
    inner(parentheses ? Slot() : slot);
    if (parentheses) put(")");
  }
  void put(std::string_view text) { out_ += text; }

  bool exact_;
  std::string out_;
};

}  // namespace vivace::traceql
