// The oracle's pipelines: what the stages of a query leave of the spans of one trace (TraceQL
// reference, 9 and 10). Every side of every operator is evaluated, so that whatever can fail does.
//
// Not part of the product.
#pragma once

#include <string>
#include <vector>

#include "query/testing/naive_span.h"
#include "traceql/ast.h"

namespace vivace::naive {

// `by(.x)` or `avg(duration)`, with what it came to.
struct Label {
  std::string name;
  traceql::Datum value;
};

struct SpanSet {
  std::vector<size_t> spans;  // of the trace, ascending
  std::vector<Label> attributes;
};

// Groups come in the order of their first spans; the language leaves that open.
std::vector<SpanSet> evaluate(const traceql::Pipeline& pipeline, const Trace& trace);

struct Found {
  const Trace* trace;
  std::vector<SpanSet> sets;
};

// Newest first, of equal starts by id.
std::vector<Found> search(const std::vector<Trace>& traces, const traceql::Query& query);

}  // namespace vivace::naive
