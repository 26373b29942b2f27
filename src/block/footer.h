// The end of a block's file: who it is, its row groups, its columns by name and where its sections
// lie. It is read in one piece when the block is opened and stays in memory. FORMAT.md draws it.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "block/block_writer.h"
#include "model/columns.h"

namespace vivace {

struct BlockGroup {
  RowGroup of;
  Range traces;
};

struct BlockSection {
  uint16_t kind = 0;
  uint64_t offset = 0;
  uint64_t bytes = 0;
};

struct BlockColumn {
  std::string key;
  ValueType type = ValueType::empty;
};

struct BlockFooter {
  BlockIdentity identity;
  BlockSummary summary;
  uint32_t events = 0;
  uint32_t links = 0;
  uint32_t resources = 0;
  uint32_t scopes = 0;
  std::array<uint32_t, kScopes> shapes{};
  std::vector<BlockGroup> groups;
  std::array<std::vector<BlockColumn>, kScopes> columns;
  std::vector<BlockSection> sections;
  uint64_t seed = 0;  // block_seed of the identity; not stored

  const BlockSection* section(uint16_t kind) const;
  // Of the file: the fixed ones and those of attributes; and slots of each.
  uint32_t file_columns() const;
  uint32_t slots() const;
  // Whether the writer keeps statistics of a column: of more than one row group, and of what
  // searches compare.
  bool has_statistics(uint32_t column) const;
  uint32_t attribute_column(Scope owner, uint32_t column) const;
  int64_t memory_bytes() const;
};

// The footer and the tail behind it: all that follows the last section.
std::string write_footer(const BlockFooter& footer);

// How many bytes at the end of the file are footer and tail, from the last kTailBytes of it.
// Code::unimplemented for a later version, Code::corrupt for anything else.
Result<uint64_t> footer_bytes(std::string_view tail, uint64_t file_bytes);

// From exactly those bytes. Everything that it says is within the limits of the format and agrees
// with itself and with the size of the file.
Result<BlockFooter> read_footer(std::string_view footer_and_tail, uint64_t file_bytes);

}  // namespace vivace
