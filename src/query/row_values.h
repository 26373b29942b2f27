// What one span has under a name of the language: the way for single rows, used where a filter
// cannot work on whole columns, and for what an answer shows of a span.
//
// One thread; errors are those of reading columns.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "query/bits.h"
#include "query/group_columns.h"
#include "query/trace_tree.h"
#include "traceql/ast.h"

namespace vivace {

// What is the same for all spans of a trace, over all its parts.
struct TraceFacts {
  uint64_t start_ns = 0;
  uint64_t end_ns = 0;
  std::string root_name;     // empty without a root
  std::string root_service;  // likewise, or without a service.name

  // At most what a duration can be.
  int64_t duration_ns() const {
    if (end_ns <= start_ns) return 0;
    return static_cast<int64_t>(std::min<uint64_t>(end_ns - start_ns, INT64_MAX));
  }
};

// Looks traces up for filters that ask about them.
class TraceValues {
 public:
  virtual ~TraceValues() = default;
  // Durations of the traces of the rows in the mask, by place in the row group.
  virtual Result<void> durations(GroupColumns& group, const Bits& mask, std::span<int64_t> out) = 0;
  // The spans of the row group whose nestedSetParent is -1; far cheaper than all numbers.
  virtual Result<Bits> roots(GroupColumns& group) = 0;
  // Of one span.
  virtual Result<TraceTree::Numbers> numbers_of(GroupColumns& group, uint32_t row) = 0;
  // Of each span of the row group, by its place there. Good until the next call.
  virtual Result<std::span<const TraceTree::Numbers>> numbers(GroupColumns& group) = 0;
  // Of the trace that has this ordinal in that part. The pointer is good until the next call.
  virtual Result<const TraceFacts*> facts(PartColumns& part, uint32_t ordinal) = 0;
};

// A span, and the event and link of it that stand for all its events and links at the moment. An
// attribute of an event is nil where there is none.
struct Cursor {
  GroupColumns* group = nullptr;
  TraceValues* maybe_traces = nullptr;  // null: questions about traces are an error
  uint32_t row = 0;
  std::optional<uint32_t> event = std::nullopt;
  std::optional<uint32_t> link = std::nullopt;
};

struct Seen {
  traceql::Datum value;  // nil: it has none
  // Where it came from: for `.x`, span or resource.
  traceql::Scope scope = traceql::Scope::span;
};
Result<Seen> row_value(const traceql::Attribute& attribute, const Cursor& at);

// What names and ids are when they are compared.
bool is_of_trace(traceql::Intrinsic intrinsic);  // the facts of a trace, not its id
bool is_of_tree(traceql::Intrinsic intrinsic);   // one of a span's nested-set numbers
int64_t number_of(traceql::Intrinsic intrinsic, const TraceTree::Numbers& numbers);
// Which owner an attribute belongs to; `any` counts as span.
Scope owner_of(const traceql::Attribute& attribute);

std::string hex_of(SpanId id);  // empty for none
std::string hex_of(const TraceId& id);

// The first of the events (or links) of a row, and how many it has. `span_of` is Field::event_span
// or Field::link_span.
Result<Range> belongings(GroupColumns& group, Field span_of, uint32_t row);

}  // namespace vivace
