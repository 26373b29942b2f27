// One spanset filter, `{ ... }`: which spans of a row group pass.
//
//   auto filter = TRY(Filter::compile(condition));      // once a question
//   Bits rows = TRY(filter.rows(group));                // once a row group: bit i is row first + i
//
// HOW. The condition becomes a tree (filter_node.h). `attribute op literal` is answered for whole
// columns: per code of a dictionary, per number, or per distinct resource or scope; the results are
// bitmaps, and &&, || and ! are operations on their words. The right side of && is asked only for
// the rows that passed the left one. What relates two attributes, or computes, goes row by row.
//
// WHAT IT MEANS (TraceQL reference, 7 and 8). A missing or non-boolean operand of && and || is
// false. `!x` is nothing for a missing x. A comparison that types do not allow is false. Conditions
// on events hold if any one event of the span satisfies all of them together; the same for links. A
// span without events counts as one with an event that has nothing, but `event.x = nil` is false
// then. A failure at run time (division by zero, `!` of a number) is Code::invalid_argument and
// names the operation; operands that && and || need not look at do not fail.
//
// One thread at a time: it keeps what it learnt about dictionaries. A damaged column is
// Code::corrupt or Code::io.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "query/bits.h"
#include "query/group_columns.h"
#include "query/row_values.h"
#include "traceql/ast.h"

namespace vivace {

struct FilterNode;

// An attribute as an answer shows it.
struct ShownValue {
  std::string key;  // without scope
  traceql::Datum value;
};

class Filter {
 public:
  // Keeps nothing of the condition, which has passed the check of types.
  static Result<Filter> compile(const traceql::FieldExpr& condition);
  Filter(Filter&&) noexcept;
  Filter& operator=(Filter&&) noexcept;
  ~Filter();

  // Whether it asks for facts of whole traces, so that rows() needs a TraceValues.
  bool needs_traces() const;
  bool mentions(traceql::Intrinsic intrinsic) const;
  // Whether it may fail at run time, so that it must not look at spans that it is not asked about.
  bool may_fail() const;
  bool takes_all() const;  // `{ }`

  Result<Bits> rows(GroupColumns& group, TraceValues* maybe_traces = nullptr);
  // Of these rows alone: others are not looked at, and cannot fail.
  Result<Bits> rows_among(GroupColumns& group, TraceValues* maybe_traces, Bits rows);
  Result<bool> holds(GroupColumns& group, uint32_t row, TraceValues* maybe_traces);

  // The values of the attributes that its conditions name, those of conditions that do not hold
  // left out (reference, 11); the span need not pass. Appends; what `out` has already, from the
  // same place, is not added twice.
  class Shown;
  Result<void> show(GroupColumns& group, uint32_t row, TraceValues* maybe_traces, Shown& out);

 private:
  explicit Filter(std::unique_ptr<FilterNode> root);
  std::unique_ptr<FilterNode> root_;
};

// What an expression comes to for single spans: `by(...)`, `avg(...)`. One that names events or
// links is asked of the first which makes it anything but nil.
class Expression {
 public:
  static Result<Expression> compile(const traceql::FieldExpr& expression);
  Expression(Expression&&) noexcept;
  Expression& operator=(Expression&&) noexcept;
  ~Expression();

  bool mentions(traceql::Intrinsic intrinsic) const;
  // The intrinsic that it is, if nothing is computed of it.
  std::optional<traceql::Intrinsic> intrinsic() const;
  Result<traceql::Datum> value(GroupColumns& group, uint32_t row, TraceValues* maybe_traces);
  Result<void> show(GroupColumns& group, uint32_t row, TraceValues* maybe_traces,
                    Filter::Shown& out);

 private:
  explicit Expression(std::unique_ptr<FilterNode> root);
  std::unique_ptr<FilterNode> root_;
};

// The attributes that an answer shows of one span.
class Filter::Shown {
 public:
  const std::vector<ShownValue>& values() const { return values_; }
  Result<void> add(const traceql::Attribute& attribute, const Cursor& at);
  // Of an attribute of events or links: that of the first which has it.
  Result<void> add_first(const traceql::Attribute& attribute, Cursor at);

 private:
  struct Source {
    traceql::Scope scope;
    traceql::Intrinsic intrinsic;
    std::string name;
    bool operator==(const Source&) const = default;
  };
  std::vector<Source> sources_;
  std::vector<ShownValue> values_;
};

}  // namespace vivace
