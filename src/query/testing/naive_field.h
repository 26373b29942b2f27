// The oracle's expressions: what one span has under a name, what operators make of it, and whether
// it passes a filter (TraceQL reference, sections 7 and 8). Shares nothing with the evaluator over
// columns but the arithmetic of single values, traceql/compute.h.
//
// Not part of the product.
#pragma once

#include "query/testing/naive_span.h"
#include "traceql/ast.h"

namespace vivace::naive {

// Whether some event and some link of the span make the condition true; of each at least "none".
bool passes(const traceql::FieldExpr& condition, const Trace& trace, const SentSpan& span);

// Outside of filters the first event and link count that make anything but nil of it.
traceql::Datum value_of(const traceql::FieldExpr& expression, const Trace& trace,
                        const SentSpan& span);
traceql::Datum value_of(const traceql::Attribute& attribute, const Trace& trace,
                        const SentSpan& span);

// As the language sees a stored value; nil for bytes, maps and mixed arrays.
traceql::Datum datum_of(const SentValue& value);

}  // namespace vivace::naive
