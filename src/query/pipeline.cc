// Running the stages. A trace is one set of bits until by() splits it; aggregates and groups ask
// single rows. Nothing here knows where the spans lie.
#include "query/pipeline.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include <boost/unordered/unordered_flat_map.hpp>
#include <fmt/format.h>

#include "query/stored_values.h"

namespace vivace {

using traceql::Datum;
using traceql::Duration;
using traceql::Relation;
using traceql::Type;
using Function = traceql::Aggregate::Function;

namespace {

// Of a group with one span, while groups are made: its set, list, entry by key, value.
constexpr size_t kBytesPerSet = 256;

}  // namespace

// ------------------------------------------------------------------------------- before traces

Result<std::optional<Bits>> Pipeline::possible(FilterBits::OfGroup& group) const {
  std::optional<Bits> out;
  for (const Anchor& anchor : anchors_) {
    std::optional<Bits> rows;
    for (const uint32_t filter : anchor.filters) {
      const Bits* passing = TRY(group.of(filter));
      if (passing == nullptr) continue;
      if (rows) {
        *rows |= *passing;
      } else {
        rows = *passing;
      }
    }
    if (!rows) return std::nullopt;
    if (out) {
      *out &= *rows;
    } else {
      out = std::move(rows);
    }
  }
  if (!out) return Bits(group.rows(), true);
  if (out->none()) return std::nullopt;
  return out;
}

// ------------------------------------------------------------------------------- one trace

Result<std::span<const MatchedSpans>> Pipeline::evaluate(TraceRows& trace) {
  sets_.clear();
  sets_memory_ = MemoryCharge(trace.control());
  if (trace.size() > 0) sets_.emplace_back(SpanBits(trace.size(), true));
  CHECK_OK(run(stages_, trace, sets_));
  return std::span<const MatchedSpans>(sets_);
}

Result<void> Pipeline::run(Stages& stages, TraceRows& trace, Sets& sets) {
  const int64_t others = sets_memory_.bytes();
  for (Stage& stage : stages) {
    if (sets.empty()) break;
    const int64_t before = sets_memory_.bytes();
    CHECK_OK(run_stage(stage, trace, sets));
    if (stage.form != Stage::Form::group) continue;
    CHECK_OK(sets_memory_.set(others + sets_memory_.bytes() - before));  // the old sets are gone
  }
  return {};
}

Result<void> Pipeline::run_stage(Stage& stage, TraceRows& trace, Sets& sets) {
  switch (stage.form) {
    case Stage::Form::spanset:
      return run_spanset(stage, trace, sets);
    case Stage::Form::scalar:
      return run_scalar(stage, trace, sets);
    case Stage::Form::group:
      return run_group(stage, trace, sets);
    case Stage::Form::coalesce:
      break;
  }
  SpanBits all(trace.size());
  for (const MatchedSpans& set : sets) set.add_to(all);
  sets.assign(1, MatchedSpans(std::move(all)));
  return {};
}

Result<void> Pipeline::run_spanset(const Stage& stage, TraceRows& trace, Sets& sets) {
  const bool is_filter = stage.steps.size() == 1 && stage.steps.front().form == Step::Form::filter;
  if (is_filter && sets.size() > 1) return pick_of_each(stage.steps.front(), trace, sets);
  size_t kept = 0;
  ControlledLoop loop(trace.control());
  for (MatchedSpans& set : sets) {
    CHECK_OK(loop.step(1 + trace.size() / 64));
    MatchedSpans out(TRY(run_steps(stage, trace, &set)));
    if (out.none()) continue;
    if (sets.size() > 1) out.make_list();  // bits of each would be quadratic in memory
    out.attributes = std::move(set.attributes);
    sets[kept++] = std::move(out);
  }
  sets.resize(kept);
  return {};
}

// A filter of many spansets is asked once.
Result<void> Pipeline::pick_of_each(const Step& step, TraceRows& trace, Sets& sets) {
  SpanBits passing(trace.size());
  CHECK_OK(trace.pass(step.index, passing));
  for (MatchedSpans& set : sets) set.keep(passing);
  std::erase_if(sets, [](const MatchedSpans& set) { return set.none(); });
  return {};
}

// A union of spansets is what && and || make of several; relations refuse them.
Result<SpanBits> Pipeline::run_steps(const Stage& stage, TraceRows& trace,
                                     const MatchedSpans* maybe_input) {
  struct Operand {
    SpanBits spans;
    bool is_several = false;
  };
  boost::container::small_vector<Operand, 4> stack;
  ControlledLoop loop(trace.control());
  for (const Step& step : stage.steps) {
    CHECK_OK(loop.step(1 + trace.size() / 64));
    if (step.form == Step::Form::pipeline) {
      Sets sets(1, MatchedSpans(maybe_input->bits(trace.size())));
      CHECK_OK(run(*pipelines_[step.index], trace, sets));
      Operand& out = stack.emplace_back(SpanBits(trace.size()), sets.size() > 1);
      for (const MatchedSpans& set : sets) set.add_to(out.spans);
    } else if (step.form != Step::Form::operation) {
      stack.emplace_back(TRY(run_filter(step, trace, maybe_input)), false);
    } else {
      Operand right = std::move(stack.back());
      stack.pop_back();
      Operand& left = stack.back();
      const bool relates =
          step.op.relation != Relation::both && step.op.relation != Relation::either;
      if (relates && (left.is_several || right.is_several)) {
        return fail(Code::invalid_argument,
                    "spanset operators are not supported for multiple spansets per trace. consider "
                    "using coalesce()");
      }
      const bool idle = right.spans.none() && step.op.relation != Relation::either;
      TraceTree* tree = relates && !idle ? TRY(trace.tree()) : nullptr;
      if (tree != nullptr) {
        left.spans = tree->apply(step.op, left.spans, right.spans);
      } else if (idle || (step.op.relation == Relation::both && left.spans.none())) {
        left.spans = SpanBits(trace.size());
      } else {
        left.spans |= right.spans;
      }
      left.is_several = false;
    }
  }
  return std::move(stack.back().spans);
}

Result<SpanBits> Pipeline::run_filter(const Step& step, TraceRows& trace,
                                      const MatchedSpans* maybe_input) {
  SpanBits out(trace.size());
  if (step.form == Step::Form::filter) {
    CHECK_OK(trace.pass(step.index, out));
    return std::move(out &= maybe_input->bits(trace.size()));
  }
  Result<void> result;
  ControlledLoop loop(trace.control());
  maybe_input->each([&](uint32_t span) {
    if (result) result = loop.step();
    if (!result) return;
    const auto columns = trace.columns(span);
    if (!columns) {
      result = std::unexpected(columns.error());
      return;
    }
    const auto holds = filters_[step.index].holds(**columns, trace.place(span).row, &trace.facts());
    if (!holds) result = std::unexpected(holds.error());
    if (holds && *holds) out.set(span);
  });
  CHECK_OK(std::move(result));
  return out;
}

// ------------------------------------------------------------------------------- aggregates

namespace {

// Of numbers; a sum has the type of its first value, and takes no others.
class Accumulator {
 public:
  explicit Accumulator(Function function) : function_(function) {}

  void add(const Datum& value) {
    if (!traceql::is_number(value.type())) return;
    if (count_ == 0) first_ = best_ = value;
    if (function_ == Function::min || function_ == Function::max) {
      const auto op = function_ == Function::min ? traceql::Op::less : traceql::Op::greater;
      const auto better = traceql::compute(op, value, best_);
      if (better && is_true(*better)) best_ = value;
    } else if (value.type() != first_.type()) {
      return;
    } else if (const auto* real = value.get_if<double>()) {
      real_ += *real;
    } else {
      const auto* whole = value.get_if<int64_t>();
      whole_ += static_cast<uint64_t>(whole != nullptr ? *whole : value.as<Duration>().ns);
    }
    ++count_;
  }

  // Nil without values.
  Datum result() const {
    if (count_ == 0) return {};
    if (function_ == Function::min || function_ == Function::max) return best_;
    const auto whole = static_cast<int64_t>(whole_);
    const bool averages = function_ == Function::avg;
    switch (first_.type()) {
      case Type::real:
        return datum(averages ? real_ / static_cast<double>(count_) : real_);
      case Type::duration:
        return datum(Duration{averages ? whole / static_cast<int64_t>(count_) : whole});
      default:
        break;
    }
    if (!averages) return datum(whole);
    return datum(static_cast<double>(whole) / static_cast<double>(count_));
  }

 private:
  Function function_;
  Datum first_;
  Datum best_;
  uint64_t whole_ = 0;  // wraps
  double real_ = 0;
  uint64_t count_ = 0;
};

// Calls take(span, value) for the spans of a set, until it fails.
template <class Take>
Result<void> each_value(Expression& expression, TraceRows& trace, const MatchedSpans& set,
                        Take take) {
  Result<void> result;
  ControlledLoop loop(trace.control());
  set.each([&](uint32_t span) {
    if (result) result = loop.step();
    if (!result) return;
    const auto columns = trace.columns(span);
    auto value = columns ? expression.value(**columns, trace.place(span).row, &trace.facts())
                         : std::unexpected(columns.error());
    result = value ? take(span, *std::move(value)) : std::unexpected(value.error());
  });
  return result;
}

// Bytes that differ for what are different groups: of one type, and equal, or both NaN.
std::string group_key(const Datum& value) {
  std::string out(1, static_cast<char>(value.type()));
  const auto add = [&out](auto bits) {
    out.append(reinterpret_cast<const char*>(&bits), sizeof bits);
  };
  const auto add_real = [&add](double real) {
    add(std::isnan(real) ? std::numeric_limits<double>::quiet_NaN() : real == 0 ? 0.0 : real);
  };
  if (const auto* text = value.get_if<std::string>()) {
    out += *text;
  } else if (const auto* whole = value.get_if<int64_t>()) {
    add(*whole);
  } else if (const auto* real = value.get_if<double>()) {
    add_real(*real);
  } else if (const auto* reals = value.get_if<std::vector<double>>()) {
    for (const double each : *reals) add_real(each);
  } else {
    out += traceql::datum_text(value);
  }
  return out;
}

void set_attribute(MatchedSpans& set, const std::string& key, Datum value) {
  std::erase_if(set.attributes,
                [&](const MatchedSpans::Attribute& each) { return *each.key == key; });
  set.attributes.push_back({&key, std::move(value)});
}

}  // namespace

Result<Datum> Pipeline::aggregate(Stage& stage, TraceRows& trace, const MatchedSpans& set) {
  if (stage.function == Function::count) return datum(int64_t{set.count()});
  Accumulator sum(stage.function);
  if (stage.expression->intrinsic() == traceql::Intrinsic::duration) {
    Result<void> result;
    set.each([&](uint32_t span) {
      if (!result) return;
      const auto columns = trace.columns(span);
      const auto ns = columns ? (*columns)->number(Field::duration_ns, trace.place(span).row)
                              : std::unexpected(columns.error());
      if (ns) return sum.add(datum(Duration{static_cast<int64_t>(*ns)}));
      result = std::unexpected(ns.error());
    });
    CHECK_OK(std::move(result));
    return sum.result();
  }
  CHECK_OK(
      each_value(*stage.expression, trace, set, [&](uint32_t, const Datum& value) -> Result<void> {
        sum.add(value);
        return {};
      }));
  return sum.result();
}

Result<void> Pipeline::run_scalar(Stage& stage, TraceRows& trace, Sets& sets) {
  size_t kept = 0;
  for (MatchedSpans& set : sets) {
    Datum value = TRY(aggregate(stage, trace, set));
    const auto holds = traceql::compute(stage.op, value, stage.number);
    if (!holds || !is_true(*holds)) continue;
    set_attribute(set, stage.text, std::move(value));
    if (&sets[kept] != &set) sets[kept] = std::move(set);
    ++kept;
  }
  sets.resize(kept);
  return {};
}

// Groups come in the order of their first spans.
Result<void> Pipeline::run_group(Stage& stage, TraceRows& trace, Sets& sets) {
  Sets out;
  for (const MatchedSpans& set : sets) {
    boost::unordered_flat_map<std::string, size_t> groups;
    std::vector<std::vector<uint32_t>> spans;
    std::vector<Datum> values;
    const auto add = [&](uint32_t span, Datum value) -> Result<void> {
      const auto [group, is_new] = groups.try_emplace(group_key(value), spans.size());
      if (is_new) {
        const size_t attributes = set.attributes.size() + 1;
        CHECK_OK(sets_memory_.grow(
            static_cast<int64_t>(kBytesPerSet + attributes * sizeof(MatchedSpans::Attribute) +
                                 2 * group->first.size())));
        spans.emplace_back();
        if (value.type() == Type::nil) value = datum(std::string("nil"));
        values.push_back(std::move(value));
      }
      spans[group->second].push_back(span);
      return {};
    };
    CHECK_OK(each_value(*stage.expression, trace, set, add));
    for (size_t g = 0; g < spans.size(); ++g) {
      MatchedSpans& part = out.emplace_back(std::move(spans[g]));
      part.attributes = set.attributes;
      part.attributes.push_back({&stage.text, std::move(values[g])});
    }
  }
  sets = std::move(out);
  return {};
}

// ------------------------------------------------------------------------------- the answer

Result<void> Pipeline::show(GroupColumns& group, uint32_t row, TraceValues* maybe_traces,
                            Filter::Shown& out) {
  for (const Shows& shown : shows_) {
    switch (shown.form) {
      case Shows::Form::filter:
        CHECK_OK(filters_[shown.index].show(group, row, maybe_traces, out));
        break;
      case Shows::Form::expression:
        CHECK_OK(shown_expressions_[shown.index].show(group, row, maybe_traces, out));
        break;
      case Shows::Form::attribute:
        CHECK_OK(out.add_first(shown_attributes_[shown.index],
                               {.group = &group, .maybe_traces = maybe_traces, .row = row}));
        break;
    }
  }
  return {};
}

}  // namespace vivace
