// Which queries are questions that evaluate_metrics() answers: filters in a row, then a metric.
// What else the language has before the metric is named and refused here, before anything is read.
#include <fmt/format.h>

#include "query/metrics.h"
#include "traceql/traceql.h"

namespace vivace {
namespace {

std::unexpected<Error> not_yet(std::string_view what) {
  return fail(Code::invalid_argument, fmt::format("this version does not evaluate {} yet", what));
}

Result<void> add_spanset(const traceql::Spanset& spanset, MetricsQuestion& out);

struct AddStage {
  MetricsQuestion& out;

  Result<void> operator()(const traceql::Spanset& spanset) const {
    return add_spanset(spanset, out);
  }
  Result<void> operator()(const traceql::Select&) const { return {}; }  // says what to show
  Result<void> operator()(const traceql::ScalarFilter& filter) const {
    return not_yet(traceql::canonical(filter.aggregate()));
  }
  Result<void> operator()(const traceql::GroupBy&) const { return not_yet("by()"); }
  Result<void> operator()(const traceql::Coalesce&) const { return not_yet("coalesce()"); }
};

Result<void> add_pipeline(const traceql::Pipeline& pipeline, MetricsQuestion& out) {
  for (const traceql::Stage& stage : pipeline.stages) CHECK_OK(std::visit(AddStage{out}, stage));
  return {};
}

Result<void> add_spanset(const traceql::Spanset& spanset, MetricsQuestion& out) {
  if (const auto* filter = spanset.get_if<traceql::Filter>()) {
    const auto* literal = filter->condition.get_if<traceql::Datum>();
    const bool* holds = literal == nullptr ? nullptr : literal->get_if<bool>();
    if (holds == nullptr || !*holds) out.spans.push_back(&filter->condition);
    return {};
  }
  if (const auto* operation = spanset.get_if<traceql::Operation>()) {
    return not_yet(fmt::format("{} between spansets", traceql::text_of(operation->op)));
  }
  return add_pipeline(**spanset.get_if<std::unique_ptr<traceql::Pipeline>>(), out);
}

}  // namespace

Result<MetricsQuestion> plan_metrics(const traceql::Query& query) {
  if (!query.metric) return fail(Code::invalid_argument, "not a metrics query");
  MetricsQuestion out;
  out.query = &query;
  out.never = traceql::never_matches(query.pipeline);
  CHECK_OK(add_pipeline(query.pipeline, out));
  return out;
}

}  // namespace vivace
