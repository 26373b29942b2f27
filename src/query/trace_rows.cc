// The rows of one trace and which filters they pass: a run of rows cuts its bits out of those of
// the row group, a gathered trace looks each span up. See trace_rows.h.
#include "query/trace_rows.h"

#include <algorithm>

namespace vivace {
namespace {

constexpr uint32_t kSpansOfLarge = 1024;
constexpr size_t kPassedMax = 64;     // filters whose spans are remembered
constexpr size_t kGroupsKept = 1024;  // 2 to 8 KiB each and filter

}  // namespace

// ------------------------------------------------------------------------------- filters

FilterBits::OfGroup::OfGroup(FilterBits& all, uint32_t part, uint32_t group)
    : all_(all),
      part_(part),
      group_(group),
      rows_(all.parts().part(part).groups()[group].rows.count),
      known_(all.filters().size()) {}

Result<const Bits*> FilterBits::OfGroup::of(uint32_t filter) {
  Known& known = known_[filter];
  if (!known.is_known) {
    const auto columns = all_.parts_.group(part_, group_);
    Bits rows = TRY(all_.filters_[filter].rows(*columns, &all_.facts_));
    if (!rows.none()) {
      CHECK_OK(all_.memory_.grow(rows_ / 8));
      known.bits = std::make_unique<Bits>(std::move(rows));
    }
    known.is_known = true;
  }
  return known.bits.get();
}

std::shared_ptr<FilterBits::OfGroup> FilterBits::of(uint32_t part, uint32_t group) {
  const auto known = kept_.find({part, group});
  if (known != kept_.end()) return known->second;
  if (kept_.size() * std::max<size_t>(filters_.size(), 1) >= kGroupsKept) {
    kept_.clear();
    memory_.release();
  }
  auto out = std::make_shared<OfGroup>(*this, part, group);
  inspected_spans_ += out->rows();
  parts_seen_.resize(parts_.size());
  parts_seen_[part] = true;
  kept_.emplace(std::pair(part, group), out);
  return out;
}

// ------------------------------------------------------------------------------- TraceRows

Result<GroupColumns*> TraceRows::columns(uint32_t span) {
  const Place at = place(span);
  const bool same =
      columns_ != nullptr && columns_part_ == at.part &&
      at.row - columns_->owners(Scope::span).first < columns_->owners(Scope::span).count;
  if (!same) {
    columns_ = bits_.parts().group(at.part, bits_.parts().part(at.part).group_of(at.row));
    columns_part_ = at.part;
  }
  return columns_.get();
}

std::span<const uint32_t> words_of(const TypedColumn& column, std::vector<uint32_t>& room) {
  const auto& slices = column.column.slices;
  if (slices.size() == 1 && slices.front().words != nullptr) {
    return {slices.front().words, slices.front().count};
  }
  room.clear();
  for (const Slice& slice : slices) {
    for (uint32_t i = 0; i < slice.count; ++i) {
      room.push_back(static_cast<uint32_t>(number_at(slice, i)));
    }
  }
  return room;
}

// ------------------------------------------------------------------------------- RunRows

RunRows::RunRows(FilterBits& bits, std::shared_ptr<FilterBits::OfGroup> group)
    : TraceRows(bits),
      group_(std::move(group)),
      first_row_(bits.parts().part(group_->part()).groups()[group_->group()].rows.first) {}

void RunRows::move_to(Range rows) {
  rows_ = rows;
  is_linked_ = false;
}

Result<void> RunRows::pass(uint32_t filter, SpanBits& out) {
  const Bits* bits = TRY(group_->of(filter));
  if (bits == nullptr) {
    out = SpanBits(size());
  } else {
    out.copy_from(bits->words(), rows_.first - first_row_);
  }
  return {};
}

Result<TraceTree*> RunRows::tree() {
  if (is_linked_) return &tree_;
  if (own_ == nullptr) {
    auto columns = bits_.parts().group(group_->part(), group_->group());
    parents_ = words_of(*TRY(columns->field(Field::parent_row)), parents_copied_);
    if (parents_.size() != group_->rows()) return fail(Code::corrupt, "parents of some rows only");
    own_ = std::move(columns);
  }
  const auto of_trace = parents_.subspan(rows_.first - first_row_, rows_.count);
  if (!tree_.link_rows(of_trace, rows_.first)) CHECK_OK(link_by_ids());
  is_linked_ = true;
  return &tree_;
}

Result<void> RunRows::link_by_ids() {
  nodes_.clear();
  for (uint32_t row = rows_.first; row < rows_.end(); ++row) {
    nodes_.push_back({.id = {TRY(own_->number(Field::span_id, row))},
                      .parent_id = {TRY(own_->number(Field::parent_id, row))},
                      .kind = static_cast<int32_t>(TRY(own_->number(Field::kind, row)))});
  }
  tree_.link(nodes_);
  return {};
}

// ------------------------------------------------------------------------------- GatheredRows

Result<void> GatheredRows::gather(const TracePlaces& places) {
  is_linked_ = false;
  spans_ = TRY(bits_.parts().spans(places));
  passed_.clear();
  if (size() >= kSpansOfLarge) passed_.resize(std::min(bits_.filters().size(), kPassedMax));
  return {};
}

// A large trace may have as many spansets as spans, each of which asks.
Result<void> GatheredRows::pass(uint32_t filter, SpanBits& out) {
  if (filter >= passed_.size()) return look_up(filter, out);
  if (passed_[filter].size() == 0) CHECK_OK(look_up(filter, passed_[filter]));
  out = passed_[filter];
  return {};
}

Result<void> GatheredRows::look_up(uint32_t filter, SpanBits& out) {
  out = SpanBits(size());
  ControlledLoop loop(control());
  PartSet& parts = bits_.parts();
  std::shared_ptr<FilterBits::OfGroup> group;  // of the span before, most often of this one too
  const Bits* bits = nullptr;
  Range rows;
  for (uint32_t i = 0; i < size(); ++i) {
    CHECK_OK(loop.step());
    const SpanRef& span = spans_[i];
    if (group == nullptr || group->part() != span.part || span.row - rows.first >= rows.count) {
      const uint32_t number = parts.part(span.part).group_of(span.row);
      group = bits_.of(span.part, number);
      rows = parts.part(span.part).groups()[number].rows;
      const auto found = group->of(filter);
      if (!found && !parts.contain(found.error(), span.part, number)) {
        return std::unexpected(found.error());
      }
      bits = found ? *found : nullptr;
    }
    if (bits != nullptr && bits->test(span.row - rows.first)) out.set(i);
  }
  return {};
}

Result<TraceTree*> GatheredRows::tree() {
  if (!is_linked_) {
    CHECK_OK(nodes_of(bits_.parts(), spans_, nodes_));
    tree_.link(nodes_);
    is_linked_ = true;
  }
  return &tree_;
}

Result<void> nodes_of(PartSet& parts, std::span<const SpanRef> spans,
                      std::vector<TraceTree::Node>& out) {
  out.clear();
  for (const SpanRef& span : spans) {
    const auto parent = parts.group_of(span)->number(Field::parent_id, span.row);
    if (!parent &&
        !parts.contain(parent.error(), span.part, parts.part(span.part).group_of(span.row))) {
      return std::unexpected(parent.error());
    }
    out.push_back(
        {.id = span.id, .parent_id = {parent ? *parent : span.id.raw}, .kind = span.kind});
  }
  return {};
}

}  // namespace vivace
