// Spans and traces of a part as plain structs, read the way the product reads them.
//
//   PartReader reader(part);
//   EXPECT_EQ(difference(reader.span(row), sent), "");
//
// Not part of the product. One thread; the part must outlive it.
#pragma once

#include <vector>

#include "model/row_reader.h"
#include "model/testing/same_span.h"

namespace vivace {

class PartReader {
 public:
  explicit PartReader(const Part& part) : part_(part), reader_(part, inspected_) {}

  SentSpan span(uint32_t row) {
    ASSERT(reader_.read_span(row, span_));
    ASSERT(reader_.read_resource(word(Field::resource, row), resource_));
    ASSERT(reader_.read_scope(word(Field::scope, row), scope_));
    return to_sent(span_, resource_, scope_);
  }
  std::vector<SentSpan> spans() {
    std::vector<SentSpan> out;
    for (uint32_t row = 0; row < part_.rows(); ++row) out.push_back(span(row));
    return out;
  }
  uint64_t number(Field field, uint32_t row) { return reader_.number(field, row).value(); }
  uint32_t word(Field field, uint32_t row) { return static_cast<uint32_t>(number(field, row)); }

  // Of a trace, ascending; none if it is not there.
  std::vector<uint32_t> rows_of(const TraceId& id) {
    std::vector<uint32_t> rows;
    const auto ordinal = part_.find_trace(id, inspected_).value();
    if (ordinal) ASSERT(part_.trace_rows(*ordinal, rows, inspected_));
    return rows;
  }

 private:
  const Part& part_;
  Inspected inspected_;
  RowReader reader_;
  SpanView span_;  // used again and again, as writers do
  ResourceView resource_;
  ScopeView scope_;
};

}  // namespace vivace
