// Expressions on one span:
//
//   fieldExpr = literal | attribute | "(" fieldExpr ")" | fieldExpr op fieldExpr
//             | "-" fieldExpr | "!" fieldExpr
//             | fieldExpr ( "=" | "!=" ) "nil" | "nil" ( "=" | "!=" ) ( fieldExpr | "nil" )
//
// A prefix operator takes all that binds tighter than itself, wherever it stands: -.a * .b is -(.a
// * .b).
#include <limits>

#include "traceql/fold.h"
#include "traceql/parser.h"

namespace vivace::traceql {
namespace {

std::optional<Op> binary_op(const Token& token) {
  if (token.kind != Tok::symbol) return std::nullopt;
  for (auto op = Op::add; op <= Op::either; op = static_cast<Op>(static_cast<int>(op) + 1)) {
    if (text_of(op) == token.text) return op;
  }
  return std::nullopt;
}

Scope scope_of(std::string_view prefix) {
  for (const Scope scope :
       {Scope::span, Scope::resource, Scope::event, Scope::link, Scope::instrumentation}) {
    if (scope_prefix(scope) == prefix) return scope;
  }
  return Scope::any;
}

// What may follow a prefix; nothing for `span:`, which has too many.
std::string_view words_after(std::string_view prefix) {
  if (prefix == "trace:") return "duration or rootName or rootService or id";
  if (prefix == "event:") return "name or timeSinceStart";
  if (prefix == "link:") return "traceID or spanID";
  if (prefix == "instrumentation:") return "name or version";
  return {};
}

template <class Enum>
std::optional<Datum> word_of(std::string_view word, std::string_view (*text)(Enum), Enum last) {
  for (int i = 0; i <= static_cast<int>(last); ++i) {
    if (text(static_cast<Enum>(i)) == word) return datum<Enum>(static_cast<Enum>(i));
  }
  return std::nullopt;
}

std::optional<Datum> literal_word(std::string_view word) {
  if (word == "true" || word == "false") return datum<bool>(word == "true");
  if (auto status = word_of<Status>(word, status_text, Status::unset)) return status;
  return word_of<Kind>(word, kind_text, Kind::consumer);
}

}  // namespace

Parser::Parsed<FieldExpr> Parser::field_expr(int min_level) {
  const Nesting nesting(*this);
  CHECK_OK(check_nesting());
  FieldExpr first = TRY(field_operand());
  return field_operators(std::move(first), min_level);
}

Parser::Parsed<FieldExpr> Parser::field_operators(FieldExpr lhs, int min_level) {
  for (auto op = binary_op(token_); op && level_of(*op) >= min_level; op = binary_op(token_)) {
    CHECK_OK(advance());
    if ((*op == Op::equal || *op == Op::not_equal) && at("nil")) {
      CHECK_OK(advance());
      lhs = fold_nil_test(*op == Op::equal, std::move(lhs));
    } else {
      const int right_level = level_of(*op) + (*op == Op::power ? 0 : 1);
      FieldExpr rhs = TRY(field_expr(right_level));
      lhs = fold_binary(*op, std::move(lhs), std::move(rhs));
    }
    CHECK_OK(check_height(lhs.height));
  }
  return lhs;
}

Parser::Parsed<FieldExpr> Parser::field_operand() {
  if (at("(")) {
    CHECK_OK(advance());
    FieldExpr inner = TRY(field_expr(0));
    CHECK_OK(expect(")", {}));
    return inner;
  }
  if (at("-")) return negated(Op::negate);
  if (at("!")) return negated(Op::invert);
  if (at("nil")) return nil_operand();
  if (auto value = literal()) {
    CHECK_OK(advance());
    return FieldExpr{.node = *std::move(value)};
  }
  if (token_.kind == Tok::identifier) return unknown_or_unexpected();
  return FieldExpr{.node = TRY(attribute())};
}

Parser::Parsed<FieldExpr> Parser::negated(Op op) {
  CHECK_OK(advance());
  FieldExpr result = fold_unary(op, TRY(field_expr(level_of(op) + 1)));
  CHECK_OK(check_height(result.height));
  return result;
}

Parser::Parsed<FieldExpr> Parser::nil_operand() {
  CHECK_OK(advance());
  if (!at("=") && !at("!=")) return unexpected("= or !=");
  const bool wants_nil = at("=");
  CHECK_OK(advance());
  if (at("nil")) {
    CHECK_OK(advance());
    return fold_nil_and_nil();
  }
  return fold_nil_test(wants_nil, TRY(field_expr(kComparison + 1)));
}

std::optional<Datum> Parser::literal() const {
  switch (token_.kind) {
    case Tok::string:
      return datum<std::string>(token_.text);
    case Tok::integer:
    case Tok::real:
    case Tok::duration:
      return token_.number;
    case Tok::word:
      return literal_word(token_.text);
    case Tok::identifier:
      if (token_.text == "minInt") return datum<int64_t>(std::numeric_limits<int64_t>::min());
      if (token_.text == "maxInt") return datum<int64_t>(std::numeric_limits<int64_t>::max());
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

Parser::Parsed<Attribute> Parser::attribute() {
  if (token_.kind == Tok::prefix) return named_attribute();
  if (token_.kind == Tok::colon_prefix) return scoped_attribute();
  if (token_.kind != Tok::word) return unexpected();
  const auto intrinsic = bare_intrinsic(token_.text);
  if (!intrinsic) return unexpected();
  CHECK_OK(advance());
  return Attribute{.intrinsic = *intrinsic};
}

Parser::Parsed<Attribute> Parser::named_attribute() {
  Attribute attribute{.of_parent = at("parent.")};
  std::string_view expecting = "IDENTIFIER";
  if (!attribute.of_parent) attribute.scope = scope_of(token_.text);
  CHECK_OK(advance());
  if (attribute.of_parent) {
    if (token_.kind == Tok::prefix) {
      attribute.scope = scope_of(token_.text);
      CHECK_OK(advance());
    } else {
      expecting = "IDENTIFIER or resource. or span.";
    }
  }
  if (token_.kind != Tok::name) return unexpected(expecting);
  attribute.name = std::move(token_.text);
  CHECK_OK(advance());
  return attribute;
}

Parser::Parsed<Attribute> Parser::scoped_attribute() {
  const std::string prefix = token_.text;
  CHECK_OK(advance());
  const auto intrinsic =
      token_.kind == Tok::word ? scoped_intrinsic(prefix, token_.text) : std::nullopt;
  if (!intrinsic) return unexpected(words_after(prefix));
  CHECK_OK(advance());
  return Attribute{.intrinsic = *intrinsic};
}

Parser::Parsed<std::vector<Attribute>> Parser::attributes() {
  std::vector<Attribute> list;
  list.push_back(TRY(attribute()));
  while (at(",")) {
    CHECK_OK(advance());
    list.push_back(TRY(attribute()));
  }
  CHECK_OK(expect(")", ") or ,"));
  return list;
}

}  // namespace vivace::traceql
