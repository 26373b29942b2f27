// The seam to bytes at rest. All that Vivace stores goes through these two interfaces, so that
// tests can put a disk under the program that loses power at any moment, and so that object storage
// can take the place of the local disk later.
//
// Durability follows POSIX: bytes are durable once `sync` of their file returned, names (created,
// renamed, removed) once `sync_directory` of their folder returned. Any call may fail with
// Code::io, and what needs room on a full disk with Code::limit; the message names path and cause.
// Files may be read from any thread while one thread writes.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace vivace {

// One piece of a read: fill `into` from `offset` on.
struct ReadRange {
  uint64_t offset = 0;
  std::span<char> into;
};

class File {
 public:
  virtual ~File() = default;

  // Writes the parts one behind the other from `offset` on; past the end the file grows.
  virtual Result<void> write(uint64_t offset, std::span<const std::string_view> parts) = 0;

  // Makes everything written so far durable (fdatasync).
  virtual Result<void> sync() = 0;

  // Makes the file at least `bytes` long, with room on the disk for all of it; new bytes read as 0.
  virtual Result<void> allocate(uint64_t bytes) = 0;

  // Fills every range, or fails: reading past the end is Code::corrupt.
  virtual Result<void> read(std::span<const ReadRange> ranges) const = 0;

  // A hint that these bytes will be read soon: the disk may begin to fetch them. Does not wait, and
  // never fails.
  virtual void will_read(uint64_t offset, uint64_t bytes) const = 0;

  virtual Result<uint64_t> size() const = 0;
};

// Holds a folder for one process; free again when it dies.
class FolderLock {
 public:
  virtual ~FolderLock() = default;
};

// The volume that a folder lies on.
struct VolumeSpace {
  uint64_t capacity_bytes = 0;
  uint64_t free_bytes = 0;  // what this process may still use of it
  bool read_only = false;
};

// What a folder holds. Links are told as files and never followed.
struct FolderEntry {
  std::string name;
  bool is_folder = false;
  uint64_t bytes = 0;  // that the file takes of the disk; of a folder 0
};

class Storage {
 public:
  virtual ~Storage() = default;

  enum class Open : uint8_t { existing, create };

  virtual Result<std::unique_ptr<File>> open(const std::string& path, Open mode) = 0;
  virtual Result<void> make_folders(
      const std::string& path) = 0;  // and their parents; fine if there
  virtual Result<std::vector<std::string>> list(const std::string& folder) = 0;  // names, sorted
  virtual Result<void> remove(const std::string& path) = 0;
  virtual Result<void> rename(const std::string& from, const std::string& to) = 0;
  // A second name for the same bytes, which live as long as one of the two. Nothing may be at `to`.
  // Code::not_found without `from`; Code::unimplemented where the two lie on different disks.
  virtual Result<void> link(const std::string& from, const std::string& to) = 0;
  virtual Result<void> sync_directory(const std::string& folder) = 0;

  // By name; of a folder that is not there: Code::not_found.
  virtual Result<std::vector<FolderEntry>> entries(const std::string& folder) = 0;
  virtual Result<void> remove_folder(const std::string& path) = 0;  // fails unless it is empty
  virtual Result<VolumeSpace> space(const std::string& folder) = 0;

  // Code::unavailable when another process holds it.
  virtual Result<std::unique_ptr<FolderLock>> lock(const std::string& folder) = 0;
};

// What the files below a folder take of the disk; 0 when it is not there.
Result<uint64_t> bytes_below(Storage& storage, const std::string& folder);

}  // namespace vivace
