// A look costs a read of the row group's starts, so that slots are given up after a few in vain.
// Which spans are tried is random, but the same each time: a query has one answer.
#include "query/metrics_exemplars.h"

#include <algorithm>
#include <limits>

#include "traceql/traceql.h"

namespace vivace::metrics {
namespace {

constexpr uint8_t kSpansPerSlot = 2;
constexpr uint8_t kLooksMax = 4;
constexpr uint32_t kTriesPerGroup = 8;

std::string short_id(const TraceId& id) {
  std::string out = hex_of(id);
  out.erase(0, std::min(out.find_first_not_of('0'), out.size() - 1));
  return out;
}

}  // namespace

traceql::Datum label_value(const traceql::Datum& value) {
  if (const auto* duration = value.get_if<traceql::Duration>()) {
    return traceql::datum(traceql::duration_text(*duration));
  }
  if (const auto* status = value.get_if<traceql::Status>()) {
    return traceql::datum(std::string(traceql::status_text(*status)));
  }
  if (const auto* kind = value.get_if<traceql::Kind>()) {
    return traceql::datum(std::string(traceql::kind_text(*kind)));
  }
  return value;
}

ExemplarPicker::ExemplarPicker(const MetricsAxis& axis, uint32_t count_max,
                               std::vector<traceql::Attribute> shown, bool measures)
    : axis_(axis),
      count_max_(count_max),
      shown_(std::move(shown)),
      measures_(measures),
      slots_((size_t{count_max} + 1) / kSpansPerSlot) {
  if (!slots_.empty()) slot_ns_ = (axis.last_ns - axis.first_ns) / slots_.size() + 1;
}

bool ExemplarPicker::has_room(const Slot& slot) {
  return slot.spans < kSpansPerSlot && slot.looks < kLooksMax;
}

size_t ExemplarPicker::slot_of(uint64_t time_ns) const {
  const uint64_t inside = std::clamp(time_ns, axis_.first_ns, axis_.last_ns);
  return (inside - axis_.first_ns) / slot_ns_;
}

Range ExemplarPicker::slots_of(const RowGroup& group) const {
  const size_t first = slot_of(group.start_min_ns);
  const size_t last = std::max(first, slot_of(group.end_max_ns));
  return {static_cast<uint32_t>(first), static_cast<uint32_t>(last - first + 1)};
}

bool ExemplarPicker::wants(const RowGroup& group) const {
  if (found_.size() >= count_max_) return false;
  const Range slots = slots_of(group);
  return std::ranges::any_of(std::span(slots_).subspan(slots.first, slots.count), has_room);
}

Result<void> ExemplarPicker::look(GroupColumns& group, const CountedRows& counted,
                                  TraceValues* maybe_traces) {
  const RowGroup& extent = group.part().groups()[group.group()];
  if (counted.rows.count() == 0 || !wants(extent)) return {};
  for (uint32_t i = 0; i < std::min(kTriesPerGroup, counted.rows.count()); ++i) {
    const bool few = counted.rows.count() <= kTriesPerGroup;
    const uint64_t place = few ? i : mix64(++random_) % counted.rows.count();
    CHECK_OK(try_span(group, counted, static_cast<uint32_t>(place), maybe_traces));
  }
  const Range slots = slots_of(extent);
  for (Slot& slot : std::span(slots_).subspan(slots.first, slots.count)) {
    if (has_room(slot)) ++slot.looks;
  }
  return {};
}

Result<void> ExemplarPicker::try_span(GroupColumns& group, const CountedRows& counted,
                                      uint32_t place, TraceValues* maybe_traces) {
  const uint32_t series = counted.series.empty() ? 0 : counted.series[place];
  if (series == ValueIds::kTooMany || found_.size() >= count_max_) return {};
  if (measures_ && counted.measured.form(place) == Measured::Form::none) return {};
  const uint32_t row = counted.rows.row(place);
  const uint64_t start_ns = TRY(group.number(Field::start_ns, row));
  Slot& slot = slots_[slot_of(start_ns)];
  if (slot.spans >= kSpansPerSlot) return {};
  const auto ordinal = static_cast<uint32_t>(TRY(group.number(Field::trace, row)));
  Inspected lookup;
  const TraceId id = TRY(group.part().part().trace(ordinal, lookup)).id;
  if (!traces_.insert(id).second) return {};
  Exemplar out{.series = series,
               .interval = counted.rows.interval_at(place),
               .time_ns = start_ns,
               .number = measures_ ? counted.measured.number(place)
                                   : std::numeric_limits<double>::quiet_NaN(),
               .labels = {{"trace:id", traceql::datum(short_id(id))}}};
  const Cursor at{.group = &group, .maybe_traces = maybe_traces, .row = row};
  for (const traceql::Attribute& attribute : shown_) {
    const Seen seen = TRY(row_value(attribute, at));
    if (seen.value.type() == traceql::Type::nil) continue;
    out.labels.push_back({traceql::canonical(attribute), label_value(seen.value)});
  }
  ++slot.spans;
  found_.push_back(std::move(out));
  return {};
}

}  // namespace vivace::metrics
