// Which spans come through a pipeline: everything before the `|` of a metrics function, or a whole
// search, over all parts of a snapshot.
//
//   class Count : public SpanSink { ... take(part, group, rows) counts rows.count() ... };
//   auto pipeline = TRY(Pipeline::compile(query.pipeline));       // pipeline.h
//   TraceFactsOf facts(parts, pipeline.needs_roots());
//   CHECK_OK(scan_pipeline(parts, pipeline, {start_ns, end_ns}, facts, control, count));
//
// Relations, aggregates and groups are those of whole traces, wherever their spans lie; the rows
// that come are the spans of all final spansets together. A span comes once, however often it is
// stored, but in no order, and a row group may come several times with other rows of it.
//
// The window says where spans are asked for: row groups outside of it are not visited. Spans that
// start or end outside may come all the same; who counts by time looks at their starts.
//
// A pipeline that is filters alone (`is_plain`) costs no look at traces, except at those that are
// split. Memory: see PartSet; a few KiB for each row group that holds split traces, and 40 bytes
// for each of these: charged to the control.
//
// Errors: Code::invalid_argument for what fails at run time, those of the control, those of the
// sink. Damage is contained and counted in PartSet::damaged. One thread.
#pragma once

#include <cstdint>

#include "query/part_set.h"
#include "query/pipeline.h"
#include "query/query_control.h"

namespace vivace {

class SpanSink {
 public:
  virtual ~SpanSink() = default;
  // Bit i of `rows` is row `group.owners(Scope::span).first + i` of that part. Not empty.
  virtual Result<void> take(uint32_t part, GroupColumns& group, const Bits& rows) = 0;
};

// Both inclusive.
struct ScanWindow {
  uint64_t start_ns = 0;
  uint64_t end_ns = UINT64_MAX;
};

Result<void> scan_pipeline(PartSet& parts, Pipeline& pipeline, const ScanWindow& window,
                           TraceFactsOf& facts, const QueryControl& control, SpanSink& sink);

}  // namespace vivace
