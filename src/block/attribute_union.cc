// The common case is a table look-up: column to column, shape to shape. Owner by owner goes only
// what moves between columns and overflow lists.
#include "block/attribute_union.h"

#include <algorithm>

#include "block/layout.h"

namespace vivace {
namespace {

constexpr Field kShapeFields[] = {Field::resource_shape, Field::scope_shape, Field::span_shape,
                                  Field::event_shape, Field::link_shape};

std::string name_of(std::string_view key, ValueType type) {
  std::string out(1, static_cast<char>(type));
  return out += key;
}

struct Words {
  std::vector<uint32_t> words;
  std::shared_ptr<const void> below;
};

}  // namespace

Result<Column> AttributeUnion::source_shapes(const Piece& piece) const {
  Inspected uncounted;
  const Field field = kShapeFields[static_cast<size_t>(owner_)];
  return sources_.part(piece.source).read(field, piece.group, uncounted);
}

// ------------------------------------------------------------------------- what there is

// Of a source that is there whole everything is used.
Result<void> AttributeUnion::find_used(uint32_t source) {
  OfSource& of = of_[source];
  if (order_.has_whole_source(source)) return {};
  of.used.resize(of.shapes->size());
  of.used[0] = true;
  for (const Piece& piece : pieces(source)) {
    const Column column = TRY(source_shapes(piece));
    for (const Slice& slice : column.slices) {
      for (uint32_t i = 0; i < slice.count; ++i) {
        if (order_.placed(piece.number(slice.owner(i))) == OwnerOrder::kNowhere) continue;
        for (uint32_t shape = slice.words[i]; !of.used[shape];) {
          of.used[shape] = true;
          shape = (*of.shapes)[shape].parent;
        }
      }
    }
  }
  return {};
}

void AttributeUnion::unite_columns(uint32_t source) {
  OfSource& of = of_[source];
  const Part& part = sources_.part(source);
  std::vector<bool> used(part.columns(owner_), of.used.empty());
  for (uint32_t shape = 1; shape < of.used.size(); ++shape) {
    const uint32_t column = (*of.shapes)[shape].column;
    if (of.used[shape] && column != kOverflowColumn) used[column] = true;
  }
  of.to.assign(used.size(), kNone);
  for (uint32_t i = 0; i < used.size(); ++i) {
    if (!used[i]) continue;
    const AttributeName name = part.column(owner_, i);
    const auto next = static_cast<uint32_t>(columns_.size());
    const auto [found, is_new] = by_name_.try_emplace(name_of(name.key, name.type), next);
    if (is_new) columns_.push_back({std::string(name.key), name.type});
    of.to[i] = found->second;
  }
}

// Of the values in memory; their owners count as well.
Result<uint64_t> AttributeUnion::bytes_of(uint32_t source, uint32_t column) const {
  const Part& part = sources_.part(source);
  uint64_t bytes = 0;
  for (const Piece& piece : pieces(source)) {
    Inspected uncounted;
    const Column values = TRY(part.read_attribute(owner_, column, piece.group, uncounted));
    for (const Slice& slice : values.slices) {
      bytes += uint64_t{slice.count} * (slice.longs == nullptr ? 4 : 12);
      if (slice.words == nullptr) continue;
      for (uint32_t i = 0; i < slice.count; ++i) bytes += (*values.texts)[slice.words[i]].size();
    }
  }
  return bytes;
}

Result<void> AttributeUnion::keep_largest() {
  if (columns_.size() <= kAttributeColumnsMax) return {};
  std::vector<std::pair<uint64_t, uint32_t>> largest;  // UINT64_MAX - bytes, column
  for (uint32_t i = 0; i < columns_.size(); ++i) largest.emplace_back(UINT64_MAX, i);
  for (uint32_t source = 0; source < of_.size(); ++source) {
    CHECK_OK(sources_.pace());
    for (uint32_t i = 0; i < of_[source].to.size(); ++i) {
      const uint32_t column = of_[source].to[i];
      if (column != kNone) largest[column].first -= TRY(bytes_of(source, i));
    }
  }
  std::ranges::nth_element(largest, largest.begin() + kAttributeColumnsMax);
  std::vector<uint32_t> to(columns_.size(), kOverflowColumn);
  for (uint32_t i = 0; i < kAttributeColumnsMax; ++i) to[largest[i].second] = 0;
  std::vector<BlockColumn> kept;
  for (uint32_t i = 0; i < columns_.size(); ++i) {
    if (to[i] == kOverflowColumn) continue;
    to[i] = static_cast<uint32_t>(kept.size());
    kept.push_back(std::move(columns_[i]));
  }
  columns_ = std::move(kept);
  by_name_.clear();
  for (uint32_t i = 0; i < columns_.size(); ++i) {
    by_name_.emplace(name_of(columns_[i].key, columns_[i].type), i);
  }
  for (OfSource& of : of_) {
    for (uint32_t& column : of.to) column = column == kNone ? kNone : to[column];
    of.loses_columns = std::ranges::count(of.to, kOverflowColumn) > 0;
  }
  return {};
}

Result<void> AttributeUnion::find_origins(uint32_t source) {
  OfSource& of = of_[source];
  of.from.assign(columns_.size(), kNone);
  for (uint32_t i = 0; i < of.to.size(); ++i) {
    if (of.to[i] >= columns_.size()) continue;
    if (of.from[of.to[i]] != kNone) return fail(Code::corrupt, "two columns of one name");
    of.from[of.to[i]] = i;
  }
  return {};
}

uint32_t AttributeUnion::find_column(std::string_view key, ValueType type) const {
  const auto found = by_name_.find(name_of(key, type));
  return found == by_name_.end() ? kNone : found->second;
}

// A source that has the column as well keeps its order by leaving the list as it is.
Result<void> AttributeUnion::find_moves(uint32_t source) {
  OfSource& of = of_[source];
  of.moves.resize(columns_.size());
  for (const Piece& piece : pieces(source)) {
    Inspected uncounted;
    OverflowEntries entries(
        TRY(sources_.part(source).read_overflow(owner_, piece.group, uncounted)));
    for (; !entries.at_end(); entries.next()) {
      of.has_overflow = true;
      const OverflowEntry entry = entries.entry();
      const uint32_t column = find_column(entry.key, entry.type);
      if (column == kNone || of.from[column] != kNone) continue;
      of.moves[column] = true;
      of.moves_any = true;
    }
  }
  return {};
}

bool AttributeUnion::moves(const OfSource& of, const OverflowEntry& entry) const {
  if (!of.moves_any) return false;
  const uint32_t column = find_column(entry.key, entry.type);
  return column != kNone && of.moves[column];
}

Result<std::unique_ptr<AttributeUnion>> AttributeUnion::make(const BlockSources& sources,
                                                             Scope owner, const OwnerOrder& order) {
  std::unique_ptr<AttributeUnion> out(new AttributeUnion(sources, owner, order));
  for (uint32_t source = 0; source < sources.count(); ++source) {
    if (out->pieces(source).empty()) continue;
    Inspected uncounted;
    OfSource& of = out->of_[source];
    of.shapes = TRY(sources.part(source).shapes(owner, uncounted));
    of.mapped.assign(of.shapes->size(), kUnmapped);
    of.mapped[0] = 0;
    CHECK_OK(out->find_used(source));
    out->unite_columns(source);
  }
  CHECK_OK(out->keep_largest());
  for (uint32_t source = 0; source < sources.count(); ++source) {
    CHECK_OK(out->find_origins(source));
    CHECK_OK(out->find_moves(source));
  }
  return out;
}

// ------------------------------------------------------------------------- values

ReadPiece AttributeUnion::values(uint32_t column) const {
  return [this, column](const Piece& piece) { return read_values(column, piece); };
}

Result<Column> AttributeUnion::read_values(uint32_t column, const Piece& piece) const {
  const OfSource& of = of_[piece.source];
  if (of.from[column] != kNone) {
    Inspected uncounted;
    const Part& part = sources_.part(piece.source);
    return part.read_attribute(owner_, of.from[column], piece.group, uncounted);
  }
  return of.moves[column] ? moved_values(column, piece) : Column();
}

Result<Column> AttributeUnion::moved_values(uint32_t column, const Piece& piece) const {
  Inspected uncounted;
  auto list = std::make_shared<Overflow>(
      TRY(sources_.part(piece.source).read_overflow(owner_, piece.group, uncounted)));
  std::vector<OverflowEntry> moved;
  for (OverflowEntries entries(*list); !entries.at_end(); entries.next()) {
    const OverflowEntry entry = entries.entry();
    if (entry.type == columns_[column].type && entry.key == columns_[column].key) {
      moved.push_back(entry);
    }
  }
  return column_of(moved, std::move(list));
}

// ------------------------------------------------------------------------- shapes

uint32_t AttributeUnion::map_shape(OfSource& of, uint32_t shape) {
  if (of.mapped[shape] != kUnmapped) return of.mapped[shape];
  // Up to a shape that is known, then down again.
  path_.clear();
  for (uint32_t at = shape; of.mapped[at] == kUnmapped; at = (*of.shapes)[at].parent) {
    path_.push_back(at);
  }
  for (size_t i = path_.size(); i > 0; --i) {
    const uint32_t at = path_[i - 1];
    const Shape node = (*of.shapes)[at];
    const uint32_t column = node.column == kOverflowColumn ? kOverflowColumn : of.to[node.column];
    of.mapped[at] = shapes_.child(of.mapped[node.parent], column);
  }
  return of.mapped[shape];
}

// Of an owner some of whose entries may move.
Result<uint32_t> AttributeUnion::map_moved(OfSource& of, uint32_t shape, uint32_t owner,
                                           OverflowEntries& entries) {
  path_to(*of.shapes, shape, path_);
  if (std::ranges::count(path_, kOverflowColumn) == 0) return map_shape(of, shape);
  uint32_t out = 0;
  for (const uint32_t edge : path_) {
    uint32_t column = edge == kOverflowColumn ? kOverflowColumn : of.to[edge];
    if (edge == kOverflowColumn) {
      if (!entries.seek(owner)) return fail(Code::corrupt, "a shape without its values");
      const OverflowEntry entry = entries.entry();
      if (moves(of, entry)) column = find_column(entry.key, entry.type);
      entries.next();
    }
    out = shapes_.child(out, column);
  }
  return out;
}

Result<Column> AttributeUnion::read_shapes(const Piece& piece) {
  OfSource& of = of_[piece.source];
  Column column = TRY(source_shapes(piece));
  Overflow list;
  Inspected uncounted;
  if (of.moves_any) {
    list = TRY(sources_.part(piece.source).read_overflow(owner_, piece.group, uncounted));
  }
  OverflowEntries entries(std::move(list));
  auto mapped = std::make_shared<std::vector<uint32_t>>();
  mapped->reserve(piece.owners.count);
  for (Slice& slice : column.slices) {
    if (mapped->size() + slice.count > piece.owners.count) {
      return fail(Code::corrupt, "a source has gaps");
    }
    for (uint32_t i = 0; i < slice.count; ++i) {
      const uint32_t shape = slice.words[i];
      if (!of.uses(shape)) {
        mapped->push_back(0);
      } else if (of.moves_any) {
        mapped->push_back(TRY(map_moved(of, shape, slice.owner(i), entries)));
      } else {
        mapped->push_back(map_shape(of, shape));
      }
    }
    slice.words = mapped->data() + mapped->size() - slice.count;
  }
  if (shapes_.size() > kShapesMax) return fail(Code::too_large, "too many shapes");
  column.keep = std::move(mapped);
  return column;
}

ReadPiece AttributeUnion::owner_shapes() {
  return [this](const Piece& piece) { return read_shapes(piece); };
}

// ------------------------------------------------------------------------- overflow

bool AttributeUnion::has_overflow() const {
  return std::ranges::any_of(
      of_, [](const OfSource& of) { return of.has_overflow || of.loses_columns; });
}

Result<Overflow> AttributeUnion::overflow(const Piece& piece) const {
  const OfSource& of = of_[piece.source];
  if (of.moves_any || of.loses_columns) return rebuilt_overflow(piece);
  Inspected uncounted;
  return sources_.part(piece.source).read_overflow(owner_, piece.group, uncounted);
}

// Owner by owner, in the order of its attributes: entries that stay, and values of columns that
// are none any more.
Result<Overflow> AttributeUnion::rebuilt_overflow(const Piece& piece) const {
  const OfSource& of = of_[piece.source];
  const Part& part = sources_.part(piece.source);
  Inspected uncounted;
  struct Below {
    Overflow list;
    std::vector<Column> columns;
  };
  auto below = std::make_shared<Below>();
  below->list = TRY(part.read_overflow(owner_, piece.group, uncounted));
  OverflowEntries entries(below->list);
  boost::unordered_flat_map<uint32_t, ColumnCursor> lost;  // by column of the source
  for (uint32_t i = 0; i < of.to.size(); ++i) {
    if (of.to[i] != kOverflowColumn) continue;
    below->columns.push_back(TRY(part.read_attribute(owner_, i, piece.group, uncounted)));
    lost.emplace(i, ColumnCursor(below->columns.back()));
  }
  std::vector<OverflowEntry> out;
  std::vector<uint32_t> path;
  const auto add = [&](uint32_t owner, uint32_t column) {
    if (column == kOverflowColumn) {
      if (!entries.seek(owner)) return false;
      const OverflowEntry entry = entries.entry();
      if (!moves(of, entry)) out.push_back(entry);
      entries.next();
      return true;
    }
    if (of.to[column] != kOverflowColumn) return true;
    ColumnCursor& values = lost.find(column)->second;
    if (!values.seek(owner)) return false;
    const AttributeName name = part.column(owner_, column);
    const bool text = is_text(name.type);
    out.push_back({owner, name.key, name.type, text ? 0 : values.bits(),
                   text ? values.text() : std::string_view()});
    values.next();
    return true;
  };
  const Column shapes = TRY(source_shapes(piece));
  for (const Slice& slice : shapes.slices) {
    for (uint32_t i = 0; i < slice.count; ++i) {
      if (!of.uses(slice.words[i])) continue;
      path_to(*of.shapes, slice.words[i], path);
      for (const uint32_t column : path) {
        if (!add(slice.owner(i), column)) {
          return fail(Code::corrupt, "a shape without its values");
        }
      }
    }
  }
  return overflow_of(out, std::move(below));
}

}  // namespace vivace
