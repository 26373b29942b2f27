// The traces of a row group of which some spans may come through a pipeline, one after the other,
// as cheaply as can be: most are ruled out by bitmaps, 64 rows at a time, and the others that are
// whole inside the row group are looked at where they lie.
//
//   class Mine : public TraceVisitor { ... };
//   TraceScan scan(parts, pipeline, bits);
//   CHECK_OK(scan.visit(part, group, mine));       // for each row group in question
//
// A trace that lies in one part is met once, whichever of its row groups are visited, if the
// visitor wants it. Split ones are met at each visit that sees a possible row of them.
//
// A head has its traces' rows anywhere in it, so the first visit to one looks at all of its row
// groups: 12 bytes a trace are kept. One thread.
#pragma once

#include <optional>
#include <vector>

#include "query/pipeline.h"

namespace vivace {

class TraceVisitor {
 public:
  virtual ~TraceVisitor() = default;
  // Whether a trace that lies in one part is to be looked at. They come from the newest, by start,
  // if the part is in order.
  virtual bool wants(const TraceEntry& trace) = 0;
  // One that the visitor wanted. Of a plain pipeline some span comes through; of any other, that is
  // to be found out.
  virtual Result<void> whole(TraceRows& rows, const TraceEntry& trace,
                             TracePlaces::Place place) = 0;
  // Whether one that may have spans elsewhere, too, is still to be looked at.
  virtual bool wants_split(const TraceId&) const { return true; }
  // One of these.
  virtual Result<void> split(const TraceId& id, TracePlaces::Place place) = 0;
};

class TraceScan {
 public:
  // All three must outlive it.
  TraceScan(PartSet& parts, const Pipeline& pipeline, FilterBits& bits)
      : parts_(parts),
        pipeline_(pipeline),
        bits_(bits),
        heads_(parts.size()),
        memory_(parts.control()) {}

  Result<void> visit(uint32_t part, uint32_t group, TraceVisitor& visitor);

 private:
  // What is known of the traces of a part that is in no order, by ordinal.
  struct Head {
    bool is_known = false;
    std::vector<uint32_t> possible;  // rows
    std::vector<uint64_t> passed;    // of the needed filters, a bit each
    Bits visited;
  };

  Result<void> visit_runs(uint32_t part, const std::shared_ptr<FilterBits::OfGroup>& group,
                          const Bits& possible, TraceVisitor& visitor);
  size_t expect(const TraceRuns& table, size_t from, const Range& rows, const Bits& possible,
                const TraceVisitor& visitor);
  Result<void> visit_head(uint32_t part, FilterBits::OfGroup& group, const Bits& possible,
                          TraceVisitor& visitor);
  Result<void> learn(uint32_t part, Head& head);
  Result<void> visit_gathered(const TraceEntry& trace, TracePlaces::Place place,
                              TraceVisitor& visitor);

  PartSet& parts_;
  const Pipeline& pipeline_;
  FilterBits& bits_;
  std::vector<Head> heads_;
  MemoryCharge memory_;  // of them
};

}  // namespace vivace
