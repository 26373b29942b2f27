// A disk in memory for tests, which can lose power at any moment. It remembers, for each file,
// which bytes were synced and which were only written; for each folder, which names were.
//
//   FaultStorage disk(seed);
//   run_the_program_on(disk);            // from any threads
//   disk.crash_at(17);                   // the 17th change from now on fails, and all after it
//   disk.restart(FaultStorage::Unsynced::torn);   // what a machine would find after the power cut
//   run_the_program_on(disk);            // again
//
// Between the crash and the restart every call fails with Code::io, as if the process had died: the
// program under test can be torn down meanwhile, and files it still holds stay dead afterwards.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>

#include "storage/storage.h"

namespace vivace {

class FaultStorage final : public Storage {
 public:
  // What becomes of writes that were not synced when the power went.
  enum class Unsynced : uint8_t {
    dropped,  // none of them reached the disk
    kept,     // all did
    torn,     // each 512-byte sector did or did not, by chance; the same for names
  };

  explicit FaultStorage(uint64_t seed = 1) : random_(seed) {}

  // Writes, syncs, creates, renames, removes so far.
  uint64_t changes() const;
  // The change that is `after` changes from now (0: the next) fails, and everything from then on.
  void crash_at(uint64_t after);
  void crash_now() { crash_at(0), fail_all(); }
  bool crashed() const;
  void restart(Unsynced unsynced);

  // The next `count` syncs fail with EIO and drop what they should have synced; the disk lives on.
  void fail_syncs(int count) { fail_calls(Call::sync, "", count); }
  // The next `count` calls of a kind, on paths that hold `part`, fail with EIO.
  enum class Call : uint8_t { read, write, sync, create, remove, rename, sync_folder };
  void fail_calls(Call call, const std::string& part, int count);

  // From now on no file can grow or be created (ENOSPC).
  void set_full(bool full);
  // The same once all files together would take more; `space` tells how much is left.
  void set_capacity(uint64_t bytes);
  uint64_t used_bytes() const;
  // From now on nothing can be changed (EROFS).
  void set_read_only(bool read_only);

  // Straight at the bytes that a restart would find, to damage or cut them.
  std::string durable(const std::string& path) const;
  void set_durable(const std::string& path, std::string bytes);

  Result<std::unique_ptr<File>> open(const std::string& path, Open mode) override;
  Result<void> make_folders(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& folder) override;
  Result<void> remove(const std::string& path) override;
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<void> link(const std::string& from, const std::string& to) override;
  Result<void> sync_directory(const std::string& folder) override;
  Result<std::unique_ptr<FolderLock>> lock(const std::string& folder) override;
  Result<std::vector<FolderEntry>> entries(const std::string& folder) override;
  Result<void> remove_folder(const std::string& path) override;
  Result<VolumeSpace> space(const std::string& folder) override;

 private:
  friend class FaultFile;
  struct Inode {
    std::string current;       // what the running program reads
    std::string synced;        // what surely survives
    std::set<uint64_t> dirty;  // sectors of `current` that differ from `synced`
  };
  using Names = std::map<std::string, std::shared_ptr<Inode>>;
  static constexpr uint64_t kUnbounded = uint64_t{1} << 62;

  struct Failing {
    std::string part;
    int count = 0;
  };

  void fail_all();
  // These take mutex_ as held.
  Result<void> count_change(const char* what);
  Result<void> check(Call call, const std::string& path);
  Result<void> take_room(const char* what, uint64_t more) const;
  uint64_t count_bytes() const;
  void forget_unsynced(Inode& inode, Unsynced unsynced);

  mutable std::mutex mutex_;  // guards all below
  std::mt19937_64 random_;
  Names names_;         // as the running program sees them
  Names synced_names_;  // as of the last sync of their folder
  uint64_t changes_ = 0;
  uint64_t crash_change_ = std::numeric_limits<uint64_t>::max();
  bool crashed_ = false;
  uint64_t life_ = 0;  // files opened in an earlier life are dead
  std::map<Call, Failing> failing_;
  bool full_ = false;
  bool read_only_ = false;
  uint64_t capacity_ = kUnbounded;
};

}  // namespace vivace
