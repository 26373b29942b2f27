// compare(): how often each value of each attribute comes up among the spans that a condition
// selects, and among the others (the baseline).
//
// An attribute is a LabelColumn and a tally (metrics_tally.h) of its values by cell, (side,
// interval). Attributes are those of the span, its resource and scope, its events and links, and
// the intrinsics that say what a span is: not ids, times, durations and places in the tree. The
// values of all events of a span count; in the totals a span counts once.
//
// Of a row group, everything that may be damaged is read first, and then all of it is counted. Only
// columns that picked spans have, as their shapes tell, are read. What resources and scopes have is
// counted by their numbers. An attribute that has too many values, hardly one of them twice (ids),
// is given up: from then on its totals are counted, by shapes, and its column is not read.
//
// A part may have as many keys as it has values, and any number of resources. Keys beyond the
// attributes that are compared are not kept; what is, is charged; and the question's control is
// asked between keys, so that a row group of very many ends when the question does.
//
// One thread.
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "query/filter.h"
#include "query/metrics_labels.h"
#include "query/metrics_tally.h"

namespace vivace::metrics {

class Compared {
 public:
  static Result<Compared> make(const traceql::Comparison& comparison, const MetricsAxis& axis,
                               const MetricsLimits& limits, Memory& memory);

  Result<void> add(GroupColumns& group, const PickedRows& rows, TraceValues* maybe_traces);
  // The first error of `take` ends it.
  using TakeSeries = std::function<Result<void>(MetricsSeries)>;
  Result<void> each_series(const TakeSeries& take) const;
  // What is missing; empty: nothing.
  std::string incomplete() const;

 private:
  static constexpr size_t kAttributesMax = 4'096;

  struct Attribute {
    Attribute(traceql::Attribute of, uint32_t values_max, uint32_t cells, Memory& memory)
        : label(std::move(of), values_max, memory), values(cells), totals(cells) {}
    LabelColumn label;
    Tally values;
    std::vector<uint64_t> totals;  // spans that have it, by cell
    bool is_given_up = false;
  };
  // A key of a part's owners of one kind; or an intrinsic of its scopes.
  struct Key {
    std::string name;
    Attribute* to = nullptr;           // null: nobody asked, or there are too many
    std::vector<uint32_t> columns;     // of the part
    bool is_plain = true;              // who has it has a value of the language
    bool is_wanted = false;            // by the row group at hand
    KeyColumns* maybe_read = nullptr;  // of the row group at hand; of tables, of the part
  };
  struct Keys {
    uint64_t serial = 0;  // of the part
    std::deque<Key> all;  // which do not move
    boost::unordered_flat_map<std::string_view, Key*, TextHash> by_name;
    std::vector<Key*> of_column;
    std::shared_ptr<const Shapes> shapes;
    std::vector<uint32_t> seen_in;  // the last visit, by shape
    uint64_t bytes = 0;             // that were taken for all this
  };
  // Owners of values: picked rows, or events or links of theirs.
  struct Owners {
    PickedRows picked;
    std::vector<uint32_t> spans;  // place of the row, by place
    std::vector<uint32_t> cells;  // of that row
  };
  // Owners that many rows share: resources, scopes.
  struct Shared {
    struct Rows {
      uint32_t owner = 0;  // its place among the owners
      uint32_t cell = 0;
      uint32_t count = 0;
    };
    PickedRows owners;  // that picked rows have
    std::vector<Rows> rows;
  };
  struct Roots {
    Attribute* to = nullptr;
    std::vector<uint32_t> ids;  // by place
  };

  Compared(Filter selection, const traceql::Comparison& comparison, const MetricsAxis& axis,
           const MetricsLimits& limits, Memory& memory);

  // What may fail.
  Result<void> find_cells(GroupColumns& group, const PickedRows& rows, TraceValues* maybe_traces);
  Result<void> number_cells();
  Result<void> read_intrinsics(GroupColumns& group, const PickedRows& rows,
                               TraceValues* maybe_traces);
  Result<void> read_shared(GroupColumns& group, const PickedRows& rows, Scope owner);
  static void find_owners(Range all, Shared& shared);
  Result<void> read_span_keys(GroupColumns& group, const PickedRows& rows);
  Result<void> read_belongings(GroupColumns& group, const PickedRows& rows, Scope owner);
  Result<Keys*> keys_of(GroupColumns& group, Scope owner);
  Key* add_key(Keys& keys, std::string_view name);
  Result<void> add_columns(const PartColumns& part, Scope owner, Keys& keys);
  Result<void> complete_table(GroupColumns& group, Scope owner, Keys& keys);
  Result<void> add_overflow_keys(GroupColumns& group, Scope owner, Keys& keys);
  Result<bool> want_by_shapes(GroupColumns& group, const PickedRows& rows, Keys& keys);
  Result<void> read_keys(GroupColumns& group, Scope owner, Keys& keys);

  // What cannot, but for the control.
  Result<void> count_all(GroupColumns& group, const PickedRows& rows);
  Result<void> count_shared(GroupColumns& group, Scope owner);
  Result<void> count_keys(GroupColumns& group, const PickedRows& rows);
  Result<void> count_belongings(GroupColumns& group, Scope owner);
  void count_values(Attribute& attribute, std::span<const uint32_t> ids,
                    std::span<const uint32_t> cells, const uint32_t* maybe_spans);
  Result<void> count_by_shapes(const Key& key, const Keys& keys, ControlledLoop& loop);
  void give_up_ids(Attribute& attribute);

  bool has_attribute(const traceql::Attribute& of) const;
  Attribute* attribute(const traceql::Attribute& of);
  Result<void> each_of_side(const Attribute& attribute, uint32_t side,
                            const TakeSeries& take) const;
  MetricsSeries make_series(std::string type, const std::string& key, traceql::Datum value,
                            std::span<const uint64_t> counts) const;
  std::string names_of(bool given_up) const;

  Filter selection_;
  const traceql::Comparison* comparison_;
  const MetricsAxis* axis_;
  MetricsLimits limits_;
  Memory* memory_;
  bool is_full_ = false;  // of attributes
  std::vector<std::unique_ptr<Attribute>> attributes_;
  boost::unordered_flat_map<std::string, uint32_t> by_name_;
  std::array<Keys, kScopes> keys_;  // of the part at hand, by Scope
  uint32_t visit_ = 0;              // counts row groups
  std::vector<uint32_t> number_of_cell_;

  // Of the row group at hand.
  std::vector<uint32_t> cells_;       // by place
  std::vector<uint32_t> cells_here_;  // each once
  std::vector<Attribute*> fields_;    // intrinsics that are columns
  std::array<Roots, 2> roots_;
  std::array<Shared, 2> shared_;       // resources, scopes
  std::array<Owners, 2> owners_;       // events, links
  std::vector<uint32_t> shapes_here_;  // of picked rows, each once
  std::vector<uint32_t> shape_of_;     // by place
  std::vector<uint32_t> ids_;
};

}  // namespace vivace::metrics
