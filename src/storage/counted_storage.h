// A storage that counts what is written through it, by the kind of the file: how much of a disk's
// life a span costs is a figure to watch. Passes everything on to the storage below, which must
// outlive it.
//
// Any thread.
#pragma once

#include <array>
#include <atomic>
#include <string>
#include <vector>

#include "storage/storage.h"

namespace vivace {

class CountedStorage final : public Storage {
 public:
  enum class Kind : uint8_t { wal, block, other };
  static constexpr size_t kKinds = 3;

  explicit CountedStorage(Storage& below) : below_(below) {}

  // Bytes handed to `write`, those of files that are gone too.
  uint64_t written_bytes(Kind kind) const {
    return written_[static_cast<size_t>(kind)].load(std::memory_order_relaxed);
  }

  Result<std::unique_ptr<File>> open(const std::string& path, Open mode) override;
  Result<void> make_folders(const std::string& path) override { return below_.make_folders(path); }
  Result<std::vector<std::string>> list(const std::string& folder) override {
    return below_.list(folder);
  }
  Result<void> remove(const std::string& path) override { return below_.remove(path); }
  Result<void> rename(const std::string& from, const std::string& to) override {
    return below_.rename(from, to);
  }
  Result<void> link(const std::string& from, const std::string& to) override {
    return below_.link(from, to);
  }
  Result<void> sync_directory(const std::string& folder) override {
    return below_.sync_directory(folder);
  }
  Result<std::vector<FolderEntry>> entries(const std::string& folder) override {
    return below_.entries(folder);
  }
  Result<void> remove_folder(const std::string& path) override {
    return below_.remove_folder(path);
  }
  Result<VolumeSpace> space(const std::string& folder) override { return below_.space(folder); }
  Result<std::unique_ptr<FolderLock>> lock(const std::string& folder) override {
    return below_.lock(folder);
  }

 private:
  Storage& below_;
  std::array<std::atomic<uint64_t>, kKinds> written_{};
};

}  // namespace vivace
