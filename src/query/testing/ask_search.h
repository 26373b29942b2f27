// Searches of one snapshot, asked in TraceQL, and the traces that came, by the numbers that
// make_trace_id gave them.
//
// Not part of the product.
#pragma once

#include <bit>
#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "query/search.h"
#include "traceql/traceql.h"

namespace vivace {

// The control must outlive the answer.
inline Result<SearchResult> ask(const Snapshot& snapshot, const std::string& text,
                                const std::function<void(SearchQuestion&)>& adjust,
                                const QueryControl& control = QueryControl::none()) {
  const auto query = traceql::parse(text);
  EXPECT_TRUE(query) << text;
  SearchQuestion question = TRY(plan_search(*query));
  question.limit = question.spans_per_set = 1'000;
  if (adjust) adjust(question);
  return search({&snapshot, 1}, question, control);
}
inline Result<SearchResult> ask(const Snapshot& snapshot, const std::string& text,
                                const QueryControl& control = QueryControl::none()) {
  return ask(snapshot, text, nullptr, control);
}

// In the order of the answer; a number that no trace has when there is none.
inline std::vector<uint64_t> traces_of(const Result<SearchResult>& result) {
  std::vector<uint64_t> out;
  if (!result) return {UINT64_MAX};
  for (const FoundTrace& trace : result->traces) {
    out.push_back(std::byteswap(load<uint64_t>(trace.id.bytes.data() + 8)));
  }
  return out;
}

}  // namespace vivace
