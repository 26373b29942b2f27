// What Block reads of a column at a time: a chunk, and what is known of it beforehand. For
// block*.cc alone.
#pragma once

#include "block/block.h"
#include "block/column_content.h"
#include "block/layout.h"

namespace vivace {

struct Block::Asked {
  uint32_t column = 0;
  uint32_t slot = 0;
  ExpectedColumn expected;
  uint32_t group = 0;
  // Of attributes: whose, and which.
  bool is_attribute = false;
  Scope owner = Scope::span;
  uint32_t attribute = 0;
};

}  // namespace vivace
