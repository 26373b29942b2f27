// One whole trace as a pipeline looks at it: its spans in canonical order, numbered from 0, the
// rows where they lie, which of them pass each filter, and their tree.
//
//   RunRows        a trace that is a run of rows in one row group of a block: nothing is gathered
//   GatheredRows   any other: of heads, of several row groups, of several parts
//
// FilterBits answers each filter once a row group, for both. One question, one thread.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "query/bits.h"
#include "query/filter.h"
#include "query/part_set.h"
#include "query/query_budget.h"
#include "query/trace_tree.h"

namespace vivace {

// The rows of row groups that pass the filters of a question; remembered for some row groups.
class FilterBits {
 public:
  // All three must outlive it.
  FilterBits(PartSet& parts, std::span<Filter> filters, TraceFactsOf& facts)
      : parts_(parts), filters_(filters), facts_(facts), memory_(parts.control()) {}

  PartSet& parts() const { return parts_; }
  TraceFactsOf& facts() const { return facts_; }
  std::span<Filter> filters() const { return filters_; }

  // Of one row group. Damage is an error each time it is met.
  class OfGroup {
   public:
    OfGroup(FilterBits& all, uint32_t part, uint32_t group);
    uint32_t part() const { return part_; }
    uint32_t group() const { return group_; }
    uint32_t rows() const { return rows_; }
    // Null: no row passes.
    Result<const Bits*> of(uint32_t filter);

   private:
    struct Known {
      bool is_known = false;
      std::unique_ptr<Bits> bits;
    };
    FilterBits& all_;
    uint32_t part_;
    uint32_t group_;
    uint32_t rows_;
    std::vector<Known> known_;
  };
  std::shared_ptr<OfGroup> of(uint32_t part, uint32_t group);

  // Rows that were looked at, each once a row group.
  uint64_t inspected_spans() const { return inspected_spans_; }
  const std::vector<bool>& parts_seen() const { return parts_seen_; }

 private:
  PartSet& parts_;
  std::span<Filter> filters_;
  TraceFactsOf& facts_;
  MemoryCharge memory_;  // of the bits
  boost::unordered_flat_map<std::pair<uint32_t, uint32_t>, std::shared_ptr<OfGroup>> kept_;
  uint64_t inspected_spans_ = 0;
  std::vector<bool> parts_seen_;
};

class TraceRows {
 public:
  explicit TraceRows(FilterBits& bits) : bits_(bits) {}
  virtual ~TraceRows() = default;
  TraceRows(const TraceRows&) = delete;
  TraceRows& operator=(const TraceRows&) = delete;

  virtual uint32_t size() const = 0;
  // The spans that pass a filter; `out` has their size.
  virtual Result<void> pass(uint32_t filter, SpanBits& out) = 0;
  virtual Result<TraceTree*> tree() = 0;
  struct Place {
    uint32_t part = 0;
    uint32_t row = 0;
  };
  virtual Place place(uint32_t span) const = 0;

  // What single rows are asked through; kept until the next call.
  Result<GroupColumns*> columns(uint32_t span);
  // Part and row group of that: where the damage is that an evaluation met.
  std::optional<std::pair<uint32_t, uint32_t>> asked_last() const {
    if (columns_ == nullptr) return std::nullopt;
    return std::pair(columns_part_, columns_->group());
  }
  TraceFactsOf& facts() const { return bits_.facts(); }
  const QueryControl& control() const { return bits_.parts().control(); }

 protected:
  FilterBits& bits_;
  std::shared_ptr<GroupColumns> columns_;
  uint32_t columns_part_ = 0;
};

// Moves from run to run of one row group.
class RunRows final : public TraceRows {
 public:
  RunRows(FilterBits& bits, std::shared_ptr<FilterBits::OfGroup> group);

  void move_to(Range rows);  // of the part
  Range rows() const { return rows_; }

  uint32_t size() const override { return rows_.count; }
  Result<void> pass(uint32_t filter, SpanBits& out) override;
  Result<TraceTree*> tree() override;
  Place place(uint32_t span) const override { return {group_->part(), rows_.first + span}; }

 private:
  Result<void> link_by_ids();

  std::shared_ptr<FilterBits::OfGroup> group_;
  uint32_t first_row_ = 0;  // of the row group
  Range rows_;
  TraceTree tree_;
  bool is_linked_ = false;
  std::shared_ptr<GroupColumns> own_;  // while parents are looked at
  std::span<const uint32_t> parents_;
  std::vector<uint32_t> parents_copied_;
  std::vector<TraceTree::Node> nodes_;
};

class GatheredRows final : public TraceRows {
 public:
  explicit GatheredRows(FilterBits& bits) : TraceRows(bits) {}

  Result<void> gather(const TracePlaces& places);
  const std::vector<SpanRef>& spans() const { return spans_; }

  uint32_t size() const override { return static_cast<uint32_t>(spans_.size()); }
  Result<void> pass(uint32_t filter, SpanBits& out) override;
  Result<TraceTree*> tree() override;
  Place place(uint32_t span) const override { return {spans_[span].part, spans_[span].row}; }

 private:
  Result<void> look_up(uint32_t filter, SpanBits& out);

  std::vector<SpanRef> spans_;
  std::vector<SpanBits> passed_;  // of a large trace, by filter; empty: not asked for
  TraceTree tree_;
  bool is_linked_ = false;
  std::vector<TraceTree::Node> nodes_;
};

// The parents of spans by their ids, for TraceTree::link. Where that is
// damaged the span names itself, and is lost.
Result<void> nodes_of(PartSet& parts, std::span<const SpanRef> spans,
                      std::vector<TraceTree::Node>& out);

// The words of a dense field of one row group, side by side; copied into `room` if they are not.
std::span<const uint32_t> words_of(const TypedColumn& column, std::vector<uint32_t>& room);

}  // namespace vivace
