// Which queries are one question to search(): filters in a row, and select(). Everything else of
// the language is named and refused here, before anything is read; whoever builds a part of it
// takes its refusal away.
#include <fmt/format.h>

#include "query/search.h"
#include "traceql/traceql.h"

namespace vivace {
namespace {

std::unexpected<Error> not_yet(std::string_view what) {
  return fail(Code::invalid_argument, fmt::format("this version does not evaluate {} yet", what));
}

Result<void> add_spanset(const traceql::Spanset& spanset, SearchQuestion& out);

struct AddStage {
  SearchQuestion& out;

  Result<void> operator()(const traceql::Spanset& spanset) const {
    return add_spanset(spanset, out);
  }
  Result<void> operator()(const traceql::Select& select) const {
    for (const traceql::Attribute& attribute : select.attributes) {
      if (!is_evaluated(attribute.intrinsic)) {
        return not_yet(traceql::name_of(attribute.intrinsic).printed);
      }
      out.select.push_back(attribute);
    }
    return {};
  }
  Result<void> operator()(const traceql::ScalarFilter& filter) const {
    return not_yet(traceql::canonical(filter.aggregate()));
  }
  Result<void> operator()(const traceql::GroupBy&) const { return not_yet("by()"); }
  Result<void> operator()(const traceql::Coalesce&) const { return not_yet("coalesce()"); }
};

Result<void> add_pipeline(const traceql::Pipeline& pipeline, SearchQuestion& out) {
  for (const traceql::Stage& stage : pipeline.stages) CHECK_OK(std::visit(AddStage{out}, stage));
  return {};
}

Result<void> add_spanset(const traceql::Spanset& spanset, SearchQuestion& out) {
  if (const auto* filter = spanset.get_if<traceql::Filter>()) {
    out.spans.push_back(&filter->condition);
    return {};
  }
  if (const auto* operation = spanset.get_if<traceql::Operation>()) {
    return not_yet(fmt::format("{} between spansets", traceql::text_of(operation->op)));
  }
  return add_pipeline(**spanset.get_if<std::unique_ptr<traceql::Pipeline>>(), out);
}

}  // namespace

Result<SearchQuestion> plan_search(const traceql::Query& query) {
  SearchQuestion out;
  out.never = traceql::never_matches(query.pipeline);
  CHECK_OK(add_pipeline(query.pipeline, out));
  return out;
}

}  // namespace vivace
