// What an answer shows of a span, and what expressions come to: single rows, after the filters have
// done their work. Called by searches and metrics, on the thread of the question.
#include <algorithm>

#include "query/filter.h"
#include "query/filter_node.h"
#include "query/stored_values.h"
#include "traceql/traceql.h"

namespace vivace {

using traceql::Datum;
using Form = FilterNode::Form;

namespace {

// Adds the attributes of the conditions that hold; below a `!`, of those that do not.
Result<void> show_node(FilterRun& run, const FilterNode& node, const Cursor& at, bool wanted,
                       Filter::Shown& out) {
  const bool inverts = node.form == Form::invert && node.operands.front()->always_boolean;
  if (node.form == Form::both || node.form == Form::either || inverts) {
    for (const auto& operand : node.operands) {
      CHECK_OK(show_node(run, *operand, at, wanted != inverts, out));
    }
    return {};
  }
  const auto holds = run.holds(node, at);
  if (!holds && holds.error().code != Code::invalid_argument) {
    return std::unexpected(holds.error());
  }
  if (!holds || *holds != wanted) return {};
  Result<void> result;
  each_attribute(node, [&](const traceql::Attribute& attribute) {
    if (result) result = out.add(attribute, at);
  });
  return result;
}

// What holds as a whole is shown by one event and link, else each operand by its own. What does not
// hold is shown all the same, because it may be another operand of the query that the span is in
// the answer for; but not below ||.
Result<void> show_part(FilterRun& run, FilterNode& node, uint32_t row, bool is_choice,
                       Filter::Shown& out) {
  const bool is_either = node.form == Form::either;
  if (!is_either) {
    const auto at = run.witness({&node}, row);
    if (!at && at.error().code != Code::invalid_argument) return std::unexpected(at.error());
    if (at && *at) return show_node(run, node, **at, true, out);
  }
  if (is_either || node.form == Form::both) {
    for (const auto& operand : node.operands) {
      CHECK_OK(show_part(run, *operand, row, is_choice || is_either, out));
    }
    return {};
  }
  Result<void> result;
  each_attribute(node, [&](const traceql::Attribute& attribute) {
    if (result && !is_choice) result = out.add_first(attribute, run.at(row));
  });
  return result;
}

}  // namespace

Result<void> Filter::show(GroupColumns& group, uint32_t row, TraceValues* maybe_traces,
                          Shown& out) {
  FilterRun run(group, maybe_traces);
  return show_part(run, *root_, row, false, out);
}

// ------------------------------------------------------------------------------- Expression

Expression::Expression(std::unique_ptr<FilterNode> root) : root_(std::move(root)) {}
Expression::Expression(Expression&&) noexcept = default;
Expression& Expression::operator=(Expression&&) noexcept = default;
Expression::~Expression() = default;

Result<Expression> Expression::compile(const traceql::FieldExpr& expression) {
  CHECK_OK(check_patterns(expression));
  return Expression(make_node(expression));
}

bool Expression::mentions(traceql::Intrinsic intrinsic) const {
  bool found = false;
  each_attribute(*root_, [&](const traceql::Attribute& attribute) {
    found = found || attribute.intrinsic == intrinsic;
  });
  return found;
}

std::optional<traceql::Intrinsic> Expression::intrinsic() const {
  const bool is_one =
      root_->form == Form::attribute && root_->attribute.intrinsic != traceql::Intrinsic::none;
  return is_one ? std::optional(root_->attribute.intrinsic) : std::nullopt;
}

Result<Datum> Expression::value(GroupColumns& group, uint32_t row, TraceValues* maybe_traces) {
  FilterRun run(group, maybe_traces);
  return run.first_value(*root_, row);
}

Result<void> Expression::show(GroupColumns& group, uint32_t row, TraceValues* maybe_traces,
                              Filter::Shown& out) {
  Result<void> result;
  each_attribute(*root_, [&](const traceql::Attribute& attribute) {
    if (!result) return;
    result = out.add_first(attribute, {.group = &group, .maybe_traces = maybe_traces, .row = row});
  });
  return result;
}

// ------------------------------------------------------------------------------- Shown

Result<void> Filter::Shown::add(const traceql::Attribute& attribute, const Cursor& at) {
  using enum traceql::Intrinsic;
  switch (attribute.intrinsic) {
    case duration:
    case name:
    case trace_duration:
    case root_name:
    case root_service:
    case trace_id:
    case span_id:
      return {};
    default:
      break;
  }
  const Seen seen = TRY(row_value(attribute, at));
  if (seen.value.type() == traceql::Type::nil) return {};
  Source source{seen.scope, attribute.intrinsic, attribute.name};
  if (std::ranges::find(sources_, source) != sources_.end()) return {};
  sources_.push_back(std::move(source));
  const bool intrinsic = attribute.intrinsic != none;
  values_.push_back(
      {intrinsic ? std::string(traceql::name_of(attribute.intrinsic).printed) : attribute.name,
       seen.value});
  return {};
}

Result<void> Filter::Shown::add_first(const traceql::Attribute& attribute, Cursor at) {
  const Scope owner = owner_of(attribute);
  if (owner != Scope::event && owner != Scope::link) return add(attribute, at);
  const Field span_of = owner == Scope::event ? Field::event_span : Field::link_span;
  const Range range = TRY(belongings(*at.group, span_of, at.row));
  const size_t before = values_.size();
  for (uint32_t i = range.first; i < range.end() && values_.size() == before; ++i) {
    (owner == Scope::event ? at.event : at.link) = i;
    CHECK_OK(add(attribute, at));
  }
  return {};
}

}  // namespace vivace
