// Reading is in the order that things lie in: cells of rows, fields, tables of the part, keys of
// spans, events, links. Counting goes through the same once more, and finds all columns kept.
#include "query/metrics_compare.h"

#include <algorithm>

#include <boost/unordered/unordered_flat_set.hpp>

#include "traceql/traceql.h"

namespace vivace::metrics {
namespace {

using traceql::Intrinsic;
namespace ql = traceql;

constexpr uint32_t kBaseline = 0;
constexpr uint32_t kSelection = 1;
constexpr uint32_t kNone = UINT32_MAX;
constexpr size_t kPairsMax = 1 << 16;

size_t index(Scope scope) { return static_cast<size_t>(scope); }

ql::Scope scope_of(Scope owner) {
  switch (owner) {
    case Scope::resource:
      return ql::Scope::resource;
    case Scope::scope:
      return ql::Scope::instrumentation;
    case Scope::span:
      return ql::Scope::span;
    case Scope::event:
      return ql::Scope::event;
    case Scope::link:
      break;
  }
  return ql::Scope::link;
}

bool has_values(ValueType type) {
  return type == ValueType::string || type == ValueType::boolean || type == ValueType::integer ||
         type == ValueType::real;
}

// The keys that stand in the overflow list, each once.
Result<std::vector<std::string>> overflow_keys(GroupColumns& group, Scope owner) {
  const Overflow overflow =
      TRY(group.part().part().read_overflow(owner, group.group(), group.part().inspected()));
  std::vector<std::string> out;
  const Texts* texts = overflow.keys.texts;
  if (texts == nullptr) return out;
  boost::unordered_flat_set<uint32_t> codes;
  for (const Slice& slice : overflow.keys.slices) {
    for (uint32_t i = 0; i < slice.count; ++i) {
      const auto code = static_cast<uint32_t>(number_at(slice, i));
      if (code < texts->size() && codes.insert(code).second) out.emplace_back((*texts)[code]);
    }
  }
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
  CHECK_OK(read_intrinsics(group, rows, maybe_traces));
  CHECK_OK(read_shared(group, rows, Scope::resource));
  CHECK_OK(read_shared(group, rows, Scope::scope));
  CHECK_OK(read_span_keys(group, rows));
  CHECK_OK(read_belongings(group, rows, Scope::event));
  CHECK_OK(read_belongings(group, rows, Scope::link));
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
  std::vector<Shared>& shared = shared_[resources ? 0 : 1];
  shared.clear();
  // One for each pair of an owner and a cell, if these are few; else one a row.
  const size_t cells = cells_here_.size();
  const size_t pairs = group.owners(owner).count * cells;
  std::vector<uint32_t> rows_of(pairs <= kPairsMax ? pairs : 0);
  bool is_beyond = false;
  rows.each(numbers, [&](uint32_t place, uint64_t number) {
    const uint64_t pair = number * cells + number_of_cell_[cells_[place]];
    is_beyond |= pair >= pairs;
    if (pair < rows_of.size()) {
      ++rows_of[pair];
    } else {
      shared.push_back({static_cast<uint32_t>(number), cells_[place], 1});
    }
  });
  if (is_beyond) return fail(Code::corrupt, "an owner that is not there");
  for (size_t pair = 0; pair < rows_of.size(); ++pair) {
    if (rows_of[pair] == 0) continue;
    shared.push_back(
        {static_cast<uint32_t>(pair / cells), cells_here_[pair % cells], rows_of[pair]});
  }
  Keys& keys = *TRY(keys_of(group, owner));
  for (const Key& key : keys.all) {
    if (key.to == nullptr) continue;
    for (const Shared& one : shared) (void)TRY(key.to->label.of_owner(group, owner, one.owner));
  }
  return {};
}

// All keys of the part's columns; of tables, those of the overflow list as well.
Result<Compared::Keys*> Compared::keys_of(GroupColumns& group, Scope owner) {
  Keys& keys = keys_[index(owner)];
  if (keys.serial == group.part().serial()) return &keys;
  keys = {};
  const Part& part = group.part().part();
  keys.of_column.resize(part.columns(owner));
  boost::unordered_flat_map<std::string_view, uint32_t> by_name;
  for (uint32_t c = 0; c < part.columns(owner); ++c) {
    const AttributeName name = part.column(owner, c);
    const auto [at, is_new] = by_name.try_emplace(name.key, static_cast<uint32_t>(keys.all.size()));
    if (is_new) {
      Key& key = keys.all.emplace_back();
      key.name = name.key;
    }
    Key& key = keys.all[at->second];
    key.columns.push_back(c);
    key.is_plain = key.is_plain && has_values(name.type);
    keys.of_column[c] = at->second;
  }
  if (owner == Scope::resource || owner == Scope::scope)
    CHECK_OK(complete_table(group, owner, keys));
  if (owner == Scope::span) {
    keys.shapes = TRY(part.shapes(owner, group.part().inspected()));
    keys.seen_in.assign(keys.shapes->size(), 0);
  }
  keys.serial = group.part().serial();
  return &keys;
}

Result<void> Compared::complete_table(GroupColumns& group, Scope owner, Keys& keys) {
  CHECK_OK(add_overflow_keys(group, owner, keys));
  for (Key& key : keys.all) key.to = attribute({.scope = scope_of(owner), .name = key.name});
  if (owner == Scope::resource) return {};
  for (const Intrinsic intrinsic :
       {Intrinsic::instrumentation_name, Intrinsic::instrumentation_version}) {
    keys.all.push_back({.name = {}, .to = attribute({.intrinsic = intrinsic}), .columns = {}});
  }
  return {};
}

// They stay for the rest of the part.
Result<void> Compared::add_overflow_keys(GroupColumns& group, Scope owner, Keys& keys) {
  for (std::string& name : TRY(overflow_keys(group, owner))) {
    const auto known = std::ranges::find(keys.all, name, &Key::name);
    Key& key = known != keys.all.end() ? *known : keys.all.emplace_back();
    key.is_plain = false;
    key.is_wanted = true;
    if (known == keys.all.end()) key.name = std::move(name);
  }
  return {};
}

// Marks the keys of columns that picked rows have. Whether some have others, in the overflow list.
Result<bool> Compared::want_by_shapes(GroupColumns& group, const PickedRows& rows, Keys& keys) {
  for (Key& key : keys.all) key.is_wanted = false;
  shapes_here_.clear();
  shape_of_.resize(rows.count());
  const uint32_t now = ++visit_;
  bool is_beyond = false;
  rows.each(TRY(group.field(Field::span_shape))->column, [&](uint32_t place, uint64_t number) {
    const auto shape = static_cast<uint32_t>(number);
    shape_of_[place] = shape;
    is_beyond |= shape >= keys.seen_in.size();
    if (is_beyond || keys.seen_in[shape] == now) return;
    keys.seen_in[shape] = now;
    shapes_here_.push_back(shape);
  });
  if (is_beyond) return fail(Code::corrupt, "a shape that does not exist");
  bool overflows = false;
  for (const uint32_t shape : shapes_here_) {
    for (uint32_t at = shape; at != 0; at = (*keys.shapes)[at].parent) {
      const uint32_t column = (*keys.shapes)[at].column;
      if (column < keys.of_column.size()) {
        keys.all[keys.of_column[column]].is_wanted = true;
      } else {
        overflows = true;
      }
    }
  }
  return overflows;
}

Result<void> Compared::read_span_keys(GroupColumns& group, const PickedRows& rows) {
  Keys& keys = *TRY(keys_of(group, Scope::span));
  if (TRY(want_by_shapes(group, rows, keys))) {
    CHECK_OK(add_overflow_keys(group, Scope::span, keys));
  }
  return read_keys(group, Scope::span, keys);
}

Result<void> Compared::read_keys(GroupColumns& group, Scope owner, Keys& keys) {
  for (Key& key : keys.all) {
    if (!key.is_wanted) continue;
    if (key.to == nullptr) key.to = attribute({.scope = scope_of(owner), .name = key.name});
    if (key.to == nullptr) continue;
    if (key.to->is_given_up && key.is_plain && owner == Scope::span) continue;
    KeyColumns* columns = TRY(group.attribute(owner, key.name));
    if (!columns->columns.empty()) (void)TRY(group.repeated(owner, *columns));
  }
  return {};
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
  for (Key& key : keys.all) key.is_wanted = true;
  CHECK_OK(add_overflow_keys(group, owner, keys));
  return read_keys(group, owner, keys);
}

// ------------------------------------------------------------------------------- counting

Result<void> Compared::count_all(GroupColumns& group, const PickedRows& rows) {
  ids_.resize(rows.count());
  for (Attribute* to : fields_) {
    CHECK_OK(to->label.read(group, rows, nullptr, ids_));
    count_values(*to, ids_, cells_, nullptr);
  }
  for (const Roots& roots : roots_) {
    if (roots.to != nullptr) count_values(*roots.to, roots.ids, cells_, nullptr);
  }
  CHECK_OK(count_shared(group, Scope::resource));
  CHECK_OK(count_shared(group, Scope::scope));
  CHECK_OK(count_keys(group, rows));
  CHECK_OK(count_belongings(group, Scope::event));
  return count_belongings(group, Scope::link);
}

Result<void> Compared::count_shared(GroupColumns& group, Scope owner) {
  for (const Key& key : keys_[index(owner)].all) {
    if (key.to == nullptr) continue;
    Attribute& to = *key.to;
    if (!to.values.grow(to.label.values().size(), *memory_)) return {};
    for (const Shared& one : shared_[owner == Scope::resource ? 0 : 1]) {
      const uint32_t id = TRY(to.label.of_owner(group, owner, one.owner));
      if (id == ValueIds::kNil) continue;
      to.totals[one.cell] += one.rows;
      if (id != ValueIds::kTooMany) to.values.add(id, one.cell, one.rows, *memory_);
    }
  }
  return {};
}

Result<void> Compared::count_keys(GroupColumns& group, const PickedRows& rows) {
  const Keys& keys = keys_[index(Scope::span)];
  for (const Key& key : keys.all) {
    if (!key.is_wanted || key.to == nullptr) continue;
    if (key.to->is_given_up && key.is_plain) {
      count_by_shapes(key, keys);
      continue;
    }
    if (TRY(group.attribute(Scope::span, key.name))->columns.empty()) continue;
    CHECK_OK(key.to->label.read(group, rows, nullptr, ids_));
    count_values(*key.to, ids_, cells_, nullptr);
  }
  return {};
}

Result<void> Compared::count_belongings(GroupColumns& group, Scope owner) {
  const Owners& owners = owners_[owner == Scope::event ? 0 : 1];
  if (owners.spans.empty()) return {};
  std::vector<uint32_t> ids(owners.spans.size());
  const auto count = [&](Attribute& to) -> Result<void> {
    CHECK_OK(to.label.read_owned(group, owners.picked, owner, ids));
    count_values(to, ids, owners.cells, owners.spans.data());
    return {};
  };
  if (owner == Scope::event) {
    if (Attribute* to = attribute({.intrinsic = Intrinsic::event_name})) CHECK_OK(count(*to));
  }
  for (const Key& key : keys_[index(owner)].all) {
    if (key.to == nullptr) continue;
    if (TRY(group.attribute(owner, key.name))->columns.empty()) continue;
    CHECK_OK(count(*key.to));
  }
  return {};
}

void Compared::count_values(Attribute& attribute, std::span<const uint32_t> ids,
                            std::span<const uint32_t> cells, const uint32_t* maybe_spans) {
  if (!attribute.is_given_up && !attribute.values.grow(attribute.label.values().size(), *memory_)) {
    return;
  }
  uint32_t last_span = UINT32_MAX;
  for (uint32_t place = 0; place < ids.size(); ++place) {
    const uint32_t id = ids[place];
    if (id == ValueIds::kNil) continue;
    const uint32_t cell = cells[place];
    const uint32_t span = maybe_spans == nullptr ? place : maybe_spans[place];
    attribute.totals[cell] += span != last_span ? 1 : 0;
    last_span = span;
    if (id < attribute.values.size()) attribute.values.add(id, cell, 1, *memory_);
  }
  if (attribute.label.values().is_full() && !attribute.is_given_up) give_up_ids(attribute);
}

// Who has one of the key's columns has a value.
void Compared::count_by_shapes(const Key& key, const Keys& keys) {
  std::vector<uint8_t> has(keys.shapes->size());
  for (const uint32_t shape : shapes_here_) {
    for (uint32_t at = shape; at != 0 && has[shape] == 0; at = (*keys.shapes)[at].parent) {
      has[shape] = std::ranges::find(key.columns, (*keys.shapes)[at].column) != key.columns.end();
    }
  }
  for (uint32_t place = 0; place < cells_.size(); ++place) {
    key.to->totals[cells_[place]] += has[shape_of_[place]];
  }
}

// Of values that do not repeat none comes up most often. Only those that have a number are looked
// at: one row group may bring many more than there are numbers.
void Compared::give_up_ids(Attribute& attribute) {
  const auto cells = static_cast<uint32_t>(attribute.totals.size());
  uint64_t times = 0;
  for (uint32_t id = 1; id < attribute.values.size(); ++id) {
    times += attribute.values.sum(id, 0, cells);
  }
  if (times > attribute.values.size() * uint64_t{2}) return;
  attribute.is_given_up = true;
  attribute.values.give_up(*memory_);
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

}  // namespace vivace::metrics
