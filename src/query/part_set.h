// All parts that one question looks at, as one place: columns of row groups by part and number, and
// traces over all parts.
//
// A trace may lie in several parts, and in several row groups of a part. Its spans are those of all
// parts, each (span id, kind) once; the older part wins. Row groups past retention are not there.
// The times of a trace count every copy of a span: copies have the same times, unless a client
// sends another span under the same id.
//
// DAMAGE costs what it is in. Whoever meets an error asks `contain`: it counts damage, logs the
// first, and says whether to go on without; what is no damage is the question's own failure.
//
// One question, one thread. Memory: the columns of the few row groups that were used last, and at
// most kKnownTracesMax fingerprints of traces.
#pragma once

#include <list>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include <boost/unordered/unordered_flat_set.hpp>

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

// A part that is asked for many traces, most of which it does not have, is asked for all that it
// has, once; from then on only those are looked up.
constexpr uint32_t kKnownTracesMax = 4'000'000;

struct SpanRef {
  uint64_t start_ns = 0;
  SpanId id = {};
  int32_t kind = 0;
  uint32_t part = 0;
  uint32_t row = 0;
};

class PartSet {
 public:
  // One snapshot, or those of several tenants; they must outlive it.
  explicit PartSet(std::span<const Snapshot> snapshots);
  PartSet(const PartSet&) = delete;
  PartSet& operator=(const PartSet&) = delete;

  uint32_t size() const { return static_cast<uint32_t>(parts_.size()); }
  PartColumns& part(uint32_t part) const { return *parts_[part].columns; }
  uint32_t number_of(const PartColumns& part) const;
  // Whether row groups are past retention: one, and any of a part.
  bool is_hidden(uint32_t part, uint32_t group) const;
  bool has_hidden(uint32_t part) const { return parts_[part].has_hidden; }
  // Kept while it is one of those used last, or held.
  std::shared_ptr<GroupColumns> group(uint32_t part, uint32_t group);
  std::shared_ptr<GroupColumns> group_of(const SpanRef& span);
  // For one that will not be asked for soon.
  void forget(uint32_t part, uint32_t group);

  // Looks the trace up in every part. `known`: a place that it is known to have.
  Result<TracePlaces> find(const TraceId& id, std::optional<TracePlaces::Place> known = {});
  // Its spans in canonical order: start, span id, kind.
  Result<std::vector<SpanRef>> spans(const TracePlaces& trace);
  // The name and the service of the span that names the trace: the last one without a parent.
  struct Root {
    std::string name;
    std::string service;
  };
  Result<Root> root(std::span<const SpanRef> spans);
  // `service.name` of its resource; empty if that is no text.
  Result<std::string> service_of(const SpanRef& span);

  // Whether to go on: true for damage, which is noted.
  bool contain(const Error& error, uint32_t part, uint32_t group);

  // What reading columns cost. Look-ups are not counted: each would count a page of an index.
  const Inspected& inspected() const { return *inspected_; }
  uint32_t damaged() const {
    return damaged_parts_ + static_cast<uint32_t>(damaged_groups_.size());
  }

 private:
  struct Source {
    std::unique_ptr<PartColumns> columns;
    int64_t received_after_ns = 0;
    bool has_hidden = false;
    uint32_t lookups = 0;
    std::optional<boost::unordered_flat_set<uint64_t>> known = std::nullopt;  // TraceId::hash
  };
  struct Kept {
    uint32_t part;
    uint32_t group;
    std::shared_ptr<GroupColumns> columns;
  };

  Result<std::optional<uint32_t>> look_up(uint32_t part, const TraceId& id);
  Result<void> know(Source& source);
  Result<void> add_place(uint32_t part, uint32_t ordinal, TracePlaces& out);
  Result<void> extend_by_rows(uint32_t part, uint32_t ordinal, TracePlaces& out);
  Result<void> add_spans(const TracePlaces::Place& place, std::vector<SpanRef>& out);
  Result<void> add_span(GroupColumns& columns, SpanRef span, std::vector<SpanRef>& out);

  std::unique_ptr<Inspected> inspected_ = std::make_unique<Inspected>();
  Inspected lookups_;
  uint32_t known_left_ = kKnownTracesMax;
  std::vector<Source> parts_;
  std::list<Kept> kept_;  // the last used first
  uint32_t damaged_parts_ = 0;
  boost::unordered_flat_set<std::pair<uint32_t, uint32_t>> damaged_groups_;
};

// The facts of traces, for filters that ask for them.
class TraceFactsOf final : public TraceValues {
 public:
  // `roots`: whether names of roots are asked for, which cost more than times.
  TraceFactsOf(PartSet& parts, bool roots) : parts_(parts), roots_(roots) {}
  Result<const TraceFacts*> facts(PartColumns& part, uint32_t ordinal) override;

 private:
  PartSet& parts_;
  bool roots_;
  TraceId last_;
  std::optional<TraceFacts> facts_;  // of last_
};

}  // namespace vivace
