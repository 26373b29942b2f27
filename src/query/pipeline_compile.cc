// From the tree of the language to stages, and what can be known of a trace before it is looked at:
// which of its filters must have passed for some span. See pipeline.h.
#include <algorithm>
#include <cmath>

#include "query/pipeline.h"
#include "query/stored_values.h"
#include "traceql/traceql.h"

namespace vivace {

using traceql::Datum;
using traceql::Op;
using traceql::Relation;

class PipelineCompiler {
 public:
  Result<Pipeline> compile(const traceql::Pipeline& pipeline);

 private:
  using Stage = Pipeline::Stage;
  using Stages = Pipeline::Stages;
  using Step = Pipeline::Step;
  using Shows = Pipeline::Shows;
  using Anchor = Pipeline::Anchor;

  // What is known of the spans that come out of something.
  struct Known {
    Anchor anchor = {.any = true, .filters = {}};  // they pass one of these
    std::vector<uint32_t> needed;                  // and these are passed by somebody; ascending
  };

  Result<Known> add_stages(const traceql::Pipeline& pipeline, Stages& out, bool sees_all);
  Result<Known> add_stage(const traceql::Stage& from, Stages& out, bool sees_all);
  Result<Known> add_spanset(const traceql::Spanset& spanset, std::vector<Step>& out, bool sees_all);
  Result<Known> add_filter(const traceql::Filter& filter, std::vector<Step>& out, bool sees_all);
  Result<void> add_scalar(const traceql::ScalarFilter& filter, Stages& out);
  Result<void> add_group(const traceql::GroupBy& group, Stages& out);
  Result<void> show(const traceql::FieldExpr& expression);
  static Known both(Known left, Known right);
  static Known combine(traceql::SpansetOp op, const Known& left, Known right);
  void learn_count();

  Pipeline out_;
};

namespace {

std::vector<uint32_t> united(const std::vector<uint32_t>& a, const std::vector<uint32_t>& b) {
  std::vector<uint32_t> out;
  std::ranges::set_union(a, b, std::back_inserter(out));
  return out;
}

std::vector<uint32_t> common(const std::vector<uint32_t>& a, const std::vector<uint32_t>& b) {
  std::vector<uint32_t> out;
  std::ranges::set_intersection(a, b, std::back_inserter(out));
  return out;
}

}  // namespace

Result<Pipeline> PipelineCompiler::compile(const traceql::Pipeline& pipeline) {
  const Known known = TRY(add_stages(pipeline, out_.stages_, true));
  for (const Stage& stage : out_.stages_) {
    const bool is_filter = stage.form == Stage::Form::spanset && stage.steps.size() == 1 &&
                           stage.steps.front().form == Step::Form::filter;
    out_.is_plain_ = out_.is_plain_ && is_filter;
  }
  out_.needed_ = known.needed;
  learn_count();
  return std::move(out_);
}

// `sees_all`: the first stage is asked of every span of a trace.
auto PipelineCompiler::add_stages(const traceql::Pipeline& pipeline, Stages& out, bool sees_all)
    -> Result<Known> {
  Known known;
  const bool is_outer = &out == &out_.stages_;
  for (const traceql::Stage& stage : pipeline.stages) {
    const size_t before = out.size();
    const Known of_stage = TRY(add_stage(stage, out, sees_all));
    if (is_outer && !of_stage.anchor.any) out_.anchors_.push_back(of_stage.anchor);
    known.needed = united(known.needed, of_stage.needed);
    if (known.anchor.any) known.anchor = of_stage.anchor;
    sees_all = sees_all && out.size() == before;
  }
  return known;
}

auto PipelineCompiler::add_stage(const traceql::Stage& from, Stages& out, bool sees_all)
    -> Result<Known> {
  if (const auto* spanset = std::get_if<traceql::Spanset>(&from)) {
    if (const auto* inner = spanset->get_if<std::unique_ptr<traceql::Pipeline>>()) {
      return add_stages(**inner, out, sees_all);
    }
    Stage stage;
    Known known = TRY(add_spanset(*spanset, stage.steps, sees_all));
    const bool is_idle = stage.steps.size() == 1 && known.anchor.any && known.needed.empty() &&
                         stage.steps.front().form == Step::Form::filter;
    if (!is_idle) out.push_back(std::move(stage));  // `{ }` changes nothing
    return known;
  }
  if (const auto* filter = std::get_if<traceql::ScalarFilter>(&from)) {
    CHECK_OK(add_scalar(*filter, out));
  } else if (const auto* group = std::get_if<traceql::GroupBy>(&from)) {
    CHECK_OK(add_group(*group, out));
  } else if (const auto* select = std::get_if<traceql::Select>(&from)) {
    for (const traceql::Attribute& attribute : select->attributes) {
      out_.shows_.push_back({.form = Shows::Form::attribute,
                             .index = static_cast<uint32_t>(out_.shown_attributes_.size())});
      out_.shown_attributes_.push_back(attribute);
    }
  } else {
    out.emplace_back().form = Stage::Form::coalesce;
  }
  return Known{};
}

auto PipelineCompiler::add_spanset(const traceql::Spanset& spanset, std::vector<Step>& out,
                                   bool sees_all) -> Result<Known> {
  if (const auto* filter = spanset.get_if<traceql::Filter>()) {
    return add_filter(*filter, out, sees_all);
  }
  if (const auto* operation = spanset.get_if<traceql::Operation>()) {
    Known left = TRY(add_spanset(*operation->lhs, out, sees_all));
    Known right = TRY(add_spanset(*operation->rhs, out, sees_all));
    out.push_back({.form = Step::Form::operation, .op = operation->op});
    return combine(operation->op, left, std::move(right));
  }
  const auto index = static_cast<uint32_t>(out_.pipelines_.size());
  Stages* stages = out_.pipelines_.emplace_back(std::make_unique<Stages>()).get();
  Known known =
      TRY(add_stages(**spanset.get_if<std::unique_ptr<traceql::Pipeline>>(), *stages, sees_all));
  out.push_back({.form = Step::Form::pipeline, .index = index});
  return known;
}

auto PipelineCompiler::add_filter(const traceql::Filter& filter, std::vector<Step>& out,
                                  bool sees_all) -> Result<Known> {
  Filter compiled = TRY(Filter::compile(filter.condition));
  const auto index = static_cast<uint32_t>(out_.filters_.size());
  const bool by_row = compiled.may_fail() && !sees_all;
  const bool takes_all = compiled.takes_all();
  out_.filters_.push_back(std::move(compiled));
  out_.shows_.push_back({.form = Shows::Form::filter, .index = index});
  out.push_back({.form = by_row ? Step::Form::filter_by_row : Step::Form::filter, .index = index});
  if (by_row || takes_all) return Known{};
  return Known{.anchor = {.any = false, .filters = {index}}, .needed = {index}};
}

auto PipelineCompiler::combine(traceql::SpansetOp op, const Known& left, Known right) -> Known {
  const bool of_both = op.form == traceql::Form::united || op.relation == Relation::both ||
                       op.relation == Relation::either;
  Known out;
  if (of_both) {
    out.anchor.any = left.anchor.any || right.anchor.any;
    if (!out.anchor.any) out.anchor.filters = united(left.anchor.filters, right.anchor.filters);
  } else {
    out.anchor = right.anchor;
  }
  if (op.relation == Relation::either) {
    out.needed = common(left.needed, right.needed);
  } else if (op.form == traceql::Form::negated) {
    out.needed = std::move(right.needed);
  } else {
    out.needed = united(left.needed, right.needed);
  }
  return out;
}

Result<void> PipelineCompiler::add_scalar(const traceql::ScalarFilter& filter, Stages& out) {
  const traceql::Aggregate& aggregate = filter.aggregate();
  Stage stage;
  stage.form = Stage::Form::scalar;
  stage.function = aggregate.function;
  stage.op = filter.op;
  stage.number = filter.number();
  stage.text = traceql::canonical(aggregate);
  if (aggregate.function != traceql::Aggregate::Function::count) {
    stage.expression = TRY(Expression::compile(aggregate.of));
    CHECK_OK(show(aggregate.of));
  }
  out.push_back(std::move(stage));
  return {};
}

Result<void> PipelineCompiler::add_group(const traceql::GroupBy& group, Stages& out) {
  Stage stage;
  stage.form = Stage::Form::group;
  stage.expression = TRY(Expression::compile(group.by));
  stage.text = "by(" + traceql::canonical(group.by) + ")";
  CHECK_OK(show(group.by));
  out.push_back(std::move(stage));
  return {};
}

Result<void> PipelineCompiler::show(const traceql::FieldExpr& expression) {
  out_.shows_.push_back({.form = Shows::Form::expression,
                         .index = static_cast<uint32_t>(out_.shown_expressions_.size())});
  out_.shown_expressions_.push_back(TRY(Expression::compile(expression)));
  return {};
}

// `| count() > n`, when nothing behind it makes fewer rows possible than it counts.
void PipelineCompiler::learn_count() {
  for (const Stage& stage : out_.stages_) {
    if (stage.form == Stage::Form::spanset) out_.count_min_ = 0;
    if (stage.form != Stage::Form::scalar) continue;
    if (stage.function != traceql::Aggregate::Function::count) continue;
    double least = 0;
    if (const auto* whole = stage.number.get_if<int64_t>()) least = static_cast<double>(*whole);
    if (const auto* real = stage.number.get_if<double>()) least = *real;
    if (stage.op == Op::greater) least = std::floor(least) + 1;
    if (stage.op != Op::greater && stage.op != Op::greater_equal && stage.op != Op::equal) continue;
    if (!(least >= 1) || least > 4e9) continue;  // what is more, the evaluation finds out
    out_.count_min_ = std::max(out_.count_min_, static_cast<uint32_t>(std::ceil(least)));
  }
}

Result<Pipeline> Pipeline::compile(const traceql::Pipeline& pipeline) {
  return PipelineCompiler().compile(pipeline);
}

bool Pipeline::mentions(traceql::Intrinsic intrinsic) const {
  const auto mentioned = [&](const auto& each) { return each.mentions(intrinsic); };
  return std::ranges::any_of(filters_, mentioned) ||
         std::ranges::any_of(shown_expressions_, mentioned) ||
         std::ranges::find(shown_attributes_, intrinsic, &traceql::Attribute::intrinsic) !=
             shown_attributes_.end();
}

bool Pipeline::needs_roots() const {
  return mentions(traceql::Intrinsic::root_name) || mentions(traceql::Intrinsic::root_service);
}

}  // namespace vivace
