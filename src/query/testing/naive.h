// The oracle of queries: evaluates any query over plain spans in the most obvious way, from the
// rules of the TraceQL reference. naive_span.h makes traces of parts, naive_field.h looks at one
// span, naive_pipeline.h at one trace, naive_metrics.h at all of them over time. It shares nothing
// with the evaluator over columns but the arithmetic of single values.
//
// Not part of the product.
#pragma once

#include <algorithm>
#include <tuple>
#include <vector>

#include "query/testing/naive_field.h"
#include "query/testing/naive_metrics.h"
#include "query/testing/naive_pipeline.h"
#include "query/testing/naive_span.h"

namespace vivace::naive {

struct Match {
  const Trace* trace;
  std::vector<const SentSpan*> spans;
};

// Of a single filter. Newest first.
inline std::vector<Match> search(const std::vector<Trace>& traces,
                                 const traceql::FieldExpr& condition) {
  std::vector<Match> out;
  for (const Trace& trace : traces) {
    Match match{&trace, {}};
    for (const SentSpan& span : trace.spans) {
      if (passes(condition, trace, span)) match.spans.push_back(&span);
    }
    if (!match.spans.empty()) out.push_back(std::move(match));
  }
  std::ranges::sort(out, [](const Match& a, const Match& b) {
    return std::tie(b.trace->start_ns, a.trace->id) < std::tie(a.trace->start_ns, b.trace->id);
  });
  return out;
}

}  // namespace vivace::naive
