// What every tool gets, and the tools themselves. Each returns its exit code, 0 or 1; an error is
// printed by the caller and becomes 2 when it is Code::invalid_argument, else 1. Tools print as
// they go, so that their memory does not grow with what they print.
#pragma once

#include <string_view>

#include "base/result.h"
#include "storage/storage.h"
#include "tools/arguments.h"
#include "tools/tools.h"

namespace vivace::tools {

struct Tool {
  Storage& storage;
  const Arguments& arguments;
  const Console& console;
};

// The flags that each knows stand in tools.cc.
Result<int> list_blocks(const Tool& tool);    // [DIR]
Result<int> show_block(const Tool& tool);     // FILE
Result<int> verify_blocks(const Tool& tool);  // FILE|DIR
Result<int> dump_block(const Tool& tool);     // FILE
Result<int> show_log(const Tool& tool);       // [DIR|FILE]
Result<int> take_snapshot(const Tool& tool);  // DIR

}  // namespace vivace::tools
