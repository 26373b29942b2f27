// A YAML text as a tree of plain values. What the library below leaves open is settled here: `<<`
// merges are resolved (a key of the map itself wins, then the first of a list), values keep the
// line they were written on, and a text can cost no more than its bounds: bytes, nesting, and
// values (and 64-byte pieces of long ones) with every alias counted as often as it is used.
// Duplicate keys are kept for the caller, who knows how to name them. Only the first document is
// read, as Tempo does.
//
// A tree is immutable once parsed; ids are valid in their own Document only. Aliases make it a
// directed graph without cycles, so a walk needs no bound of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace vivace::config {

inline constexpr size_t kYamlBytesMax = 4 << 20;
inline constexpr uint32_t kYamlValuesMax = 200'000;
inline constexpr uint32_t kYamlDepthMax = 64;

using NodeId = uint32_t;

struct MapEntry {
  std::string key;
  int line = 0;
  NodeId value = 0;
  bool merged = false;  // came by `<<`
};

struct Node {
  enum class Kind : uint8_t { null, scalar, list, map };

  Kind kind = Kind::null;
  bool quoted = false;  // a scalar that is text whatever it looks like
  int line = 0;         // from 1
  std::string text;     // of a scalar
  std::vector<NodeId> items;
  std::vector<MapEntry> entries;
};

struct Document {
  std::vector<Node> nodes;
  NodeId root = 0;

  const Node& operator[](NodeId id) const { return nodes[id]; }
};

// An empty text is a null root. Errors are one line, "line N: what is wrong".
Result<Document> parse_yaml(const std::string& text);

}  // namespace vivace::config
