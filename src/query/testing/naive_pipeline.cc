// Stage by stage, nested loops over the spans of a trace.
#include "query/testing/naive_pipeline.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <tuple>

#include "query/testing/naive_field.h"
#include "traceql/compute.h"
#include "traceql/traceql.h"

namespace vivace::naive {
namespace {

using traceql::Aggregate;
using traceql::Datum;
using traceql::Form;
using traceql::Relation;
using traceql::Type;

using Sets = std::vector<SpanSet>;
using Spans = std::set<size_t>;

// Whether `a RELATION b` lets b go on.
bool related(Relation relation, const Place& a, const Place& b) {
  switch (relation) {
    case Relation::child:  // a > b: b is a child of a
      return a.left != 0 && b.parent == a.left;
    case Relation::parent:
      return b.left != 0 && a.parent == b.left;
    case Relation::descendant:  // a >> b: b is below a
      return a.left != 0 && b.left != 0 && a.left < b.left && b.right < a.right;
    case Relation::ancestor:
      return a.left != 0 && b.left != 0 && b.left < a.left && a.right < b.right;
    case Relation::sibling:
      return a.parent != 0 && a.parent == b.parent;
    default:
      throw std::logic_error("no relation of two spans");
  }
}

// Of one type and text; -0.0 is 0.0. NaN is a group.
bool is_same(const Datum& a, const Datum& b) {
  const auto* left = a.get_if<double>();
  const auto* right = b.get_if<double>();
  if (left != nullptr && right != nullptr) {
    return *left == *right || (std::isnan(*left) && std::isnan(*right));
  }
  return a.type() == b.type() && traceql::datum_text(a) == traceql::datum_text(b);
}

class Evaluator {
 public:
  explicit Evaluator(const Trace& trace) : trace_(trace) {}

  Sets run(const traceql::Pipeline& pipeline) {
    SpanSet all;
    for (size_t i = 0; i < trace_.spans.size(); ++i) all.spans.push_back(i);
    Sets sets = {all};
    for (const traceql::Stage& stage : pipeline.stages) {
      sets = std::visit([&](const auto& one) { return apply(one, sets); }, stage);
    }
    return sets;
  }

 private:
  Sets apply(const traceql::Spanset& spanset, const Sets& sets) {
    Sets out;
    for (const SpanSet& set : sets) {
      for (SpanSet& left : run(spanset, set)) out.push_back(std::move(left));
    }
    return out;
  }
  Sets apply(const traceql::Select&, const Sets& sets) { return sets; }

  Sets apply(const traceql::Coalesce&, const Sets& sets) {
    Spans all;
    for (const SpanSet& set : sets) all.insert(set.spans.begin(), set.spans.end());
    return one_set(all, {});
  }

  Sets apply(const traceql::GroupBy& by, const Sets& sets) {
    const std::string name = "by(" + traceql::canonical(by.by) + ")";
    Sets out;
    for (const SpanSet& set : sets) {
      Sets groups;
      for (const size_t span : set.spans) {
        const Datum value = value_of(by.by, trace_, trace_.spans[span]);
        const auto group = std::ranges::find_if(groups, [&](const SpanSet& other) {
          return is_same(other.attributes.back().value, value);
        });
        if (group != groups.end()) {
          group->spans.push_back(span);
          continue;
        }
        groups.push_back({{span}, set.attributes});
        groups.back().attributes.push_back({name, value});
      }
      out.insert(out.end(), groups.begin(), groups.end());
    }
    return out;
  }

  Sets apply(const traceql::ScalarFilter& filter, const Sets& sets) {
    Sets out;
    for (SpanSet set : sets) {
      const std::optional<Datum> value = aggregate(filter.aggregate(), set);
      if (!value) continue;
      const std::string name = traceql::canonical(filter.aggregate());
      std::erase_if(set.attributes, [&](const Label& label) { return label.name == name; });
      set.attributes.push_back({name, *value});
      const auto passes = traceql::compute(filter.op, *value, filter.number());
      if (passes && passes->as<bool>()) out.push_back(std::move(set));
    }
    return out;
  }

  std::optional<Datum> aggregate(const Aggregate& aggregate, const SpanSet& set) {
    if (aggregate.function == Aggregate::Function::count) {
      return traceql::datum(static_cast<int64_t>(set.spans.size()));
    }
    std::vector<Datum> values;
    for (const size_t span : set.spans) {
      Datum value = value_of(aggregate.of, trace_, trace_.spans[span]);
      if (traceql::is_number(value.type())) values.push_back(std::move(value));
    }
    if (values.empty()) return std::nullopt;
    switch (aggregate.function) {
      case Aggregate::Function::min:
        return *std::ranges::min_element(values, less);
      case Aggregate::Function::max:  // of equal ones the first
        return *std::ranges::max_element(values, less);
      case Aggregate::Function::sum:
        return sum(values);
      default:
        return average(values);
    }
  }

  static bool less(const Datum& a, const Datum& b) {
    return traceql::compute(traceql::Op::less, a, b)->as<bool>();
  }

  // Of the type of the first value; others are skipped.
  static Datum sum(const std::vector<Datum>& values) {
    Datum out = values.front();
    for (const Datum& value : std::span(values).subspan(1)) {
      if (value.type() != out.type()) continue;
      if (const auto* duration = value.get_if<traceql::Duration>()) {
        out = traceql::datum(traceql::Duration{out.as<traceql::Duration>().ns + duration->ns});
      } else {
        out = *traceql::compute(traceql::Op::add, out, value);
      }
    }
    return out;
  }

  static Datum average(const std::vector<Datum>& values) {
    const Datum total = sum(values);
    const auto count =
        std::ranges::count(values, total.type(), [](const Datum& value) { return value.type(); });
    if (const auto* duration = total.get_if<traceql::Duration>()) {
      return traceql::datum(traceql::Duration{duration->ns / count});
    }
    return *traceql::compute(traceql::Op::divide, total,
                             traceql::datum<double>(static_cast<double>(count)));
  }

  Sets run(const traceql::Spanset& spanset, const SpanSet& input) {
    if (const auto* pipeline = spanset.get_if<std::unique_ptr<traceql::Pipeline>>()) {
      return run(**pipeline);  // the grammar has them at the beginning alone
    }
    if (const auto* filter = spanset.get_if<traceql::Filter>()) {
      Spans left;
      for (const size_t span : input.spans) {
        if (passes(filter->condition, trace_, trace_.spans[span])) left.insert(span);
      }
      return one_set(left, input.attributes);
    }
    const traceql::Operation& operation = *spanset.get_if<traceql::Operation>();
    const Sets lhs = run(*operation.lhs, input);
    const Sets rhs = run(*operation.rhs, input);
    return one_set(combine(operation.op, lhs, rhs), input.attributes);
  }

  Spans combine(traceql::SpansetOp op, const Sets& lhs, const Sets& rhs) {
    const Spans a = union_of(lhs);
    const Spans b = union_of(rhs);
    Spans both = a;
    both.insert(b.begin(), b.end());
    if (op.relation == Relation::either) return both;
    if (op.relation == Relation::both) return a.empty() || b.empty() ? Spans{} : both;
    if (lhs.size() > 1 || rhs.size() > 1) {
      throw Failure("spanset operators are not supported for multiple spansets per trace");
    }
    Spans out;
    for (const size_t right : b) {
      bool found = false;
      for (const size_t left : a) {
        if (left == right || !related(op.relation, trace_.places[left], trace_.places[right])) {
          continue;
        }
        found = true;
        if (op.form == Form::united) out.insert(left);
      }
      if (found != (op.form == Form::negated)) out.insert(right);
    }
    return out;
  }

  static Spans union_of(const Sets& sets) {
    Spans out;
    for (const SpanSet& set : sets) out.insert(set.spans.begin(), set.spans.end());
    return out;
  }
  static Sets one_set(const Spans& spans, const std::vector<Label>& attributes) {
    if (spans.empty()) return {};
    return {{{spans.begin(), spans.end()}, attributes}};
  }

  const Trace& trace_;
};

}  // namespace

std::vector<SpanSet> evaluate(const traceql::Pipeline& pipeline, const Trace& trace) {
  return Evaluator(trace).run(pipeline);
}

std::vector<Found> search(const std::vector<Trace>& traces, const traceql::Query& query) {
  std::vector<Found> out;
  for (const Trace& trace : traces) {
    Found found{&trace, evaluate(query.pipeline, trace)};
    if (!found.sets.empty()) out.push_back(std::move(found));
  }
  std::ranges::sort(out, [](const Found& a, const Found& b) {
    return std::tie(b.trace->start_ns, a.trace->id) < std::tie(a.trace->start_ns, b.trace->id);
  });
  return out;
}

}  // namespace vivace::naive
