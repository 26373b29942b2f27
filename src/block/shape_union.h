// A trie of shapes that grows: the shapes of a block, from those of its sources.
//
// For the writer of blocks; one thread.
#pragma once

#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "base/hash.h"
#include "model/columns.h"

namespace vivace {

class ShapeUnion final : public Shapes {
 public:
  uint32_t size() const override { return static_cast<uint32_t>(nodes_.size()); }
  Shape operator[](uint32_t shape) const override { return nodes_[shape]; }

  uint32_t child(uint32_t parent, uint32_t column) {
    const uint64_t edge = uint64_t{parent} << 32 | column;
    const auto [found, is_new] = children_.try_emplace(edge, size());
    if (is_new) nodes_.push_back({parent, column, nodes_[parent].depth + 1});
    return found->second;
  }

 private:
  std::vector<Shape> nodes_ = {Shape()};
  boost::unordered_flat_map<uint64_t, uint32_t, NumberHash> children_;
};

// The columns on the way from the root to a shape.
inline void path_to(const Shapes& shapes, uint32_t shape, std::vector<uint32_t>& path) {
  path.resize(shape == 0 ? 0 : shapes[shape].depth);
  for (size_t i = path.size(); i > 0; --i) {
    path[i - 1] = shapes[shape].column;
    shape = shapes[shape].parent;
  }
}

}  // namespace vivace
