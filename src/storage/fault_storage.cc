// The disk in memory: two images of every file and of the name table, current and synced. A sync
// copies the sectors that differ; a power cut decides for each sector and name what had reached the
// disk.
#include "storage/fault_storage.h"

#include <algorithm>

#include <fmt/format.h>

namespace vivace {
namespace {

constexpr uint64_t kSector = 512;

std::string folder_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

std::unexpected<Error> dead() { return fail(Code::io, "the disk has lost power"); }

}  // namespace

class FaultFile final : public File {
 public:
  FaultFile(FaultStorage* disk, std::string path, std::shared_ptr<FaultStorage::Inode> inode)
      : disk_(disk), path_(std::move(path)), inode_(std::move(inode)), life_(disk->life_) {}

  Result<void> write(uint64_t offset, std::span<const std::string_view> parts) override {
    const std::lock_guard lock(disk_->mutex_);
    CHECK_OK(change("write"));
    CHECK_OK(disk_->check(FaultStorage::Call::write, path_));
    for (const std::string_view part : parts) {
      if (offset + part.size() > inode_->current.size()) {
        CHECK_OK(disk_->take_room("write", offset + part.size() - inode_->current.size()));
        inode_->current.resize(offset + part.size());
      }
      inode_->current.replace(offset, part.size(), part);
      mark(offset, part.size());
      offset += part.size();
    }
    return {};
  }

  Result<void> sync() override {
    const std::lock_guard lock(disk_->mutex_);
    CHECK_OK(change("sync"));
    if (auto failed = disk_->check(FaultStorage::Call::sync, path_); !failed) {
      inode_->current = inode_->synced;  // the kernel drops the pages it could not write
      inode_->dirty.clear();
      return failed;
    }
    inode_->synced.resize(inode_->current.size());
    for (const uint64_t sector : inode_->dirty) {
      const uint64_t from = sector * kSector;
      if (from >= inode_->current.size()) continue;
      const uint64_t bytes = std::min<uint64_t>(kSector, inode_->current.size() - from);
      inode_->synced.replace(from, bytes, inode_->current, from, bytes);
    }
    inode_->dirty.clear();
    return {};
  }

  Result<void> allocate(uint64_t bytes) override {
    const std::lock_guard lock(disk_->mutex_);
    CHECK_OK(change("allocate"));
    const uint64_t old = inode_->current.size();
    if (bytes <= old) return {};
    CHECK_OK(disk_->take_room("allocate", bytes - old));
    inode_->current.resize(bytes);
    mark(old, bytes - old);
    return {};
  }

  Result<void> read(std::span<const ReadRange> ranges) const override {
    const std::lock_guard lock(disk_->mutex_);
    if (gone()) return dead();
    CHECK_OK(disk_->check(FaultStorage::Call::read, path_));
    for (const ReadRange& range : ranges) {
      if (range.offset + range.into.size() > inode_->current.size()) {
        return fail(Code::corrupt, "the file ends early");
      }
      inode_->current.copy(range.into.data(), range.into.size(), range.offset);
    }
    return {};
  }

  void will_read(uint64_t /*offset*/, uint64_t /*bytes*/) const override {}

  Result<uint64_t> size() const override {
    const std::lock_guard lock(disk_->mutex_);
    if (gone()) return dead();
    return inode_->current.size();
  }

 private:
  bool gone() const { return disk_->crashed_ || life_ != disk_->life_; }
  Result<void> change(const char* what) {
    if (life_ != disk_->life_) return dead();
    return disk_->count_change(what);
  }
  void mark(uint64_t offset, uint64_t size) {
    if (size == 0) return;
    for (uint64_t s = offset / kSector; s <= (offset + size - 1) / kSector; ++s) {
      inode_->dirty.insert(s);
    }
  }

  FaultStorage* disk_;
  std::string path_;
  std::shared_ptr<FaultStorage::Inode> inode_;
  uint64_t life_;
};

uint64_t FaultStorage::changes() const {
  const std::lock_guard lock(mutex_);
  return changes_;
}

void FaultStorage::crash_at(uint64_t after) {
  const std::lock_guard lock(mutex_);
  crash_change_ = changes_ + after;
}

void FaultStorage::fail_all() {
  const std::lock_guard lock(mutex_);
  crashed_ = true;
}

bool FaultStorage::crashed() const {
  const std::lock_guard lock(mutex_);
  return crashed_;
}

Result<void> FaultStorage::count_change(const char* what) {
  if (!crashed_ && changes_ >= crash_change_) crashed_ = true;
  if (crashed_) return fail(Code::io, fmt::format("{}: the disk has lost power", what));
  ++changes_;
  if (read_only_) return fail(Code::io, fmt::format("{}: Read-only file system", what));
  return {};
}

Result<void> FaultStorage::check(Call call, const std::string& path) {
  const auto failing = failing_.find(call);
  if (failing == failing_.end() || failing->second.count <= 0) return {};
  if (!path.contains(failing->second.part)) return {};
  --failing->second.count;
  return fail(Code::io, path + ": Input/output error");
}

uint64_t FaultStorage::count_bytes() const {
  std::set<const Inode*> counted;  // a file may have two names
  uint64_t bytes = 0;
  for (const auto& [path, inode] : names_) {
    if (counted.insert(inode.get()).second) bytes += inode->current.size();
  }
  return bytes;
}

Result<void> FaultStorage::take_room(const char* what, uint64_t more) const {
  const bool is_bounded = capacity_ != kUnbounded;
  if (!full_ && (!is_bounded || count_bytes() + more <= capacity_)) return {};
  return fail(Code::limit, fmt::format("{}: No space left on device", what));
}

void FaultStorage::forget_unsynced(Inode& inode, Unsynced unsynced) {
  if (unsynced == Unsynced::dropped) inode.current = inode.synced;
  if (unsynced == Unsynced::torn) {
    std::string image = inode.synced;
    for (const uint64_t sector : inode.dirty) {
      if (random_() % 2 == 0) continue;
      const uint64_t from = sector * kSector;
      const uint64_t to = std::min<uint64_t>(from + kSector, inode.current.size());
      if (from >= to) continue;
      if (image.size() < to) image.resize(to);
      image.replace(from, to - from, inode.current, from, to - from);
    }
    inode.current = std::move(image);
  }
  inode.synced = inode.current;
  inode.dirty.clear();
}

void FaultStorage::restart(Unsynced unsynced) {
  const std::lock_guard lock(mutex_);
  Names survived = synced_names_;
  if (unsynced == Unsynced::kept) survived = names_;
  if (unsynced == Unsynced::torn) {
    for (const auto& [path, inode] : names_) {
      if (!synced_names_.contains(path) && random_() % 2 == 0) survived[path] = inode;
    }
    for (const auto& [path, inode] : synced_names_) {
      if (!names_.contains(path) && random_() % 2 == 0) survived.erase(path);
    }
  }
  for (const auto& [path, inode] : survived) forget_unsynced(*inode, unsynced);
  names_ = survived;
  synced_names_ = std::move(survived);
  crashed_ = false;
  crash_change_ = std::numeric_limits<uint64_t>::max();
  ++life_;
}

void FaultStorage::fail_calls(Call call, const std::string& part, int count) {
  const std::lock_guard lock(mutex_);
  failing_[call] = {.part = part, .count = count};
}

void FaultStorage::set_capacity(uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  capacity_ = bytes;
}

uint64_t FaultStorage::used_bytes() const {
  const std::lock_guard lock(mutex_);
  return count_bytes();
}

void FaultStorage::set_read_only(bool read_only) {
  const std::lock_guard lock(mutex_);
  read_only_ = read_only;
}

void FaultStorage::set_full(bool full) {
  const std::lock_guard lock(mutex_);
  full_ = full;
}

std::string FaultStorage::durable(const std::string& path) const {
  const std::lock_guard lock(mutex_);
  const auto found = synced_names_.find(path);
  return found == synced_names_.end() ? std::string() : found->second->synced;
}

void FaultStorage::set_durable(const std::string& path, std::string bytes) {
  const std::lock_guard lock(mutex_);
  auto inode = std::make_shared<Inode>();
  inode->current = bytes;
  inode->synced = std::move(bytes);
  names_[path] = inode;
  synced_names_[path] = std::move(inode);
}

Result<std::unique_ptr<File>> FaultStorage::open(const std::string& path, Open mode) {
  const std::lock_guard lock(mutex_);
  if (crashed_) return dead();
  auto found = names_.find(path);
  if (found == names_.end()) {
    if (mode == Open::existing) return fail(Code::not_found, path + ": no such file");
    CHECK_OK(count_change("create"));
    CHECK_OK(check(Call::create, path));
    CHECK_OK(take_room("create", 0));
    found = names_.emplace(path, std::make_shared<Inode>()).first;
  }
  return std::make_unique<FaultFile>(this, path, found->second);
}

Result<void> FaultStorage::make_folders(const std::string&) {
  const std::lock_guard lock(mutex_);
  if (crashed_) return dead();
  return {};  // folders come into being with their files
}

Result<std::vector<std::string>> FaultStorage::list(const std::string& folder) {
  const std::lock_guard lock(mutex_);
  if (crashed_) return dead();
  std::vector<std::string> out;
  const std::string inside = folder + "/";
  for (auto at = names_.lower_bound(inside); at != names_.end(); ++at) {
    if (!at->first.starts_with(inside)) break;
    std::string name = at->first.substr(inside.size());
    name.resize(std::min(name.find('/'), name.size()));  // of a file, or of a folder that has some
    if (out.empty() || out.back() != name) out.push_back(std::move(name));
  }
  std::ranges::sort(out);
  return out;
}

Result<void> FaultStorage::remove(const std::string& path) {
  const std::lock_guard lock(mutex_);
  CHECK_OK(count_change("remove"));
  CHECK_OK(check(Call::remove, path));
  names_.erase(path);
  return {};
}

Result<void> FaultStorage::rename(const std::string& from, const std::string& to) {
  const std::lock_guard lock(mutex_);
  CHECK_OK(count_change("rename"));
  CHECK_OK(check(Call::rename, from));
  const auto found = names_.find(from);
  if (found == names_.end()) return fail(Code::io, "rename: no such file: " + from);
  auto inode = found->second;
  names_.erase(found);
  names_[to] = std::move(inode);
  return {};
}

Result<void> FaultStorage::link(const std::string& from, const std::string& to) {
  const std::lock_guard lock(mutex_);
  CHECK_OK(count_change("link"));
  const auto found = names_.find(from);
  if (found == names_.end()) return fail(Code::not_found, from + ": no such file");
  if (!names_.emplace(to, found->second).second) return fail(Code::io, "link: there is a " + to);
  return {};
}

Result<void> FaultStorage::sync_directory(const std::string& folder) {
  const std::lock_guard lock(mutex_);
  CHECK_OK(count_change("sync folder"));
  CHECK_OK(check(Call::sync_folder, folder));
  std::erase_if(synced_names_, [&](const auto& entry) {
    return folder_of(entry.first) == folder && !names_.contains(entry.first);
  });
  for (const auto& [path, inode] : names_) {
    if (folder_of(path) == folder) synced_names_[path] = inode;
  }
  return {};
}

Result<std::unique_ptr<FolderLock>> FaultStorage::lock(const std::string&) {
  const std::lock_guard lock(mutex_);
  if (crashed_) return dead();
  if (read_only_) return fail(Code::io, "lock: Read-only file system");
  return std::make_unique<FolderLock>();
}

// A folder is there as long as something is in it.
Result<std::vector<FolderEntry>> FaultStorage::entries(const std::string& folder) {
  const auto listed = TRY(list(folder));
  if (listed.empty()) return fail(Code::not_found, folder + ": no such folder");
  const std::lock_guard lock(mutex_);
  std::vector<FolderEntry> out;
  for (const std::string& name : listed) {
    const auto file = names_.find(folder + "/" + name);
    const bool is_folder = file == names_.end();
    out.push_back({.name = name,
                   .is_folder = is_folder,
                   .bytes = is_folder ? 0 : file->second->current.size()});
  }
  return out;
}

Result<void> FaultStorage::remove_folder(const std::string& path) {
  const auto listed = TRY(list(path));
  const std::lock_guard lock(mutex_);
  CHECK_OK(count_change("remove folder"));
  if (!listed.empty()) return fail(Code::io, path + ": Directory not empty");
  return {};
}

Result<VolumeSpace> FaultStorage::space(const std::string&) {
  const std::lock_guard lock(mutex_);
  if (crashed_) return dead();
  const uint64_t used = count_bytes();
  const uint64_t left = full_ || used > capacity_ ? 0 : capacity_ - used;
  return VolumeSpace{.capacity_bytes = capacity_, .free_bytes = left, .read_only = read_only_};
}

}  // namespace vivace
