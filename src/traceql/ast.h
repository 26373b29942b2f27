// A parsed query as plain values. Whoever evaluates walks it with std::visit or std::get_if;
// nothing in it needs the text any more, and nothing has to be looked up: names are resolved,
// literals typed, constants folded, `x != nil` is a node of its own.
//
//   Query      { .a = 1 } | count() > 2 | rate() by(.b) | topk(5) with(sample=0.1)
//   Pipeline   { .a = 1 } | count() > 2                        stages, from left to right
//   Stage      { .a } && { .b }     count() > 2     by(.a)     coalesce()     select(.a, .b)
//   Spanset    { .a }     A >> B     ({ .a } | count() > 1)
//   FieldExpr  .a + 1 > duration && !.b
//
// A node's `height` counts the levels of its tree, down to the leaves. The parser refuses what is
// higher than Limits::height_max, so that a plain recursive walk cannot run out of stack.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "traceql/datum.h"
#include "traceql/names.h"
#include "traceql/operators.h"

namespace vivace::traceql {

// ------------------------------------------------------------------------------- one span

struct FieldExpr;

struct Unary {
  Op op;  // negate, invert
  std::unique_ptr<FieldExpr> operand;
};

struct Binary {
  Op op;
  std::unique_ptr<FieldExpr> lhs;
  std::unique_ptr<FieldExpr> rhs;
};

struct NilTest {
  bool wants_nil;  // `= nil`; else `!= nil`
  std::unique_ptr<FieldExpr> operand;
};

struct FieldExpr {
  std::variant<Datum, Attribute, Unary, Binary, NilTest> node;
  int height = 1;

  template <class T>
  const T* get_if() const {
    return std::get_if<T>(&node);
  }
};

// ------------------------------------------------------------------------------- spans of a trace

struct Pipeline;

struct Filter {
  FieldExpr condition;  // `{ }` is the literal true
};

struct Spanset;

struct Operation {
  SpansetOp op;
  std::unique_ptr<Spanset> lhs;
  std::unique_ptr<Spanset> rhs;
};

struct Spanset {
  std::variant<Filter, Operation, std::unique_ptr<Pipeline>> node;
  int height = 1;

  template <class T>
  const T* get_if() const {
    return std::get_if<T>(&node);
  }
};

struct Aggregate {
  enum class Function : uint8_t { count, min, max, avg, sum };
  Function function = Function::count;
  FieldExpr of{};  // unused by count
};

// What may stand beside a scalar comparison. Only an aggregate on the left and a number on the
// right pass the check; the rest of the grammar is read in order to be refused by name.
struct ScalarExpr {
  struct Arithmetic {
    Op op;
    std::unique_ptr<ScalarExpr> lhs;
    std::unique_ptr<ScalarExpr> rhs;
  };
  struct Wrapped {  // ({ } | count())
    std::unique_ptr<Pipeline> pipeline;
    Aggregate aggregate;
  };
  std::variant<Datum, Aggregate, Arithmetic, Wrapped> node;
  int height = 1;
};

struct ScalarFilter {
  Op op;
  ScalarExpr lhs;
  ScalarExpr rhs;

  // For a query that passed the check.
  const Aggregate& aggregate() const { return std::get<Aggregate>(lhs.node); }
  const Datum& number() const { return std::get<Datum>(rhs.node); }
};

struct GroupBy {
  FieldExpr by;
};

struct Coalesce {};

struct Select {
  std::vector<Attribute> attributes;
};

using Stage = std::variant<Spanset, ScalarFilter, GroupBy, Coalesce, Select>;

struct Pipeline {
  std::vector<Stage> stages;  // at least one; Coalesce is never the first
};

// ------------------------------------------------------------------------------- the whole query

struct Comparison {  // compare({ selection }, top, start, end)
  struct Window {
    int64_t start_ns = 0;
    int64_t end_ns = 0;
  };
  FieldExpr selection;
  int64_t top = 10;                // values to return of an attribute
  std::optional<Window> window{};  // none: the whole range
};

struct Metric {
  enum class Function : uint8_t {
    rate,
    count_over_time,
    min_over_time,
    max_over_time,
    avg_over_time,
    sum_over_time,
    quantile_over_time,
    histogram_over_time,
    compare,
  };
  Function function = Function::rate;
  std::optional<Attribute> of{};    // none for rate, count_over_time, compare
  std::vector<double> quantiles{};  // quantile_over_time, as written
  std::vector<Attribute> by{};      // at most five
  std::optional<Comparison> comparison{};
};

struct SecondStage {
  enum class Function : uint8_t { topk, bottomk, compare };
  Function function = Function::topk;
  int64_t limit = 0;  // topk, bottomk
  Op op = Op::equal;  // compare: keep points for which `point op value`
  double value = 0;   // compare: a duration is in seconds
};

struct Hint {
  std::string name;
  Datum value;
};

struct Query {
  Pipeline pipeline;
  std::optional<Metric> metric;  // none: a search
  std::vector<SecondStage> second_stages;
  std::vector<Hint> hints;  // in order; of two with one name the first counts
};

std::string_view text_of(Aggregate::Function function);
std::string_view text_of(Metric::Function function);

// What the type check knows of an expression before a span is seen.
Type type_of(const FieldExpr& expression);

// Whether any part of it looks at the span.
bool has_attribute(const FieldExpr& expression);

// Whether no span can pass, whatever is stored: the answer is empty without reading.
bool never_matches(const Spanset& spanset);
bool never_matches(const Pipeline& pipeline);

}  // namespace vivace::traceql
