// The list is read first, the folders after it: a block that is committed in between counts as
// unlisted, never as missing.
#include "tools/block_files.h"

#include <set>

#include <fmt/format.h>

#include "model/tenant.h"

namespace vivace::tools {

std::string block_path(const std::string& folder, const std::string& tenant, uint64_t number) {
  return fmt::format("{}/{}/{:016x}.block", folder, tenant, number);
}

Result<BlockFiles> find_blocks(Storage& storage, const std::string& folder) {
  BlockFiles out;
  out.list = read_block_list(storage, folder);
  std::set<std::string> listed;
  if (out.list) {
    for (const ListedBlock& block : out.list->blocks) {
      listed.insert(block_path(folder, block.tenant, block.number));
    }
  }
  for (const std::string& tenant : TRY(storage.list(folder))) {
    if (!is_valid_tenant(tenant)) continue;
    const auto names = storage.list(folder + "/" + tenant);
    if (!names) continue;  // a file
    for (const std::string& name : *names) {
      std::string path = fmt::format("{}/{}/{}", folder, tenant, name);
      if (name.ends_with(".block") && !listed.contains(path)) {
        out.unlisted.push_back({tenant, std::move(path)});
      }
    }
  }
  return out;
}

}  // namespace vivace::tools
