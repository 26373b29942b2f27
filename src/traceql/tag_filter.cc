// The forgiving reader. It repairs tokens, not trees: what a half typed query lacks is known before
// there is a tree.
#include "traceql/tag_filter.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "traceql/lexer.h"

namespace vivace::traceql {
namespace {

using Alternatives = std::vector<std::vector<TagCondition>>;

bool is_comparison(const Token& token) {
  if (token.kind != Tok::symbol) return false;
  for (const Op op : {Op::equal, Op::not_equal, Op::less, Op::less_equal, Op::greater,
                      Op::greater_equal, Op::matches, Op::not_matches}) {
    if (text_of(op) == token.text) return true;
  }
  return false;
}

bool ends_operand(const Token& token) {
  if (token.kind == Tok::end) return true;
  return token.kind == Tok::symbol &&
         (token.text == "}" || token.text == ")" || token.text == "&&" || token.text == "||" ||
          token.text == "|");
}

// The text without comparisons that lack their right side, and with its closing brace.
std::string repaired(std::string_view text) {
  std::string result;
  size_t copied = 0;
  int open_braces = 0;
  Lexer lexer(text);
  Token last;
  for (Token token = lexer.next();; token = lexer.next()) {
    if (token.kind == Tok::error) return {};
    if (is_comparison(last) && ends_operand(token)) {
      result += text.substr(copied, last.at - copied);
      copied = last.at + last.text.size();
    }
    if (token.kind == Tok::end) break;
    if (token.kind == Tok::symbol && token.text == "{") ++open_braces;
    if (token.kind == Tok::symbol && token.text == "}") --open_braces;
    last = std::move(token);
  }
  result += text.substr(copied);
  if (open_braces > 0) result += " }";
  return result;
}

// What a cut comparison leaves behind says nothing: it holds.
void attributes_hold(FieldExpr& condition) {
  if (condition.get_if<Attribute>() != nullptr) condition = {.node = datum<bool>(true)};
  auto* binary = std::get_if<Binary>(&condition.node);
  if (binary == nullptr || (binary->op != Op::both && binary->op != Op::either)) return;
  attributes_hold(*binary->lhs);
  attributes_hold(*binary->rhs);
}

// No conditions if it is no simple one.
std::vector<TagCondition> simple_condition(const FieldExpr& condition) {
  if (const auto* test = condition.get_if<NilTest>()) {
    const auto* attribute = test->operand->get_if<Attribute>();
    if (attribute == nullptr) return {};
    return {{*attribute, test->wants_nil ? Op::equal : Op::not_equal, Datum()}};
  }
  const auto* binary = condition.get_if<Binary>();
  if (binary == nullptr || !is_comparison(binary->op)) return {};
  const auto* attribute = binary->lhs->get_if<Attribute>();
  const auto* value = binary->rhs->get_if<Datum>();
  if (attribute != nullptr && value != nullptr) return {{*attribute, binary->op, *value}};
  attribute = binary->rhs->get_if<Attribute>();
  value = binary->lhs->get_if<Datum>();
  if (attribute != nullptr && value != nullptr) return {{*attribute, mirrored(binary->op), *value}};
  return {};
}

std::unexpected<QueryError> too_many(size_t most, std::string_view what) {
  return std::unexpected(
      QueryError{ErrorKind::limit, 0, 0, fmt::format("filter has more than {} {}", most, what)});
}

size_t conditions_in(const Alternatives& alternatives) {
  size_t out = 0;
  for (const auto& one : alternatives) out += one.size();
  return out;
}

std::expected<Alternatives, QueryError> expand(const FieldExpr& condition) {
  const auto* binary = condition.get_if<Binary>();
  if (binary == nullptr || (binary->op != Op::both && binary->op != Op::either)) {
    return Alternatives{simple_condition(condition)};
  }
  Alternatives lhs = TRY(expand(*binary->lhs));
  Alternatives rhs = TRY(expand(*binary->rhs));
  if (binary->op == Op::either) {
    if (lhs.size() + rhs.size() > kAlternativesMax) {
      return too_many(kAlternativesMax, "alternatives");
    }
    if (conditions_in(lhs) + conditions_in(rhs) > kConditionsMax) {
      return too_many(kConditionsMax, "conditions");
    }
    std::ranges::move(rhs, std::back_inserter(lhs));
    return lhs;
  }
  if (lhs.size() * rhs.size() > kAlternativesMax) {
    return too_many(kAlternativesMax, "alternatives");
  }
  if (conditions_in(lhs) * rhs.size() + conditions_in(rhs) * lhs.size() > kConditionsMax) {
    return too_many(kConditionsMax, "conditions");
  }
  Alternatives both;
  for (const auto& left : lhs) {
    for (const auto& right : rhs) {
      both.push_back(left);
      both.back().insert(both.back().end(), right.begin(), right.end());
    }
  }
  return both;
}

// The condition of a query that begins with one filter.
FieldExpr* first_condition(Query& query) {
  auto* spanset = std::get_if<Spanset>(&query.pipeline.stages.front());
  auto* filter = spanset == nullptr ? nullptr : std::get_if<Filter>(&spanset->node);
  return filter == nullptr ? nullptr : &filter->condition;
}

}  // namespace

std::expected<TagFilter, QueryError> read_tag_filter(std::string_view text, const Limits& limits) {
  auto query = parse_unchecked(text, limits);
  if (!query && text.size() > limits.length_max) return std::unexpected(query.error());
  const bool whole = query.has_value();
  if (!whole) query = parse_unchecked(repaired(text), limits);
  if (!query) return TagFilter();

  FieldExpr* condition = first_condition(*query);
  if (condition == nullptr) return TagFilter();
  if (!whole) attributes_hold(*condition);
  if (!check(*query)) return TagFilter();

  Alternatives alternatives = TRY(expand(*condition));
  for (const auto& alternative : alternatives) {
    if (alternative.empty()) return TagFilter();
  }
  return TagFilter{std::move(alternatives)};
}

}  // namespace vivace::traceql
