// A folder is recognized by what is in it: a block list, or segments of a log. Names of folders say
// nothing.
#include "tools/places.h"

#include <algorithm>

#include "config/config.h"

namespace vivace::tools {
namespace {

std::string without_slash(std::string folder) {
  while (folder.size() > 1 && folder.ends_with('/')) folder.pop_back();
  return folder;
}

template <class Test>
std::string first_with(Storage& storage, std::initializer_list<std::string> folders, Test test) {
  for (const std::string& folder : folders) {
    const auto names = storage.list(folder);
    if (names && std::ranges::any_of(*names, test)) return folder;
  }
  return {};
}

bool is_of_blocks(const std::string& name) { return name.starts_with("blocks.list"); }
bool is_of_log(const std::string& name) { return name.starts_with("wal-"); }

}  // namespace

bool is_folder(Storage& storage, const std::string& path) {
  const auto names = storage.list(path);
  return names && !storage.open(path, Storage::Open::existing);
}

Result<Places> find_places(Storage& storage, const std::string& folder) {
  const std::string at = without_slash(folder);
  Places out;
  out.blocks =
      first_with(storage, {at, at + "/vivace/blocks", at + "/blocks/vivace/blocks"}, is_of_blocks);
  out.log = first_with(storage, {at, at + "/vivace", at + "/wal/vivace"}, is_of_log);
  if (out.blocks.empty() && out.log.empty()) {
    return fail(Code::not_found, folder + ": here is neither a block list nor a log of Vivace");
  }
  return out;
}

Result<Places> places_of(const Tool& tool, const std::string& named) {
  if (!named.empty()) return find_places(tool.storage, named);
  std::vector<std::string> flags;
  const std::string file = tool.arguments.flag("config.file");
  if (!file.empty()) flags.push_back("-config.file=" + file);
  const auto loaded = config::load(flags);
  if (!loaded) return fail(Code::not_found, loaded.error().message);
  const config::Storage& storage = loaded->config.storage;
  Places out;
  out.blocks = first_with(tool.storage, {storage.local_path + "/vivace/blocks"}, is_of_blocks);
  out.log = first_with(tool.storage, {storage.wal_path + "/vivace"}, is_of_log);
  if (out.blocks.empty() && out.log.empty()) {
    return fail(Code::not_found, "there is nothing of Vivace in " + storage.local_path +
                                     " nor in " + storage.wal_path);
  }
  return out;
}

}  // namespace vivace::tools
