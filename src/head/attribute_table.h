// The attributes of one kind of owner (resources, scopes, spans, events or links) in a head: a
// column for every (key, type), and for each owner the *shape* that says which columns it has
// values in, in which order. Duplicate keys and the order of attributes come back as they were
// sent.
//
//   column http.method:string   rows  0 2 5 6      which owner
//                               codes 0 0 1 0      into the column's dictionary
//   shape 8 = http.method:string, http.status_code:integer
//   owner 5: shape 8  ->  find 5 in the rows of both columns
//
// At most kColumnsMax columns, by order of appearance; the attributes of further keys go to one
// overflow list of (row, key, type, value).
//
// One thread appends; any thread reads owners whose row was published to it.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "base/bytes.h"
#include "base/hash.h"
#include "head/dictionary.h"
#include "model/batch.h"
#include "model/columns.h"

namespace vivace {

// Values of one key and type, by ascending row. A row stands twice if its owner has the key twice.
struct AttributeColumn {
  std::string_view key;
  ValueType type = ValueType::empty;
  Chunked<uint32_t> rows;
  Chunked<uint32_t> codes;    // of text types
  Chunked<uint64_t> numbers;  // of the others, but empty
  Dictionary dictionary;
};

// The trie of shapes. Node 0, the root, is implied.
class ShapeTrie final : public Shapes {
 public:
  void append(HeadMemory& memory, const Shape& node) { nodes_.append(memory, node); }

  uint32_t size() const override { return nodes_.size() + 1; }
  Shape operator[](uint32_t shape) const override {
    return shape == 0 ? Shape() : nodes_[shape - 1];
  }

 private:
  Chunked<Shape> nodes_;
};

class AttributeTable {
 public:
  static constexpr uint32_t kColumnsMax = 1024;

  // What appending takes at the most, beside the bytes of texts: an owner, each attribute (and
  // Dictionary::kTextBytesMax if it is a text), each shape and each key and type that may be new.
  static constexpr int64_t kOwnerBytes = 4;
  static constexpr int64_t kAttributeBytesMax = 17;
  static constexpr int64_t kShapeBytesMax = 52;
  static constexpr int64_t kColumnBytesMax = 1280;

  // Forgets which shapes of the last batch are known; before the first append of each batch.
  void begin_batch(const Batch& batch);

  // Stores the attributes of the next owner, whose row is `rows()`.
  void append(HeadMemory& memory, const Batch& batch, const AttributeRun& run);

  uint32_t rows() const { return owner_shapes_.size(); }

  // By owner: its shape.
  const Chunked<uint32_t>& owner_shapes() const { return owner_shapes_; }
  const ShapeTrie& shapes() const { return shapes_; }

  uint32_t columns() const { return columns_.size(); }
  const AttributeColumn& column(uint32_t number) const { return *columns_[number]; }

  // Attributes without a column, by ascending row.
  struct Overflows {
    Chunked<uint32_t> rows;
    Chunked<uint32_t> keys;  // into `names`
    Chunked<uint8_t> types;
    Chunked<uint64_t> values;  // bits, or a code into `texts`
    Dictionary names{Dictionary::Looking::for_ever};
    Dictionary texts;
  };
  const Overflows& overflows() const { return overflows_; }

 private:
  static constexpr int64_t kEdgeBytes = 40;  // of a flat map's slot, with its share of free ones
  // The first chunks of a column, which are set aside for 16 values, and its place in the maps.
  static constexpr int64_t kColumnBytes = sizeof(AttributeColumn) + 640;

  static_assert(kShapeBytesMax == sizeof(Shape) + kEdgeBytes);
  static_assert(kColumnBytesMax >=
                kColumnBytes + int64_t{sizeof(AttributeColumn*)} + Dictionary::kTextBytesMax);
  struct KeyHash {
    using is_avalanching = void;
    size_t operator()(const BatchKey& key) const { return key.hash; }
  };
  struct KeyEqual {
    bool operator()(const BatchKey& a, const BatchKey& b) const {
      return same_text(a.text, b.text);
    }
  };

  struct Target {  // where an attribute of a shape goes; without a column: to the overflow list
    AttributeColumn* column = nullptr;
    uint32_t key = 0;  // in Batch::keys
  };
  struct Known {  // what a shape of the current batch means here
    uint32_t shape_plus_1 = 0;
    uint32_t first_target = 0;
    int64_t value_bytes = 0;  // of an owner with this shape
  };

  const Known& know(HeadMemory& memory, const Batch& batch, const AttributeRun& run);
  uint32_t child(HeadMemory& memory, uint32_t node, uint32_t column);
  uint32_t column_of(HeadMemory& memory, const BatchKey& key, ValueType type);
  void append_overflow(HeadMemory& memory, const BatchKey& key, const BatchAttribute& attribute);

  Chunked<uint32_t> owner_shapes_;
  ShapeTrie shapes_;
  Chunked<AttributeColumn*> columns_;
  Overflows overflows_;

  // The writer's.
  std::vector<std::unique_ptr<AttributeColumn>> owned_columns_;
  boost::unordered_flat_map<uint64_t, uint32_t, NumberHash> children_;  // (node, column) -> node
  boost::unordered_flat_map<BatchKey, uint32_t, KeyHash, KeyEqual> column_by_key_[kValueTypes];
  std::vector<Known> known_;  // by node of Batch::shapes
  std::vector<Target> targets_;
};

}  // namespace vivace
