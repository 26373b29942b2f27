// Tokens, errors, and the rules at the root of the grammar:
//
//   query = root { "with" "(" hint { "," hint } ")" }          the last with() counts
//   root  = pipeline | pipeline "|" metric { second stage } | wrapped | wrapped scalar comparison
#include "traceql/parser.h"

#include <algorithm>

#include <fmt/format.h>

namespace vivace::traceql {

Parser::Parser(std::string_view text, const Limits& limits)
    : text_(text), limits_(limits), lexer_(text) {}

std::expected<Query, QueryError> Parser::run() {
  if (text_.size() > limits_.length_max) {
    error_ = {ErrorKind::limit, 0, 0,
              fmt::format("TraceQL expression exceeds the configured maximum size of {} bytes, "
                          "reduce the query expression size or contact your system administrator",
                          limits_.length_max)};
    return std::unexpected(std::move(error_));
  }
  auto parsed = query();
  if (!parsed) return std::unexpected(std::move(error_));
  return *std::move(parsed);
}

Parser::Parsed<Query> Parser::query() {
  CHECK_OK(advance());
  query_.pipeline = TRY(root_pipeline());
  CHECK_OK(hints());
  if (token_.kind != Tok::end) return unexpected("with");
  return std::move(query_);
}

Parser::Parsed<Pipeline> Parser::root_pipeline() {
  using enum Item::Shape;
  Item item = TRY(body(Place::root));
  switch (item.shape) {
    case pipeline:
    case comparison:
      return std::move(item.pipeline);
    case wrapped:
      if (auto* alone = std::get_if<std::unique_ptr<Pipeline>>(&item.spanset.node)) {
        return std::move(**alone);
      }
      [[fallthrough]];
    case spanset: {
      Pipeline pipeline;
      pipeline.stages.emplace_back(std::move(item.spanset));
      return pipeline;
    }
    default:
      return unexpected();  // a scalar needs a comparison
  }
}

Parser::Parsed<void> Parser::hints() {
  while (at("with")) {
    CHECK_OK(advance());
    CHECK_OK(expect("("));
    query_.hints.clear();
    query_.hints.push_back(TRY(hint()));
    while (at(",")) {
      CHECK_OK(advance());
      query_.hints.push_back(TRY(hint()));
    }
    CHECK_OK(expect(")", ") or ,"));
  }
  return {};
}

Parser::Parsed<Hint> Parser::hint() {
  if (token_.kind != Tok::identifier) return unexpected("IDENTIFIER");
  Hint hint{token_.text, {}};
  CHECK_OK(advance());
  CHECK_OK(expect("="));
  auto value = literal();
  if (!value) return unknown_or_unexpected();
  hint.value = *std::move(value);
  CHECK_OK(advance());
  return hint;
}

Parser::Parsed<void> Parser::advance() {
  token_ = lexer_.next();
  if (token_.kind == Tok::error) return refuse(ErrorKind::lexical, token_.text);
  if (++tokens_ > limits_.tokens_max) {
    return refuse(ErrorKind::limit,
                  fmt::format("query has more than {} words", limits_.tokens_max));
  }
  return {};
}

bool Parser::at(std::string_view text) const {
  return token_.kind >= Tok::word && token_.text == text;
}

bool Parser::at_any(std::initializer_list<std::string_view> texts) const {
  return std::ranges::any_of(texts, [&](std::string_view text) { return at(text); });
}

std::optional<Op> Parser::at_comparison() const {
  for (const Op op :
       {Op::equal, Op::not_equal, Op::less, Op::less_equal, Op::greater, Op::greater_equal}) {
    if (at(text_of(op))) return op;
  }
  return std::nullopt;
}

std::optional<Op> Parser::at_arithmetic() const {
  for (const Op op : {Op::add, Op::subtract, Op::multiply, Op::divide, Op::modulo, Op::power}) {
    if (at(text_of(op))) return op;
  }
  return std::nullopt;
}

Parser::Parsed<void> Parser::expect(std::string_view text) { return expect(text, text); }

Parser::Parsed<void> Parser::expect(std::string_view text, std::string_view expecting) {
  if (!at(text)) return unexpected(expecting);
  return advance();
}

std::unexpected<Parser::Failed> Parser::unexpected(std::string_view expecting) {
  std::string message = fmt::format("syntax error: unexpected {}", shown(token_));
  if (!expecting.empty()) message.append(", expecting ").append(expecting);
  return refuse(ErrorKind::syntax, std::move(message));
}

std::unexpected<Parser::Failed> Parser::unknown_or_unexpected() {
  if (token_.kind != Tok::identifier) return unexpected();
  return refuse(ErrorKind::syntax, "unknown identifier: " + token_.text);
}

std::unexpected<Parser::Failed> Parser::refuse(ErrorKind kind, std::string message) {
  const Position position = text_.empty() ? Position{0, 0} : position_of(text_, token_.at);
  error_ = {kind, position.line, position.column, std::move(message)};
  return std::unexpected(Failed());
}

Parser::Parsed<void> Parser::check_nesting() {
  if (nesting_ <= limits_.nesting_max) return {};
  return refuse(ErrorKind::limit,
                fmt::format("query is nested more than {} levels deep", limits_.nesting_max));
}

Parser::Parsed<void> Parser::check_height(int height) {
  if (height <= limits_.height_max) return {};
  return refuse(ErrorKind::limit,
                fmt::format("query has more than {} operators in a row", limits_.height_max));
}

}  // namespace vivace::traceql
