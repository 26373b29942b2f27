// Columns and shapes of a head's attributes. The writer translates each shape of a batch once into
// a list of columns, then appends value by value. Readers (HeadPart) go the other way.
#include "head/attribute_table.h"

namespace vivace {
namespace {

// In a column, or in the overflow list, beside texts.
int64_t value_bytes(ValueType type, bool overflow) {
  if (overflow) return AttributeTable::kAttributeBytesMax;
  if (type == ValueType::empty) return sizeof(uint32_t);
  return sizeof(uint32_t) + (is_text(type) ? sizeof(uint32_t) : sizeof(uint64_t));
}

}  // namespace

void AttributeTable::begin_batch(const Batch& batch) {
  known_.assign(batch.shapes.size(), Known());
  targets_.clear();
}

void AttributeTable::append(HeadMemory& memory, const Batch& batch, const AttributeRun& run) {
  const uint32_t row = rows();
  const Known known = know(memory, batch, run);
  for (uint32_t i = 0; i < run.count; ++i) {
    const BatchAttribute& attribute = batch.attributes[run.first + i];
    const Target target = targets_[known.first_target + i];
    if (target.column == nullptr) {
      append_overflow(memory, batch.keys[target.key], attribute);
      overflows_.rows.append(memory, row);
      continue;
    }
    AttributeColumn& column = *target.column;
    if (is_text(column.type)) {
      const Value& value = attribute.value;
      column.codes.append(memory, column.dictionary.intern(memory, value.text, attribute.hash));
    } else if (column.type != ValueType::empty) {
      column.numbers.append(memory, attribute.value.bits);
    }
    column.rows.append(memory, row);  // last: it makes the value visible
  }
  owner_shapes_.append(memory, known.shape_plus_1 - 1);
  memory.use(kOwnerBytes + known.value_bytes);
}

const AttributeTable::Known& AttributeTable::know(HeadMemory& memory, const Batch& batch,
                                                  const AttributeRun& run) {
  Known& known = known_[run.shape];
  if (known.shape_plus_1 != 0) return known;
  known.first_target = static_cast<uint32_t>(targets_.size());
  targets_.resize(targets_.size() + run.count);
  uint32_t node = run.shape;
  for (uint32_t left = run.count; left > 0; --left) {  // a shape leads from its end to the root
    targets_[known.first_target + left - 1].key = node;
    node = batch.shapes[node].parent;
  }
  uint32_t shape = 0;
  for (uint32_t i = 0; i < run.count; ++i) {
    Target& target = targets_[known.first_target + i];
    const ShapeNode& from = batch.shapes[target.key];
    target.key = from.key;
    const uint32_t column = column_of(memory, batch.keys[from.key], from.type);
    if (column != kOverflowColumn) target.column = owned_columns_[column].get();
    known.value_bytes += value_bytes(from.type, column == kOverflowColumn);
    shape = child(memory, shape, column);
  }
  known.shape_plus_1 = shape + 1;
  return known;
}

uint32_t AttributeTable::child(HeadMemory& memory, uint32_t node, uint32_t column) {
  const auto [at, is_new] = children_.try_emplace(uint64_t{node} << 32 | column, shapes_.size());
  if (is_new) {
    shapes_.append(memory, {.parent = node, .column = column, .depth = shapes_[node].depth + 1});
    memory.use(kShapeBytesMax);
  }
  return at->second;
}

uint32_t AttributeTable::column_of(HeadMemory& memory, const BatchKey& key, ValueType type) {
  auto& by_key = column_by_key_[static_cast<size_t>(type)];
  const auto found = by_key.find(key);
  if (found != by_key.end()) return found->second;
  const uint32_t number = columns_.size();
  if (number == kColumnsMax) return kOverflowColumn;
  auto column = std::make_unique<AttributeColumn>();
  column->key = read_text(memory.store_text(key.text));
  column->type = type;
  memory.use(kColumnBytes + int64_t{sizeof(AttributeColumn*)});
  by_key.emplace(BatchKey{column->key, key.hash}, number);
  columns_.append(memory, column.get());
  owned_columns_.push_back(std::move(column));
  return number;
}

void AttributeTable::append_overflow(HeadMemory& memory, const BatchKey& key,
                                     const BatchAttribute& attribute) {
  const Value& value = attribute.value;
  overflows_.keys.append(memory, overflows_.names.intern(memory, key.text, key.hash));
  overflows_.types.append(memory, static_cast<uint8_t>(value.type));
  overflows_.values.append(memory, is_text(value.type)
                                       ? overflows_.texts.intern(memory, value.text, attribute.hash)
                                       : value.bits);
}

}  // namespace vivace
