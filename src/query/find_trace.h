// A trace by its id: gathers its rows from every part of a snapshot, drops repeats (span id, kind;
// the older part wins), orders and groups them, and reads them one by one. Memory: 40 bytes a span;
// the spans themselves are never held.
//
// Order (query-API contract, 2.6): spans of a scope by start, then span id, then kind; scopes by
// their first span; resources by the first span of their first scope.
//
// Zipkin lets client and server share a span id. Readers expect ids to be unique, so a server span
// whose id a client span of the trace has as well gets an id that no span has or names as parent,
// the shared id becomes its parent, and spans that named the shared id as parent hang below the
// server span from then on.
//
// One question, one thread; the Trace keeps its snapshot alive.
#pragma once

#include <cstdint>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "model/ids.h"
#include "model/span_view.h"
#include "store/snapshot.h"

namespace vivace {

class Trace {
 public:
  // Spans of one resource and scope: `count` of them from `first` on.
  struct ScopeGroup {
    uint32_t part = 0;      // of the snapshot
    uint32_t resource = 0;  // number in that part
    uint32_t scope = 0;     // number in that part
    uint32_t first = 0;
    uint32_t count = 0;
  };

  static Trace find(Snapshot snapshot, const TraceId& id);

  bool empty() const { return spans_.empty(); }
  uint32_t spans() const { return static_cast<uint32_t>(spans_.size()); }
  // Forgets all spans but the first `count`, in the order of the groups.
  void keep_first(uint32_t count);

  // Groups with equal (part, resource) lie side by side.
  const std::vector<ScopeGroup>& groups() const { return groups_; }

  void read_resource(const ScopeGroup& group, ResourceView& out) const;
  void read_scope(const ScopeGroup& group, ScopeView& out) const;
  void read_span(const ScopeGroup& group, uint32_t index, SpanView& out) const;

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

  void gather(const TraceId& id);
  void drop_repeats();
  void group();
  void part_shared_ids();

  Snapshot snapshot_;
  std::vector<Ref> spans_;
  std::vector<ScopeGroup> groups_;
  boost::unordered_flat_map<uint64_t, uint64_t>
      server_ids_;  // shared id -> the server span's new id
};

}  // namespace vivace
