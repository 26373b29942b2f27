// Reading, in the order that things lie in: cells of rows, fields, tables of the part, keys of
// spans, events, links. Counting goes through the same once more, and finds all columns kept.
#include "query/metrics_compare.h"

#include <algorithm>

#include "query/bits.h"
#include "traceql/traceql.h"

namespace vivace::metrics {
namespace {

using traceql::Intrinsic;
namespace ql = traceql;

constexpr uint32_t kBaseline = 0;
constexpr uint32_t kSelection = 1;
constexpr uint32_t kNone = UINT32_MAX;
constexpr size_t kPairsMax = 1 << 16;

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
  CHECK_OK(read_intrinsics(group, rows, maybe_traces));
  CHECK_OK(read_shared(group, rows, Scope::resource));
  CHECK_OK(read_shared(group, rows, Scope::scope));
  CHECK_OK(read_span_keys(group, rows));
  CHECK_OK(read_belongings(group, rows, Scope::event));
  CHECK_OK(read_belongings(group, rows, Scope::link));
  if (memory_->is_short()) return {};  // the query is over
  return count_all(group, rows);
}

// ------------------------------------------------------------------------------- reading

// The side and the interval of each row.
Result<void> Compared::find_cells(GroupColumns& group, const PickedRows& rows,
                                  TraceValues* maybe_traces) {
  Bits among(group.owners(Scope::span).count);
  for (uint32_t place = 0; place < rows.count(); ++place) among.set(rows.offset(place));
  const Bits selected = TRY(selection_.rows_among(group, maybe_traces, std::move(among)));
  cells_.resize(rows.count());
  for (uint32_t place = 0; place < rows.count(); ++place) {
    const uint32_t side = selected.test(rows.offset(place)) ? kSelection : kBaseline;
    cells_[place] = side * axis_->count + rows.interval_at(place);
  }
  if (!comparison_->window) return number_cells();
  const auto& window = *comparison_->window;
  rows.each(TRY(group.field(Field::start_ns))->column, [&](uint32_t place, uint64_t start_ns) {
    const auto start = static_cast<int64_t>(start_ns);
    if (start > window.start_ns && start <= window.end_ns) return;
    cells_[place] = kBaseline * axis_->count + rows.interval_at(place);
  });
  return number_cells();
}

// Those that come up in the row group, which are few.
Result<void> Compared::number_cells() {
  for (const uint32_t cell : cells_here_) number_of_cell_[cell] = kNone;
  number_of_cell_.resize(size_t{2} * axis_->count, kNone);
  cells_here_.clear();
  for (const uint32_t cell : cells_) {
    if (number_of_cell_[cell] != kNone) continue;
    number_of_cell_[cell] = static_cast<uint32_t>(cells_here_.size());
    cells_here_.push_back(cell);
  }
  return {};
}

Result<void> Compared::read_intrinsics(GroupColumns& group, const PickedRows& rows,
                                       TraceValues* maybe_traces) {
  constexpr std::array kFields = {std::pair(Intrinsic::name, Field::name),
                                  std::pair(Intrinsic::status, Field::status_code),
                                  std::pair(Intrinsic::kind, Field::kind),
                                  std::pair(Intrinsic::status_message, Field::status_message)};
  fields_.clear();
  for (const auto& [intrinsic, field] : kFields) {
    (void)TRY(group.field(field));
    if (Attribute* to = attribute({.intrinsic = intrinsic})) fields_.push_back(to);
  }
  constexpr std::array kRoots = {Intrinsic::root_name, Intrinsic::root_service};
  for (size_t i = 0; i < kRoots.size(); ++i) {
    roots_[i].to = attribute({.intrinsic = kRoots[i]});
    roots_[i].ids.resize(rows.count());
    if (roots_[i].to == nullptr) continue;
    CHECK_OK(roots_[i].to->label.read(group, rows, maybe_traces, roots_[i].ids));
  }
  return {};
}

// How many rows of each cell each resource has, or each scope; and what these have.
Result<void> Compared::read_shared(GroupColumns& group, const PickedRows& rows, Scope owner) {
  const bool resources = owner == Scope::resource;
  const Column& numbers = TRY(group.field(resources ? Field::resource : Field::scope))->column;
  Shared& shared = shared_[resources ? 0 : 1];
  shared.rows.clear();
  // One for each pair of an owner and a cell, if these are few; else one a row.
  const Range all = group.owners(owner);
  const size_t cells = cells_here_.size();
  const size_t pairs = all.count * cells;
  std::vector<uint32_t> rows_of(pairs <= kPairsMax ? pairs : 0);
  bool is_beyond = false;
  rows.each(numbers, [&](uint32_t place, uint64_t number) {
    const uint64_t pair = number * cells + number_of_cell_[cells_[place]];
    is_beyond |= pair >= pairs;
    if (pair < rows_of.size()) {
      ++rows_of[pair];
    } else {
      shared.rows.push_back({static_cast<uint32_t>(number), cells_[place], 1});
    }
  });
  if (is_beyond) return fail(Code::corrupt, "an owner that is not there");
  for (size_t pair = 0; pair < rows_of.size(); ++pair) {
    if (rows_of[pair] == 0) continue;
    shared.rows.push_back(
        {static_cast<uint32_t>(pair / cells), cells_here_[pair % cells], rows_of[pair]});
  }
  find_owners(all, shared);
  if (!resources) {
    (void)TRY(group.field(Field::scope_name));
    (void)TRY(group.field(Field::scope_version));
  }
  (void)TRY(keys_of(group, owner));
  return {};
}

// From their numbers to their places.
void Compared::find_owners(Range all, Shared& shared) {
  Bits here(all.count);
  for (const Shared::Rows& one : shared.rows) here.set(one.owner);
  shared.owners.pick_owners(all, here);
  if (shared.owners.is_all()) return;
  std::vector<uint32_t> place_of(all.count);
  for (uint32_t place = 0; place < shared.owners.count(); ++place) {
    place_of[shared.owners.offset(place)] = place;
  }
  for (Shared::Rows& one : shared.rows) one.owner = place_of[one.owner];
}

Result<void> Compared::read_belongings(GroupColumns& group, const PickedRows& rows, Scope owner) {
  const bool events = owner == Scope::event;
  Owners& owners = owners_[events ? 0 : 1];
  owners.spans.clear();
  const Range all = group.owners(owner);
  if (all.count == 0) return {};
  const Field span_of = events ? Field::event_span : Field::link_span;
  owners.picked.pick_belongings(all, TRY(group.field(span_of))->column, rows, owners.spans);
  if (owners.spans.empty()) return {};
  owners.cells.resize(owners.spans.size());
  for (size_t i = 0; i < owners.spans.size(); ++i) owners.cells[i] = cells_[owners.spans[i]];
  if (events) (void)TRY(group.field(Field::event_name));
  Keys& keys = *TRY(keys_of(group, owner));
  if (memory_->is_short()) return {};
  for (Key& key : keys.all) key.is_wanted = true;
  CHECK_OK(add_overflow_keys(group, owner, keys));
  return read_keys(group, owner, keys);
}

bool Compared::has_attribute(const ql::Attribute& of) const {
  return by_name_.contains(ql::canonical(of));
}

// Null once there are too many, or no memory.
Compared::Attribute* Compared::attribute(const ql::Attribute& of) {
  constexpr uint64_t kOverheadBytes = 1024;
  constexpr uint64_t kNames = 3;  // copies of it
  std::string name = ql::canonical(of);
  const auto found = by_name_.find(name);
  if (found != by_name_.end()) return attributes_[found->second].get();
  is_full_ = is_full_ || attributes_.size() >= kAttributesMax;
  const uint32_t cells = 2 * axis_->count;
  if (is_full_) return nullptr;
  const uint64_t bytes = sizeof(Attribute) + kOverheadBytes + cells * sizeof(uint64_t);
  if (!memory_->take(bytes + kNames * name.size())) return nullptr;
  by_name_.emplace(std::move(name), static_cast<uint32_t>(attributes_.size()));
  attributes_.push_back(std::make_unique<Attribute>(of, limits_.values_max, cells, *memory_));
  return attributes_.back().get();
}

}  // namespace vivace::metrics
