// A head as a part (model/columns.h): what it had published when this was made, and nothing that
// came later. Columns point straight into the head's chunks; only what a head keeps in fewer bytes
// than columns have (receive times, types of overflowed attributes) is copied, a row group at a
// time.
//
// Any thread, no locks. Making one costs a few loads; it keeps the head alive.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "head/head.h"
#include "model/columns.h"

namespace vivace {

class HeadPart final : public Part {
 public:
  explicit HeadPart(std::shared_ptr<const Head> head);

  uint32_t rows() const override { return published_.rows; }
  uint32_t traces() const override { return published_.traces; }
  // These may count some that came while this was made, and that no row has.
  uint32_t resources() const override { return resources_; }
  uint32_t scopes() const override { return scopes_; }
  uint32_t columns(Scope owner) const override;

  uint32_t groups() const override;
  RowGroup group(uint32_t group) const override;
  AttributeName column(Scope owner, uint32_t column) const override;

  // A head is in memory: nothing below fails, and nothing is inspected.
  Result<Column> read(Field field, uint32_t group, Inspected& inspected) const override;
  Result<Column> read_attribute(Scope owner, uint32_t column, uint32_t group,
                                Inspected& inspected) const override;
  Result<Overflow> read_overflow(Scope owner, uint32_t group, Inspected& inspected) const override;
  Result<std::shared_ptr<const Shapes>> shapes(Scope owner, Inspected& inspected) const override;

  Result<std::optional<uint32_t>> find_trace(const TraceId& id,
                                             Inspected& inspected) const override;
  Result<TraceEntry> trace(uint32_t ordinal, Inspected& inspected) const override;
  // Without a look at its rows.
  const TraceId& trace_id(uint32_t ordinal) const { return head_->traces_.id(ordinal); }
  Result<void> trace_rows(uint32_t ordinal, std::vector<uint32_t>& rows,
                          Inspected& inspected) const override;

  // Of all owners. For a head that nobody appends to any more.
  struct AttributeCounts {
    uint64_t all = 0;
    uint64_t overflowed = 0;  // into lists, for want of a column
  };
  AttributeCounts attribute_counts() const;

 private:
  const AttributeTable& table(Scope owner) const;
  Range rows_of(uint32_t group) const;
  Range owners_of(Scope owner, uint32_t group) const;
  Column rare(const Head::RareColumn& column, Range owners) const;
  Column rare_text(const Head::RareColumn& column, Range owners) const;
  Column received(Range rows) const;
  Column parent_rows(Range rows) const;

  std::shared_ptr<const Head> head_;
  Head::Published published_;
  uint32_t resources_ = 0;
  uint32_t scopes_ = 0;
  std::array<uint32_t, kScopes> columns_{};  // by Scope
};

}  // namespace vivace
