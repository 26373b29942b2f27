// Key words, and tokens as messages speak of them. A key word is reserved wherever a bare word is
// read, never inside an attribute's name.
#include "traceql/token.h"

#include <algorithm>
#include <array>

namespace vivace::traceql {
namespace {

constexpr auto kKeywords = std::to_array<std::string_view>({"true",
                                                            "false",
                                                            "nil",
                                                            "ok",
                                                            "error",
                                                            "unset",
                                                            "unspecified",
                                                            "internal",
                                                            "server",
                                                            "client",
                                                            "producer",
                                                            "consumer",
                                                            "duration",
                                                            "childCount",
                                                            "name",
                                                            "status",
                                                            "statusMessage",
                                                            "kind",
                                                            "rootName",
                                                            "rootServiceName",
                                                            "rootService",
                                                            "traceDuration",
                                                            "nestedSetLeft",
                                                            "nestedSetRight",
                                                            "nestedSetParent",
                                                            "parent",
                                                            "id",
                                                            "traceID",
                                                            "spanID",
                                                            "parentID",
                                                            "timeSinceStart",
                                                            "version",
                                                            "count",
                                                            "avg",
                                                            "max",
                                                            "min",
                                                            "sum",
                                                            "by",
                                                            "coalesce",
                                                            "select",
                                                            "with",
                                                            "rate",
                                                            "count_over_time",
                                                            "min_over_time",
                                                            "max_over_time",
                                                            "avg_over_time",
                                                            "sum_over_time",
                                                            "quantile_over_time",
                                                            "histogram_over_time",
                                                            "compare",
                                                            "topk",
                                                            "bottomk"});

}  // namespace

bool is_keyword(std::string_view word) {
  return std::ranges::find(kKeywords, word) != kKeywords.end();
}

std::string_view shown(const Token& token) {
  switch (token.kind) {
    case Tok::end:
      return "$end";
    case Tok::identifier:
    case Tok::name:
      return "IDENTIFIER";
    case Tok::string:
      return "STRING";
    case Tok::integer:
      return "INTEGER";
    case Tok::real:
      return "FLOAT";
    case Tok::duration:
      return "DURATION";
    case Tok::end_attribute:
      return "END_ATTRIBUTE";
    default:
      return token.text;
  }
}

Position position_of(std::string_view text, size_t at) {
  Position position;
  size_t line_start = skip_byte_order_mark(text);
  for (size_t i = 0; i < at; ++i) {
    if (text[i] != '\n') continue;
    ++position.line;
    line_start = i + 1;
  }
  for (size_t i = line_start; i < at; ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) ++position.column;
  }
  return position;
}

size_t skip_byte_order_mark(std::string_view text) {
  constexpr std::string_view kMark = "\xef\xbb\xbf";
  return text.starts_with(kMark) ? kMark.size() : 0;
}

}  // namespace vivace::traceql
