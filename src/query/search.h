// Search: the newest traces in which some spans pass a query.
//
//   auto question = TRY(plan_search(query));
//   question.limit = 20; ...
//   SearchResult found = TRY(search(snapshots, question, control));
//
// EXACT. The answer is the `limit` newest of all traces that match, by the start of the whole
// trace, ties by trace id, and the same each time. Times, root and statistics are those of the
// whole trace, wherever its parts lie; a span counts once.
//
// HOW. Row groups are visited from the newest; in each, filters leave rows, these their traces
// (trace_scan.h), and those that are newer than the worst of `limit` traces found so far are asked
// for their spansets (pipeline.h). The search ends when no row group is left that could hold a
// newer one. What a trace looks like in the answer is evaluated again at the end, from all of its
// spans.
//
// A WINDOW is on the whole trace: it begins before the end and ends after the start, both
// inclusive. Row groups outside the window are visited only for their split traces that reach into
// it. (Of a trace id that several tenants have, such a row group of one tenant may be passed over
// when only the other tenant's spans reach into the window.)
//
// DAMAGE costs the row group that it is in, or the one trace whose spans lie elsewhere: the others
// are answered, and `damaged` counts what was left out.
//
// Memory: the answer, the columns of the row groups used last, the spans of one trace, and bitmaps
// of matches: all charged to the control's memory, that of the answer as long as it lives. Of a
// trace with very many spansets the first kSetsShownMax are told. A failing evaluation is
// Code::invalid_argument; other errors are those of the control, which is asked once a row group,
// and of its budget.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "query/filter.h"
#include "query/query_budget.h"
#include "query/query_control.h"
#include "store/snapshot.h"
#include "traceql/ast.h"

namespace vivace {

struct SearchQuestion {
  const traceql::Pipeline* pipeline = nullptr;  // borrowed; checked
  bool never = false;                           // the answer is empty without looking

  uint32_t limit = 20;
  uint32_t spans_per_set = 3;
  uint64_t start_ns = 0;  // the window; both inclusive
  uint64_t end_ns = UINT64_MAX;
  int64_t duration_min_ns = 0;  // of the whole trace; both inclusive
  int64_t duration_max_ns = INT64_MAX;
};

struct FoundSpan {
  SpanId id;
  uint64_t start_ns = 0;
  uint64_t duration_ns = 0;
  std::string name;  // only if the query names it
  std::vector<ShownValue> attributes;
};

struct FoundSpanSet {
  std::vector<FoundSpan> spans;        // the first, in canonical order
  uint32_t matched = 0;                // all that pass
  std::vector<ShownValue> attributes;  // of groups and aggregates, in the order of the stages
};

struct ServiceCounts {
  uint32_t spans = 0;
  uint32_t errors = 0;
};

// Of one trace. What is left out is counted by an attribute of the last one that is told.
constexpr size_t kSetsShownMax = 1000;
constexpr const char* kSetsLeftOut = "spanSetsLeftOut";

struct FoundTrace {
  TraceId id;
  uint64_t start_ns = 0;
  uint64_t end_ns = 0;  // below the start in a trace of odd spans
  std::string root_name;
  std::string root_service;        // empty if there is no root yet
  std::vector<FoundSpanSet> sets;  // at least one; groups by their first spans
  std::map<std::string, ServiceCounts> services;
};

struct SearchResult {
  std::vector<FoundTrace> traces;  // newest first
  uint64_t inspected_bytes = 0;
  uint64_t inspected_spans = 0;
  uint64_t inspected_traces = 0;  // of the parts that were looked into
  uint32_t parts = 0;
  uint32_t groups = 0;   // row groups in question; most may not have been visited
  uint32_t damaged = 0;  // that could not be read: the answer may lack traces
  MemoryCharge memory;   // of the traces
};

// The question of a query, which must outlive it. A metrics query is asked by its spans.
Result<SearchQuestion> plan_search(const traceql::Query& query);

Result<SearchResult> search(std::span<const Snapshot> snapshots, const SearchQuestion& question,
                            const QueryControl& control);

}  // namespace vivace
