// The tree of one trace: who is whose parent, which spans hang together with a root, and what the
// relations of spansets (TraceQL reference, 9) say of them. Spans are numbered in canonical order.
//
// A ROOT is a span with an empty parent id; a trace may have several. A span whose parent is not
// there, and everything below it, is unconnected, and so are spans whose parents go round in a
// circle: unconnected spans stand in no relation.
//
// SHARED IDS. Two spans with one id are the two halves of a call: who names them as parent hangs
// below the server's half, but a server hangs below the client's; where no half fits, the span is
// unconnected. If three spans or more share an id, all of the trace is unconnected.
//
// Everything is linear in the spans of the trace, without recursion. One object serves one trace
// after the other and keeps its room. One thread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "model/columns.h"
#include "model/ids.h"
#include "query/bits.h"
#include "traceql/operators.h"

namespace vivace {

class TraceTree {
 public:
  struct Node {
    SpanId id;
    SpanId parent_id;
    int32_t kind = 0;  // of OTLP
  };
  // By ids.
  void link(std::span<const Node> nodes);
  // By rows of parents, as Field::parent_row has them, of a whole trace whose first span is
  // `first_row`. False: spans may share an id, so that link() must be asked.
  bool link_rows(std::span<const uint32_t> parent_rows, uint32_t first_row);

  uint32_t size() const { return static_cast<uint32_t>(parents_.size()); }

  // The spans of B that `A relation B` returns, plain.
  SpanBits related(traceql::Relation relation, const SpanBits& a, const SpanBits& b);
  // In any of its forms.
  SpanBits apply(traceql::SpansetOp op, const SpanBits& a, const SpanBits& b);

  // Nested sets: all zero for what is unconnected; the parent of a root is -1. Children count
  // wherever they hang.
  struct Numbers {
    int32_t left = 0;
    int32_t right = 0;
    int32_t parent = 0;
    int32_t children = 0;
  };
  // The roots are numbered in canonical order, depth first, children in canonical order.
  void number(std::vector<Numbers>& out);

 private:
  static constexpr uint32_t kRoot = kNoRow;
  static constexpr uint32_t kLost = kOtherRow;
  struct Shared {  // who has an id
    uint32_t first = kLost;
    uint32_t second = kLost;
    bool more = false;
  };

  bool has_parent(uint32_t span) const { return parents_[span] < kLost; }
  uint32_t parent_among(const Node& node, const Shared& shared, std::span<const Node> nodes) const;
  void connect();
  void connect_any_order();
  void number_below(uint32_t root, int32_t& next, std::vector<Numbers>& out) const;
  SpanBits below(const SpanBits& a, const SpanBits& b);
  SpanBits above(const SpanBits& a, const SpanBits& b) const;
  SpanBits beside(const SpanBits& a, const SpanBits& b);

  std::vector<uint32_t> parents_;  // kRoot, kLost
  bool all_connected_ = false;
  bool all_lost_ = false;           // three spans share an id
  std::vector<uint8_t> connected_;  // unless all are
  std::vector<uint8_t> marks_;      // of one walk
  std::vector<uint32_t> path_;      // likewise
  std::vector<uint32_t> counts_;    // of spans of a set, by parent
  std::vector<uint32_t> first_child_;
  std::vector<uint32_t> next_sibling_;
  boost::unordered_flat_map<uint64_t, Shared> by_id_;
};

}  // namespace vivace
