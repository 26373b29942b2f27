// Where blocks and log lie, from what somebody types: a data folder, one of the two folders that a
// config names, or the config itself.
#pragma once

#include <string>

#include "base/result.h"
#include "storage/storage.h"
#include "tools/tool.h"

namespace vivace::tools {

// Empty: there is none.
struct Places {
  std::string blocks;  // the folder with blocks.list
  std::string log;     // the folder with the segments
};

// By a folder's contents: `data`, `data/blocks`, `data/blocks/vivace/blocks`, and the same of the
// log. Code::not_found when there is nothing of ours.
Result<Places> find_places(Storage& storage, const std::string& folder);

// The folder that was named, else the config's.
Result<Places> places_of(const Tool& tool, const std::string& named);

bool is_folder(Storage& storage, const std::string& path);

}  // namespace vivace::tools
