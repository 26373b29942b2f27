// Columns whose chunks lean on others of their row group: owners that shapes name, parents that are
// rows, starts that run on from the row before, values that names decide. What is leant on is read
// as any column; the last few are kept by each thread, for whoever reads a row group column by
// column.
#include <algorithm>
#include <array>

#include "block/block_asked.h"
#include "block/block_cached.h"

namespace vivace {
namespace {

constexpr uint32_t kCountsSlot = UINT32_MAX;  // in the cache: what is counted of a column's shapes

Error corrupt(const char* what) { return {Code::corrupt, what}; }

// The way back from a reference to a distance.
int32_t to_distance(uint32_t reference) {
  return static_cast<int32_t>(reference >> 1) ^ -static_cast<int32_t>(reference & 1);
}

Field shape_field(Scope owner) {
  switch (owner) {
    case Scope::resource:
      return Field::resource_shape;
    case Scope::scope:
      return Field::scope_shape;
    case Scope::span:
      return Field::span_shape;
    case Scope::event:
      return Field::event_shape;
    case Scope::link:
      break;
  }
  return Field::link_shape;
}

// How often each shape has a column.
struct ColumnCounts {
  std::vector<uint32_t> of_shape;
  uint32_t most = 0;  // of them all
  int64_t memory_bytes() const {
    return static_cast<int64_t>(sizeof *this + of_shape.capacity() * 4);
  }
};

ColumnCounts count_column(const Shapes& shapes, uint32_t column) {
  ColumnCounts out;
  out.of_shape.resize(shapes.size());
  for (uint32_t i = 1; i < shapes.size(); ++i) {
    const Shape shape = shapes[i];
    out.of_shape[i] = out.of_shape[shape.parent] + (shape.column == column ? 1 : 0);
    out.most = std::max(out.most, out.of_shape[i]);
  }
  return out;
}

struct Recent {
  uint64_t block = 0;
  Field field = Field::trace;
  uint32_t group = 0;
  Column column;
  uint64_t bytes = 0;
};

}  // namespace

Result<Column> Block::neighbour(Field field, uint32_t group, Inspected& inspected) const {
  thread_local std::array<Recent, 4> recent;
  thread_local size_t next = 0;
  const auto found = std::ranges::find_if(recent, [&](const Recent& each) {
    return each.block == cache_number_ && each.field == field && each.group == group;
  });
  if (found != recent.end()) {
    inspected.bytes += found->bytes;
    return found->column;
  }
  Inspected own;
  Column column =
      field == Field::parent_row ? TRY(parent_rows(group, own)) : TRY(read(field, group, own));
  inspected.bytes += own.bytes;
  recent[next++ % recent.size()] = {cache_number_, field, group, column, own.bytes};
  return column;
}

Result<std::vector<uint32_t>> Block::owners_of_shapes(const Asked& asked,
                                                      Inspected& inspected) const {
  if (!asked.is_attribute) return std::unexpected(corrupt("owners by shapes"));
  const auto make = [&](Inspected& read) -> Result<ColumnCounts> {
    const auto shapes = TRY(this->shapes(asked.owner, read));
    return count_column(*shapes, asked.attribute);
  };
  Inspected uncounted;  // the trie is counted where it is asked for
  const auto counts = TRY(cached<ColumnCounts>(asked.column, kCountsSlot, uncounted, make));
  const Column shapes = TRY(neighbour(shape_field(asked.owner), asked.group, inspected));
  const std::vector<uint32_t>& of_shape = counts->of_shape;
  std::vector<uint32_t> owners;
  if (counts->most <= 1) {  // without decisions: whether an owner has one is as good as random
    size_t found = 0;
    for (const Slice& slice : shapes.slices) {
      owners.resize(found + slice.count);
      for (uint32_t i = 0; i < slice.count; ++i) {
        owners[found] = slice.owner(i);
        found += of_shape[slice.words[i]];
      }
    }
    owners.resize(found);
    return owners;
  }
  uint64_t total = 0;
  for (const Slice& slice : shapes.slices) {
    for (uint32_t i = 0; i < slice.count; ++i) total += of_shape[slice.words[i]];
  }
  if (total > kGroupValuesMax) return std::unexpected(corrupt("too many values"));
  owners.reserve(total);
  for (const Slice& slice : shapes.slices) {
    for (uint32_t i = 0; i < slice.count; ++i) {
      for (uint32_t n = of_shape[slice.words[i]]; n > 0; --n) owners.push_back(slice.owner(i));
    }
  }
  return owners;
}

// Starts: the first row of a trace has that of the trace.
Result<void> Block::add_up(uint32_t group, std::vector<uint64_t>& values,
                           Inspected& inspected) const {
  const auto table = TRY(trace_table(group, inspected));
  const Range rows = footer_->groups[group].of.rows;
  for (const BlockTrace& trace : table->traces) {
    const uint32_t from = std::max(trace.first_row, rows.first);
    const uint32_t end = std::min(trace.first_row + trace.entry.spans, rows.end());
    uint64_t before = trace.entry.start_ns;
    for (uint32_t row = from; row < end; ++row) {
      before += values[row - rows.first];
      values[row - rows.first] = before;
    }
  }
  return {};
}

// Rows of parents, by row of the group. All lie in the trace of their children.
Result<Column> Block::parent_rows(uint32_t group, Inspected& inspected) const {
  const Asked asked = asked_for(Field::parent_id, group);
  DecodedColumn stored;
  const ContentForms forms = TRY(read_stored(asked, stored, inspected));
  const auto table = TRY(trace_table(group, inspected));
  const Range rows = footer_->groups[group].of.rows;
  auto decoded = std::make_shared<DecodedColumn>();
  decoded->words.resize(rows.count);
  for (uint32_t i = 0; i < rows.count; ++i) {
    decoded->words[i] = stored.longs[i] == 0 ? kNoRow : kOtherRow;
  }
  if (forms.coding == Coding::references) {
    bool is_outside = false;
    for (const BlockTrace& trace : table->traces) {
      const uint32_t from = std::max(trace.first_row, rows.first);
      const uint32_t end = std::min(trace.first_row + trace.entry.spans, rows.end());
      for (uint32_t row = from; row < end; ++row) {  // without a decision a row
        const uint32_t reference = stored.references[row - rows.first];
        const uint32_t parent = row - static_cast<uint32_t>(to_distance(reference));
        const bool refers = reference != 0;
        is_outside |= refers & (parent - from >= end - from);
        uint32_t& word = decoded->words[row - rows.first];
        word = refers ? parent : word;
      }
    }
    if (is_outside) return std::unexpected(at(corrupt("a parent outside of its trace"), asked));
  }
  Column column;
  column.slices.push_back(
      {.count = rows.count, .first_owner = rows.first, .words = decoded->words.data()});
  column.keep = std::move(decoded);
  return column;
}

Result<void> Block::fill_in_parents(uint32_t group, DecodedColumn& decoded,
                                    Inspected& inspected) const {
  const Column ids = TRY(neighbour(Field::span_id, group, inspected));
  const uint64_t* const id_of = ids.slices.front().longs;
  const auto count = static_cast<int64_t>(decoded.longs.size());
  for (int64_t i = 0; i < count; ++i) {
    const auto place = static_cast<size_t>(i);
    const uint32_t reference = decoded.references[place];
    if (reference == 0) continue;
    const int64_t parent = i - to_distance(reference);
    if (parent < 0 || parent >= count) return std::unexpected(corrupt("a parent that is no row"));
    decoded.longs[place] = id_of[parent];
  }
  return {};
}

Result<void> Block::fill_in_resources(uint32_t group, DecodedColumn& decoded,
                                      Inspected& inspected) const {
  Asked asked = asked_for(Field::parent_id, group);
  asked.expected.references_only = true;
  DecodedColumn parents;
  (void)TRY(read_stored(asked, parents, inspected));
  const uint32_t* const parent_of = parents.references.data();
  const uint32_t* const refers = decoded.references.data();
  uint32_t* const words = decoded.words.data();
  bool comes_later = false;
  for (uint32_t i = 0; i < decoded.words.size(); ++i) {
    // Without decisions: whether a span is where its parent is, is as good as random.
    const auto distance = static_cast<uint32_t>(to_distance(parent_of[i]));
    const uint32_t from = i - (refers[i] == 0 ? 0 : distance);
    comes_later |= from > i || (from == i && refers[i] != 0);
    words[i] = words[std::min(from, i)];
  }
  if (comes_later) return std::unexpected(corrupt("a parent that comes later"));
  return {};
}

Result<void> Block::fill_in_links(const Asked& asked, DecodedColumn& decoded,
                                  Inspected& inspected) const {
  const auto table = TRY(trace_table(asked.group, inspected));
  const Column rows = TRY(neighbour(Field::link_span, asked.group, inspected));
  const uint32_t* const row_of = rows.slices.front().words;
  const bool ids = asked.column == field_column(Field::link_span_id);
  const size_t half = asked.column == field_column(Field::link_trace_id_head) ? 0 : 8;
  const Range group = footer_->groups[asked.group].of.rows;
  Column spans;
  if (ids) spans = TRY(neighbour(Field::span_id, asked.group, inspected));
  size_t trace = 0;
  for (size_t i = 0; i < decoded.longs.size(); ++i) {
    const std::vector<BlockTrace>& traces = table->traces;
    while (trace + 1 < traces.size() && traces[trace + 1].first_row <= row_of[i]) ++trace;
    const uint32_t reference = decoded.references[i];
    if (reference == 0) continue;
    if (!ids) {
      decoded.longs[i] = load<uint64_t>(traces[trace].entry.id.view().data() + half);
      continue;
    }
    const uint64_t row = uint64_t{std::max(traces[trace].first_row, group.first)} + reference - 1;
    if (row >= group.end()) return std::unexpected(corrupt("a link to no row"));
    decoded.longs[i] = spans.slices.front().longs[row - group.first];
  }
  return {};
}

template <class T>
Result<void> Block::spread(const std::vector<uint32_t>& place_of, const Column& names,
                           const DecodedColumn& decoded, std::vector<T>& values) const {
  const Slice& all = names.slices.front();
  const bool dense = decoded.owners.empty();
  const size_t count = dense ? all.count : decoded.owners.size();
  std::vector<T> out(count);
  for (size_t i = 0; i < count; ++i) {
    const uint32_t row = dense ? static_cast<uint32_t>(i) : decoded.owners[i] - all.first_owner;
    const uint32_t place = place_of[all.words[row]];
    if (place == UINT32_MAX) return std::unexpected(corrupt("a name without a value"));
    out[i] = values[place];
  }
  values = std::move(out);
  return {};
}

Result<void> Block::fill_in_by_name(const Asked& asked, DecodedColumn& decoded,
                                    Inspected& inspected) const {
  if (!asked.is_attribute || asked.owner != Scope::span) {
    return std::unexpected(corrupt("values by name"));
  }
  const Column names = TRY(neighbour(Field::name, asked.group, inspected));
  std::vector<uint32_t> place_of(names.texts->size(), UINT32_MAX);
  for (uint32_t i = 0; i < decoded.references.size(); ++i) {
    if (decoded.references[i] >= place_of.size()) return std::unexpected(corrupt("no such name"));
    place_of[decoded.references[i]] = i;
  }
  if (!decoded.longs.empty()) return spread(place_of, names, decoded, decoded.longs);
  return spread(place_of, names, decoded, decoded.words);
}

Result<void> Block::fill_in(const Asked& asked, Coding coding, DecodedColumn& decoded,
                            Inspected& inspected) const {
  if (coding == Coding::by_name) return fill_in_by_name(asked, decoded, inspected);
  if (coding == Coding::running && asked.column == field_column(Field::start_ns)) {
    return add_up(asked.group, decoded.longs, inspected);
  }
  if (coding == Coding::references && asked.column < kFields) {
    switch (static_cast<Field>(asked.column)) {
      case Field::parent_id:
        return fill_in_parents(asked.group, decoded, inspected);
      case Field::resource:
        return fill_in_resources(asked.group, decoded, inspected);
      case Field::link_trace_id_head:
      case Field::link_trace_id_tail:
      case Field::link_span_id:
        return fill_in_links(asked, decoded, inspected);
      default:
        break;
    }
  }
  return std::unexpected(corrupt("an unknown coding"));
}

}  // namespace vivace
