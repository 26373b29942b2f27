// Counting of one row group, once all columns of it are read: nothing fails but for the control,
// which is asked between keys, as each of them goes through all picked rows.
#include <algorithm>

#include "query/metrics_compare.h"

namespace vivace::metrics {
namespace {

using traceql::Intrinsic;

size_t index(Scope scope) { return static_cast<size_t>(scope); }

// Of a loop over all of them.
uint32_t steps_of(const auto& all) { return static_cast<uint32_t>(all.size()); }

}  // namespace

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
  const Shared& shared = shared_[owner == Scope::resource ? 0 : 1];
  std::vector<uint32_t> ids(shared.owners.count());
  ControlledLoop loop(group.part().control());
  for (const Key& key : keys_[index(owner)].all) {
    if (key.to == nullptr) continue;
    Attribute& to = *key.to;
    if (key.maybe_read == nullptr) {  // an intrinsic
      CHECK_OK(to.label.read_owned(group, shared.owners, owner, ids));
    } else {
      if (key.maybe_read->columns.empty()) continue;
      CHECK_OK(to.label.read_key(group, *key.maybe_read, shared.owners, owner, ids));
    }
    if (!to.values.grow(to.label.values().size(), *memory_)) return {};
    for (const Shared::Rows& one : shared.rows) {
      const uint32_t id = ids[one.owner];
      if (id == ValueIds::kNil) continue;
      to.totals[one.cell] += one.count;
      if (id < to.values.size()) to.values.add(id, one.cell, one.count, *memory_);
    }
    CHECK_OK(loop.step(1 + steps_of(shared.rows)));
  }
  return {};
}

Result<void> Compared::count_keys(GroupColumns& group, const PickedRows& rows) {
  const Keys& keys = keys_[index(Scope::span)];
  ControlledLoop loop(group.part().control());
  for (const Key& key : keys.all) {
    if (!key.is_wanted || key.to == nullptr) continue;
    CHECK_OK(loop.step(1 + steps_of(cells_)));
    if (key.to->is_given_up && key.is_plain) {
      CHECK_OK(count_by_shapes(key, keys, loop));
      continue;
    }
    if (key.maybe_read == nullptr || key.maybe_read->columns.empty()) continue;
    CHECK_OK(key.to->label.read_key(group, *key.maybe_read, rows, Scope::span, ids_));
    count_values(*key.to, ids_, cells_, nullptr);
  }
  return {};
}

Result<void> Compared::count_belongings(GroupColumns& group, Scope owner) {
  const Owners& owners = owners_[owner == Scope::event ? 0 : 1];
  if (owners.spans.empty()) return {};
  std::vector<uint32_t> ids(owners.spans.size());
  if (owner == Scope::event) {
    if (Attribute* to = attribute({.intrinsic = Intrinsic::event_name})) {
      CHECK_OK(to->label.read_owned(group, owners.picked, owner, ids));
      count_values(*to, ids, owners.cells, owners.spans.data());
    }
  }
  ControlledLoop loop(group.part().control());
  for (const Key& key : keys_[index(owner)].all) {
    if (key.to == nullptr || key.maybe_read == nullptr) continue;
    CHECK_OK(loop.step(1 + steps_of(owners.spans)));
    if (key.maybe_read->columns.empty()) continue;
    CHECK_OK(key.to->label.read_key(group, *key.maybe_read, owners.picked, owner, ids));
    count_values(*key.to, ids, owners.cells, owners.spans.data());
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
Result<void> Compared::count_by_shapes(const Key& key, const Keys& keys, ControlledLoop& loop) {
  std::vector<uint8_t> has(keys.shapes->size());
  for (const uint32_t shape : shapes_here_) {
    CHECK_OK(loop.step((*keys.shapes)[shape].depth));
    for (uint32_t at = shape; at != 0 && has[shape] == 0; at = (*keys.shapes)[at].parent) {
      has[shape] = std::ranges::find(key.columns, (*keys.shapes)[at].column) != key.columns.end();
    }
  }
  for (uint32_t place = 0; place < cells_.size(); ++place) {
    key.to->totals[cells_[place]] += has[shape_of_[place]];
  }
  return {};
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

}  // namespace vivace::metrics
