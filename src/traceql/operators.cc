// The tables of operators, and the rules which types they take. Lexer, parser, check and printer
// all read them here.
#include "traceql/operators.h"

#include <array>

namespace vivace::traceql {
namespace {

struct OpRow {
  Op op;
  std::string_view text;
  int level;
};

// In the order of the enum.
constexpr std::array<OpRow, 18> kOps = {{
    {Op::add, "+", kSum},
    {Op::subtract, "-", kSum},
    {Op::multiply, "*", kProduct},
    {Op::divide, "/", kProduct},
    {Op::modulo, "%", kProduct},
    {Op::power, "^", kPower},
    {Op::equal, "=", kComparison},
    {Op::not_equal, "!=", kComparison},
    {Op::less, "<", kComparison},
    {Op::less_equal, "<=", kComparison},
    {Op::greater, ">", kComparison},
    {Op::greater_equal, ">=", kComparison},
    {Op::matches, "=~", kComparison},
    {Op::not_matches, "!~", kComparison},
    {Op::both, "&&", kLogic},
    {Op::either, "||", kLogic},
    {Op::negate, "-", kSum},
    {Op::invert, "!", kInvert},
}};

// Rows in the order of Relation, columns in that of Form; && and || have one form.
constexpr std::array<std::array<std::string_view, 3>, 7> kRelations = {{
    {"&&", "", ""},
    {"||", "", ""},
    {">", "!>", "&>"},
    {">>", "!>>", "&>>"},
    {"<", "!<", "&<"},
    {"<<", "!<<", "&<<"},
    {"~", "!~", "&~"},
}};

Type element_of(Type array) {
  switch (array) {
    case Type::integers:
      return Type::integer;
    case Type::reals:
      return Type::real;
    case Type::strings:
      return Type::string;
    default:
      return Type::boolean;
  }
}

}  // namespace

int level_of(Op op) { return kOps[static_cast<size_t>(op)].level; }
std::string_view text_of(Op op) { return kOps[static_cast<size_t>(op)].text; }
bool is_comparison(Op op) { return op >= Op::equal && op <= Op::not_matches; }
Op mirrored(Op op) {
  switch (op) {
    case Op::less:
      return Op::greater;
    case Op::less_equal:
      return Op::greater_equal;
    case Op::greater:
      return Op::less;
    case Op::greater_equal:
      return Op::less_equal;
    default:
      return op;
  }
}

bool is_arithmetic(Op op) { return op <= Op::power || op == Op::negate; }

int level_of(SpansetOp op) { return op.relation <= Relation::either ? kLogic : kComparison; }
std::string_view text_of(SpansetOp op) {
  return kRelations[static_cast<size_t>(op.relation)][static_cast<size_t>(op.form)];
}

bool types_meet(Type a, Type b) {
  if (a == Type::unknown || b == Type::unknown || a == Type::nil || b == Type::nil) return true;
  if (a == b || (is_number(a) && is_number(b))) return true;
  if (is_array(a)) return types_meet(element_of(a), b);
  return is_array(b) && types_meet(a, element_of(b));
}

bool takes(Op op, Type type) {
  if (is_array(type)) type = element_of(type);
  const bool equality = op == Op::equal || op == Op::not_equal;
  const bool order = op >= Op::less && op <= Op::greater_equal;
  switch (type) {
    case Type::unknown:
      return true;
    case Type::boolean:
      return equality || op == Op::both || op == Op::either || op == Op::invert;
    case Type::integer:
    case Type::real:
    case Type::duration:
      return equality || order || is_arithmetic(op);
    case Type::string:
      return equality || order || op == Op::matches || op == Op::not_matches;
    default:
      return equality;
  }
}

Type type_of(Op op, Type a, Type b) {
  if (!is_arithmetic(op)) return Type::boolean;
  return a == Type::unknown ? b : a;
}

}  // namespace vivace::traceql
