// Copies slices behind one another. Owners are written down only from the first gap on: most
// columns have none.
#include "block/flat_column.h"

#include <algorithm>
#include <numeric>

#include "block/layout.h"

namespace vivace {

uint32_t FlatTexts::add(const Texts& texts) {
  if (!runs_.empty() && runs_.back().texts == &texts) {
    // Texts of a head may grow; those of a frozen one do not.
    return runs_.back().first;
  }
  runs_.push_back({size_, &texts});
  size_ += texts.size();
  return runs_.back().first;
}

std::string_view FlatTexts::operator[](uint32_t code) const {
  if (runs_.size() == 1) return (*runs_[0].texts)[code];
  const auto after = std::ranges::upper_bound(runs_, code, {}, &Run::first);
  const Run& run = *(after - 1);
  return (*run.texts)[code - run.first];
}

void FlatColumn::append_owners(const Slice& slice) {
  if (dense && slice.owners == nullptr && slice.first_owner == count) return;
  if (dense) {
    dense = false;
    owners.resize(count);
    std::iota(owners.begin(), owners.end(), 0U);
  }
  if (slice.owners != nullptr) {
    owners.insert(owners.end(), slice.owners, slice.owners + slice.count);
    return;
  }
  owners.resize(count + slice.count);
  std::iota(owners.begin() + count, owners.end(), slice.first_owner);
}

void FlatColumn::append(Column column) {
  const uint32_t first_code = column.texts == nullptr ? 0 : texts.add(*column.texts);
  for (const Slice& slice : column.slices) {
    append_owners(slice);
    if (slice.longs != nullptr) longs.insert(longs.end(), slice.longs, slice.longs + slice.count);
    if (slice.words != nullptr) words.insert(words.end(), slice.words, slice.words + slice.count);
    if (slice.words != nullptr && first_code != 0) {
      for (auto it = words.end() - slice.count; it != words.end(); ++it) *it += first_code;
    }
    count += slice.count;
  }
  if (column.texts != nullptr && column.keep != nullptr) keep.push_back(std::move(column.keep));
}

void FlatColumn::finish(uint32_t owners_total) {
  if (dense && count != owners_total) {
    dense = false;
    owners.resize(count);
    std::iota(owners.begin(), owners.end(), 0U);
  }
  if (dense || count != owners_total) return;
  for (uint32_t i = 0; i < count; ++i) {
    if (owners[i] != i) return;
  }
  dense = true;
  owners = {};
}

uint32_t owners_of(const Part& source, Scope owner) {
  if (owner == Scope::resource) return source.resources();
  if (owner == Scope::scope) return source.scopes();
  const uint32_t groups = source.groups();
  if (groups == 0) return 0;
  const RowGroup last = source.group(groups - 1);
  if (owner == Scope::span) return last.rows.end();
  return owner == Scope::event ? last.events.end() : last.links.end();
}

uint32_t groups_of(const Part& source, Scope owner) {
  return has_row_groups(owner) ? source.groups() : std::min(1U, source.groups());
}

Result<FlatColumn> flatten(const Part& source, Field field) {
  const Scope owner = info(field).owner;
  FlatColumn out;
  Inspected uncounted;
  for (uint32_t group = 0; group < groups_of(source, owner); ++group) {
    out.append(TRY(source.read(field, group, uncounted)));
  }
  out.finish(owners_of(source, owner));
  if (info(field).dense && !out.dense) return fail(Code::corrupt, "the source has gaps");
  return out;
}

Result<FlatColumn> flatten_attribute(const Part& source, Scope owner, uint32_t column) {
  FlatColumn out;
  Inspected uncounted;
  for (uint32_t group = 0; group < groups_of(source, owner); ++group) {
    out.append(TRY(source.read_attribute(owner, column, group, uncounted)));
  }
  out.finish(owners_of(source, owner));
  return out;
}

Result<std::vector<uint32_t>> flat_words(const Part& source, Field field) {
  return TRY(flatten(source, field)).words;
}

Result<std::vector<uint64_t>> flat_longs(const Part& source, Field field) {
  return TRY(flatten(source, field)).longs;
}

}  // namespace vivace
