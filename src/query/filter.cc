// Walking the tree. Three ways to answer a node, from the fastest: whole columns, whole columns of
// events or links (whose result goes back to their spans), row by row.
#include "query/filter.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "query/filter_node.h"
#include "query/stored_values.h"
#include "traceql/traceql.h"

namespace vivace {
namespace {

using traceql::Computed;
using traceql::Datum;
using Form = FilterNode::Form;

Result<Datum> or_failure(Computed computed, const FilterNode& node) {
  if (computed) return *std::move(computed);
  return fail(Code::invalid_argument,
              fmt::format("the query cannot be evaluated: {}{}{}", computed.error(),
                          node.text.empty() ? "" : " in ", node.text));
}

}  // namespace

Result<void> check_patterns(const traceql::FieldExpr& expression) {
  if (const auto* unary = expression.get_if<traceql::Unary>()) {
    return check_patterns(*unary->operand);
  }
  if (const auto* test = expression.get_if<traceql::NilTest>()) {
    return check_patterns(*test->operand);
  }
  const auto* binary = expression.get_if<traceql::Binary>();
  if (binary == nullptr) return {};
  CHECK_OK(check_patterns(*binary->lhs));
  if (binary->op != traceql::Op::matches && binary->op != traceql::Op::not_matches) {
    return check_patterns(*binary->rhs);
  }
  const auto* literal = binary->rhs->get_if<Datum>();
  const auto* pattern = literal != nullptr ? literal->get_if<std::string>() : nullptr;
  if (pattern == nullptr) return fail(Code::invalid_argument, "a pattern that is no text");
  TRY(traceql::Regex::compile(*pattern));
  return {};
}

// ------------------------------------------------------------------------------- by columns

Result<Bits> FilterRun::spans(FilterNode& node, Bits mask) {
  if (node.uses == 0) return eval(node, Scope::span, mask);
  if (node.form == Form::either) {  // "some event" may be another one for each operand
    Bits out(mask.size());
    for (const auto& operand : node.operands) {
      const Bits more = TRY(spans(*operand, mask));
      out |= more;
      mask -= more;
    }
    return out;
  }
  if (node.form != Form::both) return spans_of_all({&node}, std::move(mask));

  // One event must satisfy all operands that look at events, one link all that look at links.
  std::array<Nodes, 4> by_use;
  Nodes all;
  for (const auto& operand : node.operands) {
    by_use[operand->uses].push_back(operand.get());
    all.push_back(operand.get());
  }
  constexpr size_t kUsesBoth = kUsesEvent | kUsesLink;
  const bool in_order = std::ranges::is_sorted(all, {}, &FilterNode::uses);
  if (node.may_fail && (!in_order || !by_use[kUsesBoth].empty())) {
    return spans_of_all(all, std::move(mask));
  }
  if (!by_use[kUsesBoth].empty()) {
    for (const size_t use : {kUsesEvent, kUsesLink}) {
      std::ranges::copy(by_use[use], std::back_inserter(by_use[kUsesBoth]));
      by_use[use].clear();
    }
  }
  for (const Nodes& nodes : by_use) {
    if (nodes.size() == 1) {
      mask = TRY(spans(*nodes.front(), std::move(mask)));
    } else if (!nodes.empty()) {
      mask = TRY(spans_of_all(nodes, std::move(mask)));
    }
  }
  return mask;
}

Result<Bits> FilterRun::spans_of_all(const Nodes& nodes, Bits mask) {
  uint8_t uses = 0;
  for (const FilterNode* node : nodes) uses = static_cast<uint8_t>(uses | node->uses);
  if (uses == 0) return in_turn(nodes, Scope::span, std::move(mask));
  if (uses == kUsesEvent) return spans_with(nodes, Scope::event, mask);
  if (uses == kUsesLink) return spans_with(nodes, Scope::link, mask);
  return all_rows(nodes, mask);
}

Result<Bits> FilterRun::spans_with(const Nodes& nodes, Scope belonging, const Bits& mask) {
  const Bits owning = TRY(owning_spans(belonging));
  Bits candidates = TRY(from_spans(belonging, mask & owning));
  const Bits found = TRY(in_turn(nodes, belonging, std::move(candidates)));
  return TRY(to_spans(belonging, found)) | TRY(in_turn(nodes, Scope::span, mask - owning));
}

Result<Bits> FilterRun::in_turn(const Nodes& nodes, Scope domain, Bits mask) {
  for (FilterNode* node : nodes) {
    if (mask.none()) break;
    mask = TRY(eval(*node, domain, mask));
  }
  return mask;
}

Result<Bits> FilterRun::eval(FilterNode& node, Scope domain, const Bits& mask) {
  if (mask.none()) return mask;
  CHECK_OK(loop_.step(ControlledLoop::kStepsBetweenLooks / 4));  // a whole column
  if (domain != Scope::span && node.uses == 0) return by_spans(node, domain, mask);
  switch (node.form) {
    case Form::literal:
      return is_true(node.literal) ? mask : empty(domain);
    case Form::attribute:
    case Form::test:
      return test(node, domain, mask);
    case Form::both:
      return all_of(node, domain, mask);
    case Form::either:
      return any_of(node, domain, mask);
    case Form::invert:
      if (!node.operands.front()->always_boolean) break;
      return mask - TRY(eval(*node.operands.front(), domain, mask));
    case Form::negate:
    case Form::is_nil:
      break;
    case Form::combine:
      if (domain != Scope::span) break;
      if (auto found = TRY(compare_columns(node, mask))) return *std::move(found);
      break;
  }
  return each_row(node, domain, mask);
}

// These three stand apart from `eval` so that a frame of it is small: conditions nest 2,000 deep.
[[gnu::noinline]] Result<Bits> FilterRun::all_of(FilterNode& node, Scope domain, const Bits& mask) {
  Bits rest = mask;
  for (const auto& operand : node.operands) rest = TRY(eval(*operand, domain, rest));
  return rest;
}

[[gnu::noinline]] Result<Bits> FilterRun::any_of(FilterNode& node, Scope domain, const Bits& mask) {
  Bits rest = mask;
  for (const auto& operand : node.operands) rest -= TRY(eval(*operand, domain, rest));
  return mask - rest;
}

[[gnu::noinline]] Result<Bits> FilterRun::by_spans(FilterNode& node, Scope domain,
                                                   const Bits& mask) {
  const Bits owning = TRY(to_spans(domain, mask));
  const Bits passing_spans = TRY(eval(node, Scope::span, owning));
  return mask & TRY(from_spans(domain, passing_spans));
}

Result<Bits> FilterRun::test(FilterNode& node, Scope domain, const Bits& mask) {
  const Scope owner = owner_of(node.attribute);
  const bool belongs = owner == Scope::event || owner == Scope::link;
  if (belongs && owner != domain) return empty(domain);  // there is no event, or no link
  const Bits bits = TRY(passing(node, mask));
  return node.negated ? mask - bits : mask & bits;
}

Result<Bits> FilterRun::passing(FilterNode& node, const Bits& mask) {
  if (node.attribute.intrinsic != traceql::Intrinsic::none) return intrinsic_bits(node, mask);
  const Scope owner = owner_of(node.attribute);
  if (node.attribute.scope == traceql::Scope::any) return unscoped_bits(node);
  if (owner == Scope::resource || owner == Scope::scope) return table_rows(node, owner);
  return attribute_bits(node, owner);
}

// ------------------------------------------------------------------------------- row by row

Result<Bits> FilterRun::each_row(const FilterNode& node, Scope domain, const Bits& mask) {
  Bits out(mask.size());
  const uint32_t first = group_.owners(domain).first;
  const uint32_t first_row = group_.owners(Scope::span).first;
  std::vector<uint32_t> owners;
  mask.each([&](uint32_t i) { owners.push_back(i); });
  for (const uint32_t i : owners) {
    CHECK_OK(loop_.step());
    Cursor at{.group = &group_, .maybe_traces = maybe_traces_, .row = first_row + i};
    if (domain == Scope::event) {
      at.event = first + i;
      at.row = static_cast<uint32_t>(TRY(group_.number(Field::event_span, first + i)));
    } else if (domain == Scope::link) {
      at.link = first + i;
      at.row = static_cast<uint32_t>(TRY(group_.number(Field::link_span, first + i)));
    }
    if (TRY(holds(node, at))) out.set(i);
  }
  return out;
}

Result<Bits> FilterRun::all_rows(const Nodes& nodes, const Bits& mask) {
  Bits out(mask.size());
  const uint32_t first = group_.owners(Scope::span).first;
  std::vector<uint32_t> rows;
  mask.each([&](uint32_t i) { rows.push_back(i); });
  for (const uint32_t i : rows) {
    if (TRY(witness(nodes, first + i))) out.set(i);
  }
  return out;
}

Result<Datum> FilterRun::value(const FilterNode& node, const Cursor& at) {
  const auto operand = [&](size_t i) { return value(*node.operands[i], at); };
  switch (node.form) {
    case Form::literal:
      return node.literal;
    case Form::attribute:
      return TRY(row_value(node.attribute, at)).value;
    case Form::test: {
      const Scope owner = owner_of(node.attribute);
      if ((owner == Scope::event && !at.event) || (owner == Scope::link && !at.link)) {
        return datum<bool>(false);
      }
      return datum<bool>((*node.predicate)(TRY(row_value(node.attribute, at)).value) !=
                         node.negated);
    }
    case Form::both:
      for (size_t i = 0; i < node.operands.size(); ++i) {
        if (!is_true(TRY(operand(i)))) return datum<bool>(false);
      }
      return datum<bool>(true);
    case Form::either:
      for (size_t i = 0; i < node.operands.size(); ++i) {
        if (is_true(TRY(operand(i)))) return datum<bool>(true);
      }
      return datum<bool>(false);
    case Form::invert:
    case Form::negate:
      return or_failure(combine(node.op, TRY(operand(0))), node);
    case Form::is_nil:
      return datum<bool>((TRY(operand(0)).type() == traceql::Type::nil) != node.negated);
    case Form::combine:
      break;
  }
  const Datum left = TRY(operand(0));
  if (node.predicate) return datum<bool>((*node.predicate)(left));
  return or_failure(combine(node.op, left, TRY(operand(1))), node);
}

Result<bool> FilterRun::holds(const FilterNode& node, const Cursor& at) {
  return is_true(TRY(value(node, at)));
}

Result<bool> FilterRun::all_hold(const Nodes& nodes, const Cursor& at) {
  for (const FilterNode* node : nodes) {
    if (!TRY(holds(*node, at))) return false;
  }
  return true;
}

Result<Datum> FilterRun::first_value(const FilterNode& node, uint32_t row) {
  Cursor at{.group = &group_, .maybe_traces = maybe_traces_, .row = row};
  Range events;
  Range links;
  if ((node.uses & kUsesEvent) != 0) events = TRY(belongings(group_, Field::event_span, row));
  if ((node.uses & kUsesLink) != 0) links = TRY(belongings(group_, Field::link_span, row));
  for (uint32_t e = 0; e < std::max(events.count, 1U); ++e) {
    if (events.count > 0) at.event = events.first + e;
    for (uint32_t l = 0; l < std::max(links.count, 1U); ++l) {
      if (links.count > 0) at.link = links.first + l;
      CHECK_OK(loop_.step());
      Datum found = TRY(value(node, at));
      if (found.type() != traceql::Type::nil) return found;
    }
  }
  return Datum{};
}

Result<std::optional<Cursor>> FilterRun::witness(const Nodes& nodes, uint32_t row) {
  uint8_t uses = 0;
  for (const FilterNode* node : nodes) uses = static_cast<uint8_t>(uses | node->uses);
  Cursor at{.group = &group_, .maybe_traces = maybe_traces_, .row = row};
  Range events;
  Range links;
  if ((uses & kUsesEvent) != 0) events = TRY(belongings(group_, Field::event_span, row));
  if ((uses & kUsesLink) != 0) links = TRY(belongings(group_, Field::link_span, row));
  for (uint32_t e = 0; e < std::max(events.count, 1U); ++e) {
    if (events.count > 0) at.event = events.first + e;
    for (uint32_t l = 0; l < std::max(links.count, 1U); ++l) {
      if (links.count > 0) at.link = links.first + l;
      CHECK_OK(loop_.step());
      if (TRY(all_hold(nodes, at))) return at;
    }
  }
  return std::nullopt;
}

// ------------------------------------------------------------------------------- Filter

Filter::Filter(std::unique_ptr<FilterNode> root) : root_(std::move(root)) {}
Filter::Filter(Filter&&) noexcept = default;
Filter& Filter::operator=(Filter&&) noexcept = default;
Filter::~Filter() = default;

Result<Filter> Filter::compile(const traceql::FieldExpr& condition) {
  CHECK_OK(check_patterns(condition));
  return Filter(make_node(condition));
}

bool Filter::needs_traces() const { return root_->cost == Cost::traces; }

bool Filter::mentions(traceql::Intrinsic intrinsic) const {
  bool found = false;
  each_attribute(*root_, [&](const traceql::Attribute& attribute) {
    found = found || attribute.intrinsic == intrinsic;
  });
  return found;
}

bool Filter::may_fail() const { return root_->may_fail; }

bool Filter::takes_all() const { return root_->form == Form::literal && is_true(root_->literal); }

Result<bool> Filter::holds(GroupColumns& group, uint32_t row, TraceValues* maybe_traces) {
  return TRY(FilterRun(group, maybe_traces).witness({root_.get()}, row)).has_value();
}

Result<Bits> Filter::rows(GroupColumns& group, TraceValues* maybe_traces) {
  return rows_among(group, maybe_traces, Bits(group.owners(Scope::span).count, true));
}

Result<Bits> Filter::rows_among(GroupColumns& group, TraceValues* maybe_traces, Bits rows) {
  return FilterRun(group, maybe_traces).spans(*root_, std::move(rows));
}

}  // namespace vivace
