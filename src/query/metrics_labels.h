// Which series each row belongs to, by its values of the attributes in `by`.
//
// LabelColumn gives each row the number of its value of one attribute. It works on whole columns:
// a code of a dictionary is looked up once, a resource once a part, numbers through a small table.
// Grouping joins the numbers of several attributes to that of a series; where all attributes are
// those of resources, that number is kept by resource.
//
// One thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "query/metrics_ids.h"
#include "query/metrics_rows.h"
#include "query/row_values.h"
#include "traceql/ast.h"

namespace vivace::metrics {

class LabelColumn {
 public:
  LabelColumn(traceql::Attribute attribute, uint32_t values_max, Memory& memory)
      : attribute_(std::move(attribute)), values_(values_max, memory), memory_(memory) {}

  // ids[place] is the number of the row's value, as `values` has it.
  Result<void> read(GroupColumns& group, const PickedRows& rows, TraceValues* maybe_traces,
                    std::span<uint32_t> ids);

  // The same for owners of any kind; of an attribute of theirs, of event:name, or of the name and
  // version of scopes.
  Result<void> read_owned(GroupColumns& group, const PickedRows& owners, Scope owner,
                          std::span<uint32_t> ids);
  // Of an attribute whose columns are at hand.
  Result<void> read_key(GroupColumns& group, KeyColumns& key, const PickedRows& owners, Scope owner,
                        std::span<uint32_t> ids);

  // Whether in this row group it says the same for all spans of a resource.
  Result<bool> is_of_resource(GroupColumns& group) const;
  Result<uint32_t> of_resource(GroupColumns& group, uint32_t resource);

  const traceql::Attribute& attribute() const { return attribute_; }
  const ValueIds& values() const { return values_; }
  ValueIds& values() { return values_; }

 private:
  static constexpr uint32_t kUnknown = UINT32_MAX - 1;
  // What the codes of one dictionary are.
  struct Codes {
    const Texts* texts = nullptr;
    ValueType type = ValueType::string;
    std::shared_ptr<const void> keep;  // so that no other dictionary can take its address
    std::vector<uint32_t> ids;
  };
  struct Table {  // of resources, or of scopes
    uint64_t serial = 0;
    std::vector<uint32_t> ids;
  };

  Result<void> read_intrinsic(GroupColumns& group, const PickedRows& rows,
                              TraceValues* maybe_traces, std::span<uint32_t> ids);
  Result<void> read_table(GroupColumns& group, const PickedRows& rows, Scope owner, bool fill_only,
                          std::span<uint32_t> ids);
  Result<void> read_traces(GroupColumns& group, const PickedRows& rows, TraceValues* maybe_traces,
                           std::span<uint32_t> ids);
  Result<void> read_rows(GroupColumns& group, const PickedRows& rows, TraceValues* maybe_traces,
                         std::span<uint32_t> ids);
  void read_column(const TypedColumn& column, uint64_t serial, const PickedRows& rows,
                   std::span<uint32_t> ids);
  Codes& codes_of(const TypedColumn& column, uint64_t serial);
  void forget_codes(size_t count);
  uint32_t id_of_text(const TypedColumn& column, uint64_t code);
  void use_table(GroupColumns& group, Scope owner);
  Result<uint32_t> of_table(GroupColumns& group, Scope owner, uint32_t number);

  traceql::Attribute attribute_;
  ValueIds values_;
  Memory& memory_;
  uint64_t serial_ = 0;  // of codes_
  std::vector<Codes> codes_;
  Table table_;
  CachedIds durations_;
  std::array<uint32_t, 8> enums_ = {kUnknown, kUnknown, kUnknown, kUnknown,
                                    kUnknown, kUnknown, kUnknown, kUnknown};
};

class Grouping {
 public:
  static constexpr uint32_t kNoSeries = ValueIds::kTooMany;

  Grouping(std::span<const traceql::Attribute> by, uint32_t values_max, Memory& memory);

  // Without `by` there is one series, and nothing to read.
  bool is_single() const { return labels_.empty(); }
  // Sets series[place], kNoSeries where a value is one too many.
  Result<void> read(GroupColumns& group, const PickedRows& rows, TraceValues* maybe_traces,
                    std::vector<uint32_t>& series);
  // Whether in this row group all spans of a resource are in one series, and which.
  Result<bool> is_of_resources(GroupColumns& group) const;
  Result<uint32_t> of_resource(GroupColumns& group, uint32_t resource);
  uint32_t size() const { return size_; }  // of series so far

  // The labels of a series, those without a value left out.
  std::vector<std::pair<const traceql::Attribute*, const traceql::Datum*>> values(
      uint32_t series) const;
  const std::vector<LabelColumn>& labels() const { return labels_; }

 private:
  struct Node {
    uint32_t before = 0;  // the series of the attributes before
    uint32_t value = 0;
  };
  struct Level {
    std::vector<Node> nodes;
    CachedIds ids;
  };

  uint32_t join(size_t level, uint32_t before, uint32_t value);
  Result<void> read_resources(GroupColumns& group, const PickedRows& rows,
                              std::vector<uint32_t>& series);

  static constexpr uint32_t kUnknown = UINT32_MAX - 1;
  Memory& memory_;
  std::vector<LabelColumn> labels_;
  std::vector<Level> levels_;  // one a label
  uint32_t size_;
  std::vector<uint32_t> ids_;  // of one label
  uint64_t serial_ = 0;        // of by_resource_
  std::vector<uint32_t> by_resource_;
};

}  // namespace vivace::metrics
