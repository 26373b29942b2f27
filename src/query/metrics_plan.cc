// Which of a query is asked how: filters in a row of row groups, as one condition after the other;
// everything else before the metric of whole traces, by the pipeline that searches have too.
#include <fmt/format.h>

#include "query/metrics.h"
#include "traceql/traceql.h"

namespace vivace {
namespace {

constexpr size_t kQuantilesMax = 100;  // each makes a series of every group
constexpr size_t kSecondStagesMax = 100;

// False: not filters alone.
bool add_pipeline(const traceql::Pipeline& pipeline, MetricsQuestion& out);

bool add_spanset(const traceql::Spanset& spanset, MetricsQuestion& out) {
  if (const auto* filter = spanset.get_if<traceql::Filter>()) {
    const auto* literal = filter->condition.get_if<traceql::Datum>();
    const bool* holds = literal == nullptr ? nullptr : literal->get_if<bool>();
    if (holds == nullptr || !*holds) out.spans.push_back(&filter->condition);
    return true;
  }
  const auto* pipeline = spanset.get_if<std::unique_ptr<traceql::Pipeline>>();
  return pipeline != nullptr && add_pipeline(**pipeline, out);
}

bool add_pipeline(const traceql::Pipeline& pipeline, MetricsQuestion& out) {
  for (const traceql::Stage& stage : pipeline.stages) {
    if (std::holds_alternative<traceql::Select>(stage)) continue;  // says what to show
    const auto* spanset = std::get_if<traceql::Spanset>(&stage);
    if (spanset == nullptr || !add_spanset(*spanset, out)) return false;
  }
  return true;
}

}  // namespace

Result<MetricsQuestion> plan_metrics(const traceql::Query& query) {
  if (!query.metric) return fail(Code::invalid_argument, "not a metrics query");
  if (query.metric->quantiles.size() > kQuantilesMax) {
    return fail(Code::invalid_argument, fmt::format("{} quantiles, at most {} can be asked for",
                                                    query.metric->quantiles.size(), kQuantilesMax));
  }
  if (query.second_stages.size() > kSecondStagesMax) {
    return fail(Code::invalid_argument,
                fmt::format("{} stages behind the metric, at most {} can be asked for",
                            query.second_stages.size(), kSecondStagesMax));
  }
  MetricsQuestion out;
  out.query = &query;
  out.never = traceql::never_matches(query.pipeline);
  out.is_of_traces = !add_pipeline(query.pipeline, out);
  if (out.is_of_traces) out.spans.clear();
  return out;
}

}  // namespace vivace
