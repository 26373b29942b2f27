// Storage on the local disk, straight on the POSIX calls. Stateless but for the files it opens; any
// thread. Errors name the call, the path and the system's reason.
#pragma once

#include "storage/storage.h"

namespace vivace {

class LocalStorage final : public Storage {
 public:
  Result<std::unique_ptr<File>> open(const std::string& path, Open mode) override;
  Result<void> make_folders(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& folder) override;
  Result<void> remove(const std::string& path) override;
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<void> link(const std::string& from, const std::string& to) override;
  Result<void> sync_directory(const std::string& folder) override;
  Result<std::vector<FolderEntry>> entries(const std::string& folder) override;
  Result<void> remove_folder(const std::string& path) override;
  Result<VolumeSpace> space(const std::string& folder) override;
  Result<std::unique_ptr<FolderLock>> lock(const std::string& folder) override;
};

}  // namespace vivace
