// Numbers of values, joined one attribute after the other: what is joined so far and the next value
// make a node, and the nodes of the last attribute are the series.
#include <algorithm>

#include "query/metrics_labels.h"

namespace vivace::metrics {

using traceql::Attribute;
namespace ql = traceql;

Grouping::Grouping(std::span<const Attribute> by, uint32_t values_max, Memory& memory)
    : memory_(memory), levels_(by.size()), size_(by.empty() ? 1 : 0) {
  for (const Attribute& attribute : by) labels_.emplace_back(attribute, values_max, memory);
  (void)memory.take(by.size() * CachedIds::kRecentBytes);
}

uint32_t Grouping::join(size_t level, uint32_t before, uint32_t value) {
  // With its place in the table, and what both move out of while they grow.
  constexpr size_t kNodeBytes = 3 * sizeof(Node) + 72;
  if (before == kNoSeries || value == ValueIds::kTooMany) return kNoSeries;
  Level& to = levels_[level];
  const uint64_t key = uint64_t{before} << 32 | value;
  return to.ids.get(key, [&] {
    if (!memory_.take(kNodeBytes)) return kNoSeries;
    to.nodes.push_back({before, value});
    return static_cast<uint32_t>(to.nodes.size()) - 1;
  });
}

Result<bool> Grouping::is_of_resources(GroupColumns& group) const {
  for (const LabelColumn& label : labels_) {
    if (!TRY(label.is_of_resource(group))) return false;
  }
  return true;
}

Result<uint32_t> Grouping::of_resource(GroupColumns& group, uint32_t resource) {
  if (is_single()) return 0;
  if (serial_ != group.part().serial()) {
    serial_ = group.part().serial();
    memory_.give(by_resource_.size() * sizeof(uint32_t));
    by_resource_ = {};
    const uint32_t resources = group.owners(Scope::resource).count;
    if (memory_.take(resources * sizeof(uint32_t))) by_resource_.assign(resources, kUnknown);
  }
  if (memory_.is_short()) return kNoSeries;  // the query is to end
  if (resource >= by_resource_.size()) return fail(Code::corrupt, "a resource that is not there");
  uint32_t& known = by_resource_[resource];
  if (known != kUnknown) return known;
  uint32_t out = 0;
  for (size_t level = 0; level < labels_.size(); ++level) {
    out = join(level, out, TRY(labels_[level].of_resource(group, resource)));
  }
  size_ = static_cast<uint32_t>(levels_.back().nodes.size());
  return known = out;
}

// The rows of resources that were seen before go without a call.
Result<void> Grouping::read_resources(GroupColumns& group, const PickedRows& rows,
                                      std::vector<uint32_t>& series) {
  const Column& resources = TRY(group.field(Field::resource))->column;
  if (serial_ != group.part().serial()) (void)TRY(of_resource(group, 0));
  const uint32_t* const known = by_resource_.data();
  const size_t size = by_resource_.size();
  uint32_t* const out = series.data();
  bool any_unknown = false;
  rows.each(resources, [=, &any_unknown](uint32_t place, uint64_t resource) {
    const uint32_t of_row = resource < size ? known[resource] : kUnknown;
    any_unknown |= of_row == kUnknown;
    out[place] = of_row;
  });
  if (!any_unknown) return {};
  Result<void> failed;
  rows.each(resources, [&](uint32_t place, uint64_t resource) {
    if (out[place] != kUnknown) return;
    const auto found = of_resource(group, static_cast<uint32_t>(resource));
    if (!found) failed = std::unexpected(found.error());
    out[place] = found.value_or(kNoSeries);
  });
  return failed;
}

Result<void> Grouping::read(GroupColumns& group, const PickedRows& rows, TraceValues* maybe_traces,
                            std::vector<uint32_t>& series) {
  series.resize(rows.count());
  if (TRY(is_of_resources(group))) {
    if (is_single()) std::ranges::fill(series, 0U);
    return is_single() ? Result<void>() : read_resources(group, rows, series);
  }
  ids_.resize(rows.count());
  for (size_t level = 0; level < labels_.size(); ++level) {
    CHECK_OK(labels_[level].read(group, rows, maybe_traces, ids_));
    for (uint32_t place = 0; place < rows.count(); ++place) {
      series[place] = join(level, level == 0 ? 0 : series[place], ids_[place]);
    }
  }
  size_ = static_cast<uint32_t>(levels_.back().nodes.size());
  return {};
}

std::vector<std::pair<const Attribute*, const ql::Datum*>> Grouping::values(uint32_t series) const {
  std::vector<std::pair<const Attribute*, const ql::Datum*>> out;
  for (size_t level = labels_.size(); level-- > 0;) {
    const Node& node = levels_[level].nodes[series];
    if (node.value != ValueIds::kNil) {
      out.emplace_back(&labels_[level].attribute(), &labels_[level].values().value(node.value));
    }
    series = node.before;
  }
  std::ranges::reverse(out);
  return out;
}

}  // namespace vivace::metrics
