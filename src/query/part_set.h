// All parts that one question looks at, as one place: columns of row groups by part and number, and
// traces over all parts.
//
// A trace may lie in several parts, and in several row groups of a part. Its spans are those of all
// parts, each (span id, kind) once; the older part wins. Row groups past retention are not there.
// The times of a trace count every copy of a span: copies have the same times, unless a client
// sends another span under the same id.
//
// Only traces that the snapshot calls split lie in several parts; the others are looked up nowhere
// else. Between snapshots of several tenants nobody knows, so any trace may be split.
//
// DAMAGE costs what it is in. Whoever meets an error asks `contain`: it counts damage, logs the
// first, and says whether to go on without; what is no damage is the question's own failure.
//
// One question, one thread. Memory: the columns of the row groups that were used last (half a
// million rows), and the spans of the trace that was gathered last, charged to the control; so
// errors are those of its budget, too.
#pragma once

#include <list>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>

#include "query/bits.h"
#include "query/group_columns.h"
#include "query/row_values.h"
#include "store/snapshot.h"

namespace vivace {

// Where a trace is.
struct TracePlaces {
  struct Place {
    uint32_t part = 0;
    uint32_t ordinal = 0;
  };
  TraceId id;
  uint64_t start_ns = UINT64_MAX;  // over all places
  uint64_t end_ns = 0;
  std::vector<Place> places;  // oldest part first
};

struct SpanRef {
  uint64_t start_ns = 0;
  SpanId id = {};
  int32_t kind = 0;
  uint32_t part = 0;
  uint32_t row = 0;
};

class PartSet {
 public:
  // One snapshot, or those of several tenants; all must outlive it.
  explicit PartSet(std::span<const Snapshot> snapshots,
                   const QueryControl& control = QueryControl::none());
  PartSet(const PartSet&) = delete;
  PartSet& operator=(const PartSet&) = delete;

  const QueryControl& control() const { return control_; }
  uint32_t size() const { return static_cast<uint32_t>(parts_.size()); }
  PartColumns& part(uint32_t part) const { return *parts_[part].columns; }
  uint32_t number_of(const PartColumns& part) const;
  // Whether row groups are past retention: one, and any of a part.
  bool is_hidden(uint32_t part, uint32_t group) const;
  bool has_hidden(uint32_t part) const { return parts_[part].has_hidden; }
  // Whether a row group overlaps the time, both ends inclusive, or another does that may have rows
  // of the same traces: all row groups of a head, and those that one large trace fills in a block.
  bool overlaps(uint32_t part, uint32_t group, uint64_t start_ns, uint64_t end_ns) const;
  // Kept while it is one of those used last, or held.
  std::shared_ptr<GroupColumns> group(uint32_t part, uint32_t group);
  std::shared_ptr<GroupColumns> group_of(const SpanRef& span);
  // For one that will not be asked for soon.
  void forget(uint32_t part, uint32_t group);

  // False: nobody knows which row groups outside a time have spans of traces inside it.
  bool knows_splits() const;
  // Whether any trace may be split, as far as is known.
  bool any_split() const { return any_split_; }
  // Whether rows of a trace lie side by side, in canonical order.
  bool is_in_order(uint32_t part) const { return parts_[part].columns->part().is_in_order(); }
  // Whether the trace may lie in several parts.
  bool is_split(const TraceId& id) const;
  // Those that overlap the time and do not lie inside it, so that row groups which `overlaps`
  // denies may have their spans; by id. Their times are at least as wide as the traces.
  Result<std::vector<SplitTrace>> reaching_into(uint64_t start_ns, uint64_t end_ns);
  // Takes out of the rows of a group those that repeat spans of older parts, for who counts rows
  // without gathering traces.
  void leave_out_repeats(uint32_t part, uint32_t group, Bits& rows) const;
  // The rows of a group whose traces may lie in several parts: what is evaluated inside the row
  // group leaves them out, and gathers these traces instead.
  Result<Bits> split_rows(uint32_t part, uint32_t group);

  // `find` will be asked for these traces, in whichever order: looks once into the filter of each
  // part for all of them. Takes the place of what was expected before. More than so many at a time
  // gain nothing, and may be for nothing where a question ends early.
  static constexpr size_t kExpectedMax = 256;
  void expect(std::span<const TraceId> traces);
  // Looks the trace up in every part that may have it. `known`: a place that it is known to have.
  Result<TracePlaces> find(const TraceId& id, std::optional<TracePlaces::Place> known = {});
  // Its spans in canonical order: start, span id, kind.
  Result<std::vector<SpanRef>> spans(const TracePlaces& trace);
  // The name and the service of the span that names the trace: the last one without a parent, be it
  // by a link (OpenTracing's `child_of`, into the same trace).
  struct Root {
    std::string name;
    std::string service;
  };
  Result<Root> root(std::span<const SpanRef> spans);
  Result<Root> name_of(const SpanRef& span);
  // Whether a span without a parent's id has one by a link.
  Result<bool> is_child_by_link(const SpanRef& span);
  // `service.name` of its resource; empty if that is no text.
  Result<std::string> service_of(const SpanRef& span);

  // Whether to go on: true for damage, which is noted.
  bool contain(const Error& error, uint32_t part, uint32_t group);

  // What reading columns cost. Look-ups are not counted: each would count a page of an index.
  const Inspected& inspected() const { return *inspected_; }
  uint32_t damaged() const;

 private:
  struct Source {
    std::unique_ptr<PartColumns> columns;
    const SplitTraces* maybe_splits = nullptr;
    uint32_t number = 0;  // in its snapshot
    int64_t received_after_ns = 0;
    bool has_hidden = false;
    bool is_block = false;               // rows of a trace lie side by side
    uint64_t start_min_ns = UINT64_MAX;  // over all row groups
    uint64_t end_max_ns = 0;
  };
  struct Kept {
    uint32_t part;
    uint32_t group;
    std::shared_ptr<GroupColumns> columns;
  };

  uint64_t rows_of(const Kept& kept) const;
  Result<void> look_into(uint32_t part, std::optional<TracePlaces::Place> known, TracePlaces& out);
  Result<void> add_place(uint32_t part, uint32_t ordinal, TracePlaces& out);
  Result<void> extend_by_rows(uint32_t part, uint32_t ordinal, TracePlaces& out);
  Result<void> add_spans(const TracePlaces::Place& place, std::vector<SpanRef>& out);
  Result<void> add_span(GroupColumns& columns, SpanRef span, std::vector<SpanRef>& out);

  const QueryControl& control_;
  MemoryCharge gathering_;  // of the last trace
  std::unique_ptr<Inspected> inspected_ = std::make_unique<Inspected>();
  Inspected lookups_;
  std::vector<const SplitTraces*> splits_;  // of each snapshot
  bool any_split_ = false;                  // nobody knows which are
  std::vector<Source> parts_;
  std::list<Kept> kept_;  // the last used first
  uint64_t kept_rows_ = 0;
  std::vector<std::pair<TraceId, uint32_t>> expected_;  // with each part that may have it, in order
  uint32_t damaged_parts_ = 0;
  boost::unordered_flat_set<std::pair<uint32_t, uint32_t>> damaged_groups_;
};

// The facts of traces, for filters that ask for them.
class TraceFactsOf final : public TraceValues {
 public:
  // `roots`: whether names of roots are asked for, which cost more than times.
  TraceFactsOf(PartSet& parts, bool roots) : parts_(parts), roots_(roots) {}
  Result<const TraceFacts*> facts(PartColumns& part, uint32_t ordinal) override;
  Result<void> durations(GroupColumns& group, const Bits& mask, std::span<int64_t> out) override;
  Result<Bits> roots(GroupColumns& group) override;
  Result<TraceTree::Numbers> numbers_of(GroupColumns& group, uint32_t row) override;
  Result<std::span<const TraceTree::Numbers>> numbers(GroupColumns& group) override;

 private:
  Result<void> roots_of_runs(GroupColumns& group, uint32_t part, Bits& out);
  Result<void> roots_of_head(GroupColumns& group, uint32_t part, Bits& out);
  Result<bool> has_numbers(PartColumns& part, uint32_t ordinal);
  Result<void> number_runs(GroupColumns& group, uint32_t part);
  Result<void> number_head(GroupColumns& group, uint32_t part);
  Result<void> number_gathered(const TraceId& id, TracePlaces::Place place, GroupColumns& group);
  Result<void> gather(const TraceId& id, TracePlaces::Place place);
  Result<TraceFacts> whole(const TraceEntry& entry, TracePlaces::Place place);
  Result<TraceFacts> gathered(const TraceEntry& entry, TracePlaces::Place place);

  PartSet& parts_;
  bool roots_;
  TraceId last_;
  std::optional<TraceFacts> facts_;  // of last_

  std::pair<uint64_t, uint32_t> numbers_of_;  // serial of the part, and row group
  std::vector<TraceTree::Numbers> numbers_;
  TraceTree tree_;
  TraceId gathered_;
  std::vector<SpanRef> spans_;                // of it; or of none
  std::vector<TraceTree::Numbers> of_trace_;  // by span
  boost::unordered_flat_map<std::pair<uint32_t, uint32_t>, uint32_t> place_of_;  // once asked for
};

}  // namespace vivace
