// Both directions of a trie of shapes. Parents come before their children, so that a path up always
// ends at the root.
#include "block/shape_list.h"

#include "block/byte_reader.h"
#include "block/numbers.h"

namespace vivace {

std::string shapes_content(const Shapes& shapes) {
  std::vector<uint32_t> parents;
  std::vector<uint32_t> columns;
  for (uint32_t i = 1; i < shapes.size(); ++i) {
    const Shape shape = shapes[i];
    ASSERT(shape.parent < i);
    parents.push_back(shape.parent);
    columns.push_back(shape.column + 1);  // kOverflowColumn becomes 0
  }
  std::string out;
  append_numbers(out, std::span<const uint32_t>(parents), {.byte_each = true});
  append_numbers(out, std::span<const uint32_t>(columns));
  return out;
}

Result<ShapeList> ShapeList::take(std::string_view content, uint32_t count, uint32_t columns) {
  ShapeList out;
  if (count < 2) {  // at most the owner without attributes: there is no chunk
    out.nodes_.resize(count);
    return out;
  }
  if (count > content.size()) return fail(Code::corrupt, "more shapes than bytes");
  std::vector<uint32_t> parents(count - 1);
  std::vector<uint32_t> edges(count - 1);
  ByteReader in(content);
  take_numbers(in, std::span<uint32_t>(parents));
  take_numbers(in, std::span<uint32_t>(edges));
  if (!in.at_end()) return fail(Code::corrupt, "not so many shapes");
  out.nodes_.resize(count);
  for (uint32_t i = 1; i < count; ++i) {
    const uint32_t parent = parents[i - 1];
    const uint32_t edge = edges[i - 1];
    if (parent >= i || edge > columns) return fail(Code::corrupt, "not a trie of its columns");
    out.nodes_[i] = {parent, edge - 1, out.nodes_[parent].depth + 1};
  }
  return out;
}

}  // namespace vivace
