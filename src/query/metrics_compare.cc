// Each attribute is read as a label is; what is left is a loop that counts its numbers. Keys are
// found anew in each row group, because each part has columns of its own.
#include "query/metrics_compare.h"

#include <algorithm>
#include <array>
#include <numeric>

#include <boost/unordered/unordered_flat_set.hpp>
#include <fmt/format.h>

#include "query/metrics_exemplars.h"
#include "traceql/traceql.h"

namespace vivace::metrics {
namespace {

using traceql::Intrinsic;
namespace ql = traceql;

constexpr uint32_t kBaseline = 0;
constexpr uint32_t kSelection = 1;

Scope owner_of_scope(ql::Scope scope) {
  return owner_of(ql::Attribute{.scope = scope, .intrinsic = Intrinsic::none, .name = {}});
}

// The keys that owners of that kind may have in the row group, each once.
Result<std::vector<std::string_view>> keys_of(GroupColumns& group, Scope owner,
                                              Overflow& overflow) {
  const Part& part = group.part().part();
  std::vector<std::string_view> out;
  for (uint32_t c = 0; c < part.columns(owner); ++c) out.push_back(part.column(owner, c).key);
  overflow = TRY(part.read_overflow(owner, group.group(), group.part().inspected()));
  const Texts* texts = overflow.keys.texts;
  if (texts != nullptr) {
    boost::unordered_flat_set<uint32_t> codes;
    for (const Slice& slice : overflow.keys.slices) {
      for (uint32_t i = 0; i < slice.count; ++i) {
        const auto code = static_cast<uint32_t>(number_at(slice, i));
        if (code < texts->size() && codes.insert(code).second) out.push_back((*texts)[code]);
      }
    }
  }
  std::ranges::sort(out);
  const auto rest = std::ranges::unique(out);
  out.erase(rest.begin(), rest.end());
  return out;
}

}  // namespace

Result<Compared> Compared::make(const ql::Comparison& comparison, const MetricsAxis& axis,
                                const MetricsLimits& limits, Memory& memory) {
  return Compared(TRY(Filter::compile(comparison.selection)), comparison, axis, limits, memory);
}

Compared::Compared(Filter selection, const ql::Comparison& comparison, const MetricsAxis& axis,
                   const MetricsLimits& limits, Memory& memory)
    : selection_(std::move(selection)),
      comparison_(&comparison),
      axis_(&axis),
      limits_(limits),
      memory_(&memory) {}

Result<void> Compared::add(GroupColumns& group, const PickedRows& rows, TraceValues* maybe_traces) {
  if (rows.count() == 0) return {};
  CHECK_OK(find_cells(group, rows, maybe_traces));
  CHECK_OK(add_intrinsics(group, rows, maybe_traces));
  for (const ql::Scope scope : {ql::Scope::span, ql::Scope::resource, ql::Scope::instrumentation}) {
    CHECK_OK(add_keys(group, rows, scope));
  }
  CHECK_OK(add_belongings(group, rows, Scope::event));
  return add_belongings(group, rows, Scope::link);
}

// The side and the interval of each row.
Result<void> Compared::find_cells(GroupColumns& group, const PickedRows& rows,
                                  TraceValues* maybe_traces) {
  const Bits selected = TRY(selection_.rows(group, maybe_traces));
  cells_.resize(rows.count());
  for (uint32_t place = 0; place < rows.count(); ++place) {
    const uint32_t side = selected.test(rows.offset(place)) ? kSelection : kBaseline;
    cells_[place] = side * axis_->count + rows.interval_at(place);
  }
  if (!comparison_->window) return {};
  const auto& window = *comparison_->window;
  rows.each(TRY(group.field(Field::start_ns))->column, [&](uint32_t place, uint64_t start_ns) {
    const auto start = static_cast<int64_t>(start_ns);
    if (start > window.start_ns && start <= window.end_ns) return;
    cells_[place] = kBaseline * axis_->count + rows.interval_at(place);
  });
  return {};
}

Result<void> Compared::add_intrinsics(GroupColumns& group, const PickedRows& rows,
                                      TraceValues* maybe_traces) {
  constexpr std::array kIntrinsics = {Intrinsic::name,
                                      Intrinsic::status,
                                      Intrinsic::kind,
                                      Intrinsic::status_message,
                                      Intrinsic::root_name,
                                      Intrinsic::root_service,
                                      Intrinsic::instrumentation_name,
                                      Intrinsic::instrumentation_version};
  ids_.resize(rows.count());
  for (const Intrinsic intrinsic : kIntrinsics) {
    Attribute* to = attribute(ql::Attribute{.intrinsic = intrinsic});
    if (to == nullptr) continue;
    CHECK_OK(to->label.read(group, rows, maybe_traces, ids_));
    count(*to, {rows, cells_, nullptr});
  }
  return {};
}

Result<void> Compared::add_keys(GroupColumns& group, const PickedRows& rows, ql::Scope scope) {
  Overflow overflow;
  for (const std::string_view key : TRY(keys_of(group, owner_of_scope(scope), overflow))) {
    CHECK_OK(add_key(group, {rows, cells_, nullptr}, scope, key));
  }
  return {};
}

Result<void> Compared::add_belongings(GroupColumns& group, const PickedRows& rows, Scope scope) {
  const bool events = scope == Scope::event;
  const Range all = group.owners(scope);
  if (all.count == 0) return {};
  PickedRows owners;
  std::vector<uint32_t> spans;
  const TypedColumn* span_of = TRY(group.field(events ? Field::event_span : Field::link_span));
  owners.pick_belongings(all, span_of->column, rows, spans);
  if (owners.count() == 0) return {};
  std::vector<uint32_t> cells(spans.size());
  for (size_t i = 0; i < spans.size(); ++i) cells[i] = cells_[spans[i]];
  const Owners counted{owners, cells, &spans};
  if (events) {
    if (Attribute* to = attribute(ql::Attribute{.intrinsic = Intrinsic::event_name})) {
      ids_.resize(owners.count());
      CHECK_OK(to->label.read_owned(group, owners, scope, ids_));
      count(*to, counted);
    }
  }
  Overflow overflow;
  for (const std::string_view key : TRY(keys_of(group, scope, overflow))) {
    CHECK_OK(add_key(group, counted, events ? ql::Scope::event : ql::Scope::link, key));
  }
  return {};
}

Result<void> Compared::add_key(GroupColumns& group, const Owners& owners, ql::Scope scope,
                               std::string_view key) {
  const Scope owner = owner_of_scope(scope);
  if (TRY(group.attribute(owner, key))->columns.empty()) return {};
  Attribute* to = attribute(ql::Attribute{.scope = scope, .name = std::string(key)});
  if (to == nullptr) return {};
  ids_.resize(owners.picked.count());
  if (owners.spans != nullptr) {
    CHECK_OK(to->label.read_owned(group, owners.picked, owner, ids_));
  } else {
    CHECK_OK(to->label.read(group, owners.picked, nullptr, ids_));
  }
  count(*to, owners);
  return {};
}

void Compared::count(Attribute& attribute, const Owners& owners) {
  if (!attribute.counts.grow(attribute.label.values().size(), *memory_)) return;
  uint64_t* const counts = attribute.counts.data();
  uint64_t* const totals = attribute.totals.data();
  const size_t cells = attribute.totals.size();
  uint32_t last_span = UINT32_MAX;
  for (uint32_t place = 0; place < owners.picked.count(); ++place) {
    const uint32_t id = ids_[place];
    if (id == ValueIds::kNil) continue;
    const uint32_t cell = owners.cells[place];
    const uint32_t span = owners.spans == nullptr ? place : (*owners.spans)[place];
    totals[cell] += span != last_span ? 1 : 0;
    last_span = span;
    if (id != ValueIds::kTooMany) ++counts[id * cells + cell];
  }
}

// Null once there are too many, or no memory.
Compared::Attribute* Compared::attribute(const ql::Attribute& of) {
  constexpr uint64_t kOverheadBytes = 1024;
  std::string name = ql::canonical(of);
  const auto found = by_name_.find(name);
  if (found != by_name_.end()) return attributes_[found->second].get();
  is_full_ = is_full_ || attributes_.size() >= kAttributesMax;
  const uint32_t cells = 2 * axis_->count;
  if (is_full_ || !memory_->take(sizeof(Attribute) + kOverheadBytes + cells * sizeof(uint64_t))) {
    return nullptr;
  }
  by_name_.emplace(std::move(name), static_cast<uint32_t>(attributes_.size()));
  attributes_.push_back(std::make_unique<Attribute>(of, limits_.values_max, cells, *memory_));
  return attributes_.back().get();
}

std::string Compared::incomplete() const {
  if (is_full_) {
    return fmt::format("there are more than {} attributes: only so many are compared",
                       kAttributesMax);
  }
  std::string out;
  for (const auto& attribute : attributes_) {
    if (!attribute->label.values().is_full()) continue;
    out += out.empty() ? "" : ", ";
    out += ql::canonical(attribute->label.attribute());
  }
  if (out.empty()) return out;
  return fmt::format("more than {} values of {}: further ones are in totals alone",
                     limits_.values_max, out);
}

// ------------------------------------------------------------------------------- the answer

MetricsSeries Compared::make_series(std::string type, const std::string& key, ql::Datum value,
                                    std::span<const uint64_t> counts) const {
  MetricsSeries out;
  out.labels.push_back({"__meta_type", ql::datum(std::move(type))});
  out.labels.push_back({key, std::move(value)});
  for (const uint64_t count : counts) out.samples.push_back(static_cast<double>(count));
  return out;
}

// The values that come up most often on that side, and the total.
void Compared::add_side(const Attribute& attribute, uint32_t side,
                        std::vector<MetricsSeries>& out) const {
  const size_t intervals = axis_->count;
  const auto on_side = [&](std::span<const uint64_t> cells) {
    return cells.subspan(side * intervals, intervals);
  };
  const auto sum = [](std::span<const uint64_t> counts) {
    return std::accumulate(counts.begin(), counts.end(), uint64_t{0});
  };
  const std::string type = side == kBaseline ? "baseline" : "selection";
  const std::string key = ql::canonical(attribute.label.attribute());
  const auto totals = on_side(attribute.totals);
  if (sum(totals) == 0) return;
  std::vector<std::pair<uint64_t, uint32_t>> values;  // how often, which
  for (uint32_t id = 1; id < attribute.counts.size(); ++id) {
    const uint64_t count = sum(on_side(attribute.counts.of(id)));
    if (count > 0) values.emplace_back(count, id);
  }
  std::ranges::stable_sort(values, std::greater(), &std::pair<uint64_t, uint32_t>::first);
  if (values.size() > static_cast<uint64_t>(comparison_->top)) {
    values.resize(static_cast<size_t>(comparison_->top));
  }
  for (const auto& [count, id] : values) {
    out.push_back(make_series(type, key, label_value(attribute.label.values().value(id)),
                              on_side(attribute.counts.of(id))));
  }
  out.push_back(make_series(type + "_total", key, ql::datum(std::string("nil")), totals));
}

std::vector<MetricsSeries> Compared::series() const {
  std::vector<MetricsSeries> out;
  for (const auto& attribute : attributes_) {
    add_side(*attribute, kBaseline, out);
    add_side(*attribute, kSelection, out);
  }
  return out;
}

}  // namespace vivace::metrics
