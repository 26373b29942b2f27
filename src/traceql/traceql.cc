// The entrance: text to checked tree, and errors as text. Parsing comes first, so an error of
// grammar anywhere wins over a mistake in types.
#include "traceql/traceql.h"

#include <fmt/format.h>

#include "traceql/parser.h"

namespace vivace::traceql {

std::string QueryError::text() const {
  if (kind != ErrorKind::lexical && kind != ErrorKind::syntax) return message;
  if (line == 0 && column == 0) return "parse error : " + message;
  return fmt::format("parse error at line {}, col {}: {}", line, column, message);
}

std::expected<Query, QueryError> parse_unchecked(std::string_view text, const Limits& limits) {
  return Parser(text, limits).run();
}

std::expected<Query, QueryError> parse(std::string_view text, const Limits& limits) {
  auto query = TRY(parse_unchecked(text, limits));
  CHECK_OK(check(query));
  return query;
}

}  // namespace vivace::traceql
