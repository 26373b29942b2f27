// A trie of shapes in memory, and as the content of a chunk: two runs of numbers, a value for each
// node but the first: parents, in a byte each at least, and columns plus 1 (0: the overflow list).
// Parents come before their children. A trie of less than two nodes has no chunk.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "model/columns.h"

namespace vivace {

class ShapeList final : public Shapes {
 public:
  uint32_t size() const override { return static_cast<uint32_t>(nodes_.size()); }
  Shape operator[](uint32_t shape) const override { return nodes_[shape]; }
  int64_t memory_bytes() const {
    return static_cast<int64_t>(sizeof *this + nodes_.capacity() * sizeof(Shape));
  }

  // `count` nodes over so many columns.
  static Result<ShapeList> take(std::string_view content, uint32_t count, uint32_t columns);

 private:
  std::vector<Shape> nodes_;
};

std::string shapes_content(const Shapes& shapes);

}  // namespace vivace
