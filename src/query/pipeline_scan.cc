// Row group by row group; what comes out of traces that were gathered waits in a list by row group
// until the end.
#include "query/pipeline_scan.h"

#include <map>
#include <memory>

#include <boost/unordered/unordered_flat_set.hpp>

#include "query/trace_scan.h"

namespace vivace {
namespace {

constexpr uint32_t kChecksEvery = 64;  // gathered traces between two looks at clock and memory
// In a hash table and a map, with what both need beside it.
constexpr size_t kBytesPerGathered = 40;
constexpr size_t kBytesPerElsewhere = 128;

class PipelineScan final : public TraceVisitor {
 public:
  PipelineScan(PartSet& parts, Pipeline& pipeline, TraceFactsOf& facts, const QueryControl& control,
               SpanSink& sink)
      : parts_(parts),
        pipeline_(pipeline),
        control_(control),
        sink_(sink),
        bits_(parts, pipeline.filters(), facts),
        traces_(parts, pipeline, bits_),
        memory_(control) {}

  Result<void> run(const ScanWindow& window);

  bool wants(const TraceEntry&) override { return true; }
  Result<void> whole(TraceRows& rows, const TraceEntry& trace, TracePlaces::Place place) override;
  bool wants_split(const TraceId& id) const override { return !gathered_.contains(id); }
  Result<void> split(const TraceId& id, TracePlaces::Place place) override;

 private:
  Result<void> visit(uint32_t part, uint32_t group);
  Result<void> visit_plain(uint32_t part, uint32_t group);
  void take(const TraceRows::Place& place);
  bool lies_here(const TraceRows& rows) const;
  Result<void> go_without(const Error& error);
  Result<void> charge();

  PartSet& parts_;
  Pipeline& pipeline_;
  const QueryControl& control_;
  SpanSink& sink_;
  FilterBits bits_;
  TraceScan traces_;
  std::pair<uint32_t, uint32_t> here_;  // the row group that is visited
  Range here_rows_;
  Bits found_;                                               // in it
  std::map<std::pair<uint32_t, uint32_t>, Bits> elsewhere_;  // by part and group
  boost::unordered_flat_set<TraceId, TraceIdHash> gathered_;
  size_t elsewhere_bytes_ = 0;
  MemoryCharge memory_;  // of these two
};

Result<void> PipelineScan::run(const ScanWindow& window) {
  for (uint32_t part = 0; part < parts_.size(); ++part) {
    const auto groups = static_cast<uint32_t>(parts_.part(part).groups().size());
    for (uint32_t group = 0; group < groups; ++group) {
      if (parts_.is_hidden(part, group)) continue;
      if (!parts_.overlaps(part, group, window.start_ns, window.end_ns)) continue;
      CHECK_OK(control_.check());
      const bool rows_alone = pipeline_.is_plain() && !parts_.any_split();
      const auto visited = rows_alone ? visit_plain(part, group) : visit(part, group);
      if (!visited && !parts_.contain(visited.error(), part, group)) {
        return std::unexpected(visited.error());
      }
    }
  }
  for (const auto& [place, rows] : elsewhere_) {
    CHECK_OK(control_.check());
    CHECK_OK(sink_.take(place.first, *parts_.group(place.first, place.second), rows));
  }
  return {};
}

Result<void> PipelineScan::visit_plain(uint32_t part, uint32_t group) {
  const auto bits = bits_.of(part, group);
  std::optional<Bits> rows = TRY(pipeline_.possible(*bits));
  if (rows) parts_.leave_out_repeats(part, group, *rows);
  if (!rows || rows->none()) return {};
  return sink_.take(part, *parts_.group(part, group), *rows);
}

Result<void> PipelineScan::visit(uint32_t part, uint32_t group) {
  here_ = {part, group};
  here_rows_ = parts_.part(part).groups()[group].rows;
  found_ = Bits(here_rows_.count);
  CHECK_OK(traces_.visit(part, group, *this));  // what was found in a damaged one is left out
  CHECK_OK(charge());
  if (found_.none()) return {};
  return sink_.take(part, *parts_.group(part, group), found_);
}

void PipelineScan::take(const TraceRows::Place& place) {
  if (place.part == here_.first && place.row - here_rows_.first < here_rows_.count) {
    found_.set(place.row - here_rows_.first);
    return;
  }
  const PartColumns& part = parts_.part(place.part);
  const uint32_t group = part.group_of(place.row);
  const Range rows = part.groups()[group].rows;
  Bits& bits = elsewhere_[{place.part, group}];
  if (bits.size() == 0) {
    bits = Bits(rows.count);
    elsewhere_bytes_ += kBytesPerElsewhere + rows.count / 8;
  }
  bits.set(place.row - rows.first);
}

Result<void> PipelineScan::whole(TraceRows& rows, const TraceEntry&, TracePlaces::Place) {
  const auto sets = pipeline_.evaluate(rows);
  if (!sets) return lies_here(rows) ? std::unexpected(sets.error()) : go_without(sets.error());
  for (const MatchedSpans& set : *sets) {
    set.each([&](uint32_t span) { take(rows.place(span)); });
  }
  return {};
}

bool PipelineScan::lies_here(const TraceRows& rows) const {
  for (uint32_t span = 0; span < rows.size(); ++span) {
    const TraceRows::Place place = rows.place(span);
    if (place.part != here_.first || place.row - here_rows_.first >= here_rows_.count) return false;
  }
  return true;
}

// A trace that reaches into other row groups, one of which is damaged: the others of this one are
// whole.
Result<void> PipelineScan::go_without(const Error& error) {
  if (parts_.contain(error, here_.first, here_.second)) return {};
  return std::unexpected(error);
}

Result<void> PipelineScan::charge() {
  return memory_.set(static_cast<int64_t>(gathered_.size() * kBytesPerGathered + elsewhere_bytes_));
}

Result<void> PipelineScan::split(const TraceId& id, TracePlaces::Place place) {
  if (!gathered_.insert(id).second) return {};
  if (gathered_.size() % kChecksEvery == 0) {
    CHECK_OK(control_.check());
    CHECK_OK(charge());
  }
  GatheredRows rows(bits_);
  const auto places = parts_.find(id, place);
  if (!places) return go_without(places.error());
  if (const auto gathered = rows.gather(*places); !gathered) return go_without(gathered.error());
  return whole(rows, {}, place);
}

}  // namespace

Result<void> scan_pipeline(PartSet& parts, Pipeline& pipeline, const ScanWindow& window,
                           TraceFactsOf& facts, const QueryControl& control, SpanSink& sink) {
  return PipelineScan(parts, pipeline, facts, control, sink).run(window);
}

}  // namespace vivace
