// Snapshots made by hand, one head a part, and traces read back whole.
//
// Not part of the product.
#pragma once

#include <memory>
#include <vector>

#include "decode/otlp.h"
#include "head/head_part.h"
#include "model/testing/otlp_bytes.h"
#include "model/testing/same_span.h"
#include "query/find_trace.h"

namespace vivace {

using Parts = std::vector<std::vector<SentSpan>>;  // oldest first

inline Snapshot snapshot_of(const Parts& parts) {
  Snapshot out;
  for (const std::vector<SentSpan>& spans : parts) {
    auto head = std::make_shared<Head>();
    auto batch = decode_otlp(to_otlp(spans), {});
    ASSERT(batch);
    head->append(**batch, 1);
    out.parts.push_back(std::make_shared<HeadPart>(std::move(head)));
  }
  return out;
}

// All spans, in the order of the groups.
inline std::vector<SentSpan> read_all(Trace& trace) {
  std::vector<SentSpan> out;
  SpanView span;
  ResourceView resource;
  ScopeView scope;
  for (const Trace::ScopeGroup& group : trace.groups()) {
    ASSERT(trace.read_resource(group, resource));
    ASSERT(trace.read_scope(group, scope));
    for (uint32_t i = 0; i < group.count; ++i) {
      ASSERT(trace.read_span(group, i, span));
      out.push_back(to_sent(span, resource, scope));
    }
  }
  return out;
}
inline std::vector<SentSpan> read_all(Trace&& trace) { return read_all(trace); }

}  // namespace vivace
