// The tree that a filter is compiled into. Private to filter*.cc.
//
// A condition on an attribute and a literal is a `test`: one predicate, asked of columns. Chains of
// && (and of ||) are one node with many operands, so that depth is that of parentheses alone.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "query/predicate.h"
#include "query/row_values.h"
#include "traceql/ast.h"

namespace vivace {

// Which single belongings of a span a subtree looks at.
constexpr uint8_t kUsesEvent = 1;
constexpr uint8_t kUsesLink = 2;

// What is cheap goes first in a chain of &&.
enum class Cost : uint8_t { columns, rows, traces };

struct FilterNode {
  enum class Form : uint8_t {
    literal,
    attribute,  // its value; as a condition: whether it is true
    test,       // predicate(attribute); with `negated`: whether it is absent
    both,
    either,
    invert,
    negate,
    is_nil,  // `operand = nil`; with `negated`: `!= nil`
    combine  // any other binary operator
  };

  Form form = Form::literal;
  traceql::Op op = traceql::Op::equal;
  bool negated = false;
  bool always_boolean = false;
  bool may_fail = false;
  uint8_t uses = 0;
  Cost cost = Cost::columns;
  traceql::Datum literal;
  traceql::Attribute attribute;
  std::optional<Predicate> predicate;  // test and attribute
  std::vector<std::unique_ptr<FilterNode>> operands;
  std::string text;  // for the message of a failure

  // What tables of resources and scopes, and traces, answered: for the part of this serial.
  struct Kept {
    uint64_t serial = 0;
    std::optional<Bits> table;  // by resource or scope
    boost::unordered_flat_map<uint32_t, bool> traces;
  } kept;
};

std::unique_ptr<FilterNode> make_node(const traceql::FieldExpr& expression);
// Patterns of trees that nobody checked, so that making nodes cannot fail.
Result<void> check_patterns(const traceql::FieldExpr& expression);

template <class Take>
void each_attribute(const FilterNode& node, Take take) {
  if (node.form == FilterNode::Form::test || node.form == FilterNode::Form::attribute)
    take(node.attribute);
  for (const auto& operand : node.operands) each_attribute(*operand, take);
}

// Evaluates nodes for one row group. Bits are those of owners of one kind (spans, events, links),
// numbered from the first of the group; a result lies within its mask.
class FilterRun {
 public:
  FilterRun(GroupColumns& group, TraceValues* maybe_traces)
      : group_(group), maybe_traces_(maybe_traces), loop_(group.part().control()) {}

  // The spans of the mask for which some event and some link make the node true.
  Result<Bits> spans(FilterNode& node, Bits mask);

  // The value for one row.
  Result<traceql::Datum> value(const FilterNode& node, const Cursor& at);
  Result<bool> holds(const FilterNode& node, const Cursor& at);
  // That of the first event and link, if it uses them, for which it is not nil.
  Result<traceql::Datum> first_value(const FilterNode& node, uint32_t row);
  // The first event and link, if the nodes use them, for which all of them hold.
  using Nodes = std::vector<FilterNode*>;
  Result<std::optional<Cursor>> witness(const Nodes& nodes, uint32_t row);

  Cursor at(uint32_t row) { return {.group = &group_, .maybe_traces = maybe_traces_, .row = row}; }

 private:
  // All of the nodes, of one event and one link.
  Result<Bits> spans_of_all(const Nodes& nodes, Bits mask);
  Result<Bits> spans_with(const Nodes& nodes, Scope belonging, const Bits& mask);
  Result<Bits> in_turn(const Nodes& nodes, Scope domain, Bits mask);
  Result<bool> all_hold(const Nodes& nodes, const Cursor& at);
  Result<Bits> all_rows(const Nodes& nodes, const Bits& mask);

  Result<Bits> eval(FilterNode& node, Scope domain, const Bits& mask);
  Result<Bits> all_of(FilterNode& node, Scope domain, const Bits& mask);
  Result<Bits> any_of(FilterNode& node, Scope domain, const Bits& mask);
  Result<Bits> by_spans(FilterNode& node, Scope domain, const Bits& mask);
  Result<Bits> each_row(const FilterNode& node, Scope domain, const Bits& mask);
  Result<Bits> test(FilterNode& node, Scope domain, const Bits& mask);
  Result<Bits> passing(FilterNode& node, const Bits& mask);

  // filter_columns.cc: all owners whose value passes, whatever the mask.
  Result<Bits> attribute_bits(FilterNode& node, Scope owner);
  // Whether the part knows that no value of the row group passes.
  bool is_ruled_out(const FilterNode& node, Scope owner);
  bool is_ruled_out(Field field, const Predicate& predicate);
  Result<Bits> unscoped_bits(FilterNode& node);
  Result<Bits> table_rows(FilterNode& node, Scope table);
  Result<const Bits*> table_bits(FilterNode& node, Scope table);
  Result<Bits> scope_text_bits(Field field, Predicate& predicate);
  Result<Bits> intrinsic_bits(FilterNode& node, const Bits& mask);
  Result<Bits> text_bits(Field field, Predicate& predicate, bool dense);
  Result<Bits> enum_bits(FilterNode& node);
  Result<Bits> duration_bits(Predicate& predicate);
  Result<Bits> id_bits(Field field, Predicate& predicate, const Bits& mask);
  Result<Bits> since_start_bits(Predicate& predicate);
  Result<Bits> link_trace_bits(Predicate& predicate, const Bits& mask);
  Result<Bits> trace_bits(FilterNode& node, const Bits& mask);
  Result<Bits> tree_bits(FilterNode& node, const Bits& mask);
  // `a < b` of numbers that every span has; nothing if it is anything else.
  Result<std::optional<Bits>> compare_columns(const FilterNode& node, const Bits& mask);
  Result<bool> whole_numbers(const FilterNode& node, const Bits& mask, std::vector<int64_t>& out);

  // The spans that own the events or links of `bits`, and the other way round.
  Result<Bits> to_spans(Scope domain, const Bits& bits);
  Result<Bits> from_spans(Scope domain, const Bits& bits);
  Result<Bits> owning_spans(Scope domain);

  Bits empty(Scope domain) const { return Bits(group_.owners(domain).count); }

  GroupColumns& group_;
  TraceValues* maybe_traces_;
  ControlledLoop loop_;  // over single rows, events and links
};

}  // namespace vivace
