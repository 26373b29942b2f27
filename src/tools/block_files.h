// The blocks of a folder: what the list names, and what else lies there. For the tools that look at
// all of them; nothing is opened here.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "storage/storage.h"
#include "store/block_list.h"

namespace vivace::tools {

struct BlockFiles {
  Result<BlockList> list = fail(Code::not_found, "there is no block list");
  struct Unlisted {
    std::string tenant;
    std::string path;
  };
  // Files of blocks that the list does not name: being written, left over from a crash, or, without
  // a list, all.
  std::vector<Unlisted> unlisted;
};

std::string block_path(const std::string& folder, const std::string& tenant, uint64_t number);
Result<BlockFiles> find_blocks(Storage& storage, const std::string& folder);

}  // namespace vivace::tools
