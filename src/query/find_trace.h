// A trace by its id: gathers its rows from every part of a snapshot, drops repeats (span id, kind;
// the older part wins), orders and groups them, and reads them one by one. Memory: 40 bytes a span
// (three times that while they are put in order), charged to the control's memory, and the columns
// of one row group a part; the spans themselves are never held.
//
// Order (query-API contract, 2.6): spans of a scope by start, then span id, then kind; scopes by
// their first span; resources by the first span of their first scope.
//
// Zipkin lets client and server share a span id. Readers expect ids to be unique, so a server span
// whose id a client span of the trace has as well gets an id that no span has or names as parent,
// the shared id becomes its parent, and spans that named the shared id as parent hang below the
// server span from then on.
//
// Damage costs the part, or the row group, that has it: the rest of the trace is there, and
// `damage` says what is not.
//
// One question, one thread; the Trace keeps its parts alive.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "model/ids.h"
#include "model/row_reader.h"
#include "model/span_view.h"
#include "query/query_budget.h"
#include "query/query_control.h"
#include "store/snapshot.h"

namespace vivace {

class Trace {
 public:
  // Spans of one resource and scope: `count` of them from `first` on.
  struct ScopeGroup {
    uint32_t part = 0;      // of the snapshots, all counted through
    uint32_t resource = 0;  // number in that part
    uint32_t scope = 0;     // number in that part
    uint32_t first = 0;
    uint32_t count = 0;
  };

  // In one snapshot, or in those of several tenants.
  static Trace find(const Snapshot& snapshot, const TraceId& id);
  // Fails only with errors of the control: damage leaves a trace that is not whole.
  static Result<Trace> find(std::span<const Snapshot> snapshots, const TraceId& id,
                            const QueryControl& control);
  static Trace find(std::span<const Snapshot> snapshots, const TraceId& id);

  bool empty() const { return spans_.empty(); }
  uint32_t spans() const { return static_cast<uint32_t>(spans_.size()); }
  // Forgets all spans but the first `count`, in the order of the groups.
  void keep_first(uint32_t count);

  // Groups with equal (part, resource) lie side by side.
  const std::vector<ScopeGroup>& groups() const { return groups_; }

  // False for what cannot be read, which is to be left out: there is damage.
  [[nodiscard]] bool read_resource(const ScopeGroup& group, ResourceView& out);
  [[nodiscard]] bool read_scope(const ScopeGroup& group, ScopeView& out);
  [[nodiscard]] bool read_span(const ScopeGroup& group, uint32_t index, SpanView& out);

  // The first thing that could not be read, up to now. The trace may lack spans then.
  const std::optional<Error>& damage() const { return damage_; }
  // What all this cost, up to now.
  const Inspected& inspected() const { return *inspected_; }

 private:
  struct Ref {
    uint64_t start_ns;
    SpanId span_id;
    int32_t kind;
    uint32_t part;
    uint32_t row;
    uint32_t resource;
    uint32_t scope;
  };
  struct Source {
    std::shared_ptr<const Part> part;
    RowReader reader;
    std::vector<Range> damaged = {};  // rows that are not tried again
  };

  Trace() = default;
  Result<void> gather(const Snapshot& snapshot, const TraceId& id, const QueryControl& control);
  Result<void> gather_rows(uint32_t part, const std::vector<uint32_t>& rows,
                           int64_t received_after_ns, const QueryControl& control);
  Result<Ref> read_ref(uint32_t part, uint32_t row);
  void drop_repeats();
  void group();
  void part_shared_ids();
  bool noted(const Result<void>& result);

  MemoryCharge memory_;
  std::unique_ptr<Inspected> inspected_ = std::make_unique<Inspected>();  // the readers know where
  std::vector<Source> sources_;                                           // by number of the part
  std::vector<Ref> spans_;
  std::vector<ScopeGroup> groups_;
  boost::unordered_flat_map<uint64_t, uint64_t>
      server_ids_;  // shared id -> the server span's new id
  std::optional<Error> damage_;
};

}  // namespace vivace
