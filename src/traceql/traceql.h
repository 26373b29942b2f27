// TraceQL as Vivace speaks it: text in, a checked tree (ast.h) out. This header is the manual of
// the language; README.md has the map of the folder.
//
// A SEARCH names spans and keeps the traces that hold them:
//
//   { span.http.status_code >= 500 && resource.service.name = "shop" }
//
// Braces hold a condition on one span. `{ }` takes every span; `{ .x }` those whose x is true.
//
// ATTRIBUTES. `.x` is the span's x, or else its resource's. `span.x`, `resource.x`, `event.x`,
// `link.x`, `instrumentation.x` look in one place. A name ends at white space or at one of { } ( )
// = ~ ! < > & | ^ , so `.a-1` is a name; write `.a - 1` to subtract. Other names are quoted:
// span."first name".
//
// INTRINSICS are what a span has by itself. Where two spellings stand, they mean the same:
//   duration = span:duration      traceDuration = trace:duration
//   name = span:name              rootName = trace:rootName
//   status = span:status          rootServiceName = trace:rootService
//   kind = span:kind              statusMessage = span:statusMessage
//   span:id   span:parentID   span:childCount   trace:id   link:traceID   link:spanID
//   event:name   event:timeSinceStart   instrumentation:name   instrumentation:version
//   nestedSetLeft   nestedSetRight   nestedSetParent      place in the tree; parent -1: a root
//
// VALUES. "a string\n" or `raw`, 1, 1.5, durations 1h30m 1.5s 2d 100ns, true, false, minInt,
// maxInt, status (error ok unset), kind (unspecified internal client server producer consumer), and
// nil, only as `x = nil` (absent) and `x != nil` (present). Arrays come from data: `=`, `=~`,
// `<`... hold if any element satisfies them, `!=` and `!~` if all do.
//
// OPERATORS, from loosest to tightest; one line is one level and groups from the left, ^ from the
// right:
//   && ||          one level: .a || .b && .c is (.a || .b) && .c
//   = != < <= > >= =~ !~       patterns are RE2, match the whole value, and are string literals
//   + - and unary -
//   unary !
//   * / %
//   ^
// int, float and duration mix; a duration is its nanoseconds. Other types do not: `status = 1` is
// refused. An absent attribute satisfies no comparison, not even `!=`.
//
// SPANSETS combine within one trace; relations bind tighter than && and ||, which share a level:
//   A && B   both occur     A || B   either        A ~ B    B's that are siblings of an A
//   A > B    B's whose parent is an A               A >> B   B's below an A
//   A < B    B's that are the parent of an A        A << B   B's above an A
// `!` in front of a relation takes the B's without such an A; `&` in front returns the A's as well.
//
// PIPELINES go on from the spans of each trace, stage by stage: { } | count() > 2 | by(.x) ...
//   { ... }          filter once more
//   by(expression)   split into groups by its value
//   count() > 2      keep the groups for which it holds; also min max avg sum of an expression
//   coalesce()       one group again
//   select(.x, .y)   also return these
// A pipeline in parentheses is an operand of spanset operators: ({ .a } | count() > 1) && ({ .b }).
// count(), by() and select() may open a query.
//
// METRICS count spans over time, as the last stage:
//   rate() count_over_time()
//   min_over_time(x) max_over_time(x) avg_over_time(x) sum_over_time(x) histogram_over_time(x)
//   quantile_over_time(x, 0.5, 0.99)
//   compare({ selection }, top, start_ns, end_ns)    the last three may be left out
// each but compare with by(.x, ...), at most five names (four for avg, quantile, histogram).
// Afterwards, in any order and number: `| topk(5)`, `| bottomk(5)`, `> 0.5` (and = != < <= >=).
//
// HINTS end a query: with(most_recent=true, sample=0.1). Unknown ones are ignored.
//
// COMMENTS: // to the end of the line, /* */. Key words are case sensitive.
//
// Spelling of later changes: `= nil`, minInt, maxInt and span:childCount came with 2.10,
// comparisons of metrics with 3.0. `parent.x` and `parent` read and are refused. 2 ^ 3 is 8.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "base/result.h"
#include "traceql/ast.h"

namespace vivace::traceql {

enum class ErrorKind : uint8_t {
  lexical,      // no token: an open string, a number out of range
  syntax,       // tokens in an order that the grammar does not have
  type,         // read, but makes no sense: types, arguments
  unsupported,  // read, known, and not offered
  limit,        // too long or too deep
};

struct QueryError {
  ErrorKind kind = ErrorKind::syntax;
  // Of the token that was read last; both from 1, columns in characters. 0: no place to point to.
  int line = 0;
  int column = 0;
  std::string message;

  // `parse error at line 1, col 5: syntax error: unexpected }`; the message alone for type,
  // unsupported and limit.
  std::string text() const;
  Error to_error() const { return {Code::invalid_argument, text()}; }
};

// What a query may ask of the parser and of everybody who walks its tree.
struct Limits {
  size_t length_max = 128 * 1024;  // bytes of text
  size_t tokens_max = 65'536;      // bounds the nodes of the tree
  int nesting_max = 500;           // operands within operands
  int height_max = 4'096;          // levels of the tree: a chain of n operators has n
};

// Reads and checks. Linear in the length; a few microseconds for a usual query. Any thread.
std::expected<Query, QueryError> parse(std::string_view text, const Limits& limits = {});

// Reads without the checks of types: what tools need that look at queries which nobody runs.
std::expected<Query, QueryError> parse_unchecked(std::string_view text, const Limits& limits = {});

// The checks alone: type and unsupported errors.
std::expected<void, QueryError> check(const Query& query);

// Prints a query so that it reads back to the same tree, with no more parentheses than it needs.
std::string to_text(const Query& query);

// The canonical text: names series, groups and aggregates in answers, and speaks in messages. All
// operands that are operations stand in parentheses. It usually reads back, but not always: it does
// not escape strings and names, and prints minInt as a number.
std::string canonical(const Query& query);
std::string canonical(const FieldExpr& expression);
std::string canonical(const Attribute& attribute);
std::string canonical(const Aggregate& aggregate);  // `avg(duration)`
std::string canonical(const ScalarExpr& expression);

}  // namespace vivace::traceql
