// What is the same on every kind of storage.
// Called from any thread; walks the folders anew each time.
#include "storage/storage.h"

namespace vivace {

Result<uint64_t> bytes_below(Storage& storage, const std::string& folder) {
  const auto entries = storage.entries(folder);
  if (!entries && entries.error().code == Code::not_found) return uint64_t{0};
  if (!entries) return std::unexpected(entries.error());
  uint64_t bytes = 0;
  for (const FolderEntry& entry : *entries) {
    bytes += entry.is_folder ? TRY(bytes_below(storage, folder + "/" + entry.name)) : entry.bytes;
  }
  return bytes;
}

}  // namespace vivace
