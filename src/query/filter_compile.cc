// From the tree of the language to that of the filter: chains are flattened, `attribute op literal`
// becomes a predicate, and operands of && that cannot fail are put in order of their cost.
#include <algorithm>

#include "query/filter_node.h"
#include "query/stored_values.h"
#include "traceql/traceql.h"

namespace vivace {
namespace {

using traceql::Attribute;
using traceql::Binary;
using traceql::Datum;
using traceql::FieldExpr;
using traceql::Intrinsic;
using traceql::Op;
using Form = FilterNode::Form;
using Made = std::unique_ptr<FilterNode>;

constexpr int kTextHeightMax = 32;  // of an expression that a message repeats

uint8_t uses_of(const Attribute& attribute) {
  const Scope owner = owner_of(attribute);
  if (owner == Scope::event) return kUsesEvent;
  return owner == Scope::link ? kUsesLink : 0;
}

Cost cost_of(const Attribute& attribute) {
  const bool whole = is_of_trace(attribute.intrinsic) || is_of_tree(attribute.intrinsic);
  return whole ? Cost::traces : Cost::columns;
}

Made attribute_node(Form form, const Attribute& attribute, Predicate predicate) {
  auto out = std::make_unique<FilterNode>();
  out->form = form;
  out->attribute = attribute;
  out->always_boolean = form == Form::test;
  out->uses = uses_of(attribute);
  out->cost = cost_of(attribute);
  if (attribute.intrinsic == Intrinsic::trace_id) predicate.ignore_leading_zeros();
  out->predicate = std::move(predicate);
  return out;
}

Made test_node(Op op, const Attribute& attribute, const Datum& literal, bool literal_first) {
  auto predicate = Predicate::compare(op, literal, literal_first);
  ASSERT(predicate);  // the check has compiled the pattern
  return attribute_node(Form::test, attribute, std::move(*predicate));
}

void adopt(FilterNode& node, Made operand) {
  node.may_fail = node.may_fail || operand->may_fail;
  node.uses = static_cast<uint8_t>(node.uses | operand->uses);
  node.cost = std::max(node.cost, operand->cost);
  node.operands.push_back(std::move(operand));
}

// One that goes row by row.
Made computed_node(Form form, Op op, const FieldExpr& expression) {
  auto out = std::make_unique<FilterNode>();
  out->form = form;
  out->op = op;
  out->may_fail = true;
  out->cost = Cost::rows;
  if (expression.height <= kTextHeightMax) out->text = traceql::canonical(expression);
  return out;
}

// The operands of a chain, from the left.
void collect(Op op, const FieldExpr& expression, std::vector<const FieldExpr*>& out) {
  const FieldExpr* at = &expression;
  std::vector<const FieldExpr*> reversed;
  for (const Binary* binary = at->get_if<Binary>(); binary != nullptr && binary->op == op;
       binary = at->get_if<Binary>()) {
    reversed.push_back(binary->rhs.get());
    at = binary->lhs.get();
  }
  out.push_back(at);
  out.insert(out.end(), reversed.rbegin(), reversed.rend());
}

// Equal ones keep their order.
void cheapest_first(std::vector<Made>& operands) {
  std::vector<Made> out;
  for (const Cost cost : {Cost::columns, Cost::rows, Cost::traces}) {
    for (Made& operand : operands) {
      if (operand != nullptr && operand->cost == cost) out.push_back(std::move(operand));
    }
  }
  operands = std::move(out);
}

Made chain_node(Op op, const FieldExpr& expression) {
  auto out = std::make_unique<FilterNode>();
  out->form = op == Op::both ? Form::both : Form::either;
  out->op = op;
  out->always_boolean = true;
  std::vector<const FieldExpr*> operands;
  collect(op, expression, operands);
  for (const FieldExpr* operand : operands) adopt(*out, make_node(*operand));
  if (!out->may_fail) cheapest_first(out->operands);
  return out;
}

Made binary_node(const Binary& binary, const FieldExpr& expression) {
  if (binary.op == Op::both || binary.op == Op::either) return chain_node(binary.op, expression);
  const auto* left = binary.lhs->get_if<Attribute>();
  const auto* right = binary.rhs->get_if<Attribute>();
  const auto* left_literal = binary.lhs->get_if<Datum>();
  const auto* right_literal = binary.rhs->get_if<Datum>();
  if (traceql::is_comparison(binary.op)) {
    if (left != nullptr && right_literal != nullptr) {
      return test_node(binary.op, *left, *right_literal, false);
    }
    if (right != nullptr && left_literal != nullptr) {
      return test_node(binary.op, *right, *left_literal, true);
    }
  }
  Made out = computed_node(Form::combine, binary.op, expression);
  out->always_boolean = traceql::is_comparison(binary.op);
  adopt(*out, make_node(*binary.lhs));
  adopt(*out, make_node(*binary.rhs));
  if (right_literal != nullptr && (binary.op == Op::matches || binary.op == Op::not_matches)) {
    auto pattern = Predicate::compare(binary.op, *right_literal, false);
    ASSERT(pattern);
    out->predicate = std::move(*pattern);
  }
  return out;
}

Made unary_node(const traceql::Unary& unary, const FieldExpr& expression) {
  Made operand = make_node(*unary.operand);
  if (unary.op == Op::invert && operand->always_boolean) {
    auto out = std::make_unique<FilterNode>();
    out->form = Form::invert;
    out->op = unary.op;
    out->always_boolean = true;
    adopt(*out, std::move(operand));
    return out;
  }
  Made out =
      computed_node(unary.op == Op::invert ? Form::invert : Form::negate, unary.op, expression);
  adopt(*out, std::move(operand));
  return out;
}

Made nil_node(const traceql::NilTest& test) {
  if (const auto* attribute = test.operand->get_if<Attribute>()) {
    Made out = attribute_node(Form::test, *attribute, Predicate::present());
    out->negated = test.wants_nil;
    return out;
  }
  auto out = std::make_unique<FilterNode>();
  out->form = Form::is_nil;
  out->negated = !test.wants_nil;
  out->always_boolean = true;
  adopt(*out, make_node(*test.operand));
  out->cost = std::max(out->cost, Cost::rows);
  return out;
}

}  // namespace

std::unique_ptr<FilterNode> make_node(const FieldExpr& expression) {
  if (const auto* attribute = expression.get_if<Attribute>()) {
    return attribute_node(Form::attribute, *attribute, Predicate::truth());
  }
  if (const auto* binary = expression.get_if<Binary>()) return binary_node(*binary, expression);
  if (const auto* unary = expression.get_if<traceql::Unary>())
    return unary_node(*unary, expression);
  if (const auto* test = expression.get_if<traceql::NilTest>()) return nil_node(*test);
  auto out = std::make_unique<FilterNode>();
  out->literal = *expression.get_if<Datum>();
  out->always_boolean = out->literal.type() == traceql::Type::boolean;
  return out;
}

}  // namespace vivace
