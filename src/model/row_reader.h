// Reads whole spans back from a part: what an answer by trace id needs. It keeps the columns of the
// row group that it read last, each from the first time it is needed, so rows are best read in
// ascending order; memory is that of one row group's columns. Columns that point into the part
// itself, as those of heads do, are kept for the other row groups, too.
//
// Views point into these columns: they are good until a row of another row group is read, or the
// reader dies. After an error, what it was to fill means nothing; other rows may be readable still.
// One thread.
#pragma once

#include <memory>

#include "model/columns.h"
#include "model/span_view.h"

namespace vivace {

class RowReader {
 public:
  // Both must outlive the reader.
  RowReader(const Part& part, Inspected& inspected);
  ~RowReader();
  RowReader(RowReader&&) noexcept;
  RowReader& operator=(RowReader&&) noexcept;

  Result<void> read_span(uint32_t row, SpanView& out);
  // One of a span's numbers; reads no other column.
  Result<uint64_t> number(Field field, uint32_t row);
  // By the numbers that Field::resource and Field::scope hold.
  Result<void> read_resource(uint32_t resource, ResourceView& out);
  Result<void> read_scope(uint32_t scope, ScopeView& out);

 private:
  class Columns;  // in row_reader.cc
  std::unique_ptr<Columns> columns_;
};

}  // namespace vivace
