// The POSIX calls behind Storage: pwritev, pread, posix_fadvise, fdatasync, posix_fallocate, flock.
// Short writes and EINTR are finished here, so that callers see all or an error.
#include "storage/local_storage.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include <fmt/format.h>

namespace vivace {
namespace {

std::unexpected<Error> io_error(std::string_view call, const std::string& path, int number) {
  const bool is_full = number == ENOSPC || number == EDQUOT;
  return fail(is_full ? Code::limit : Code::io,
              fmt::format("{} {}: {}", call, path, std::strerror(number)));
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { ::close(fd_); }
  int get() const { return fd_; }

 private:
  int fd_;
};

class LocalFile final : public File {
 public:
  LocalFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}

  Result<void> write(uint64_t offset, std::span<const std::string_view> parts) override {
    std::vector<iovec> left;
    left.reserve(parts.size());
    for (const std::string_view part : parts) {
      if (!part.empty()) left.push_back({const_cast<char*>(part.data()), part.size()});
    }
    size_t next = 0;
    while (next < left.size()) {
      const size_t count = std::min<size_t>(left.size() - next, IOV_MAX);
      const ssize_t written =
          ::pwritev(fd_.get(), &left[next], static_cast<int>(count), static_cast<off_t>(offset));
      if (written < 0) {
        if (errno == EINTR) continue;
        return io_error("write", path_, errno);
      }
      offset += static_cast<uint64_t>(written);
      advance(left, next, static_cast<size_t>(written));
    }
    return {};
  }

  Result<void> sync() override {
    // Not repeated on failure: the kernel has dropped what it could not write.
    if (::fdatasync(fd_.get()) != 0) return io_error("fdatasync", path_, errno);
    return {};
  }

  Result<void> allocate(uint64_t bytes) override {
    const int failed = ::posix_fallocate(fd_.get(), 0, static_cast<off_t>(bytes));
    if (failed != 0) return io_error("allocate", path_, failed);
    return {};
  }

  Result<void> read(std::span<const ReadRange> ranges) const override {
    for (const ReadRange& range : ranges) {
      size_t done = 0;
      while (done < range.into.size()) {
        const ssize_t got = ::pread(fd_.get(), range.into.data() + done, range.into.size() - done,
                                    static_cast<off_t>(range.offset + done));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return io_error("read", path_, errno);
        if (got == 0) return fail(Code::corrupt, fmt::format("{}: ends early", path_));
        done += static_cast<size_t>(got);
      }
    }
    return {};
  }

  void will_read(uint64_t offset, uint64_t bytes) const override {
    (void)::posix_fadvise(fd_.get(), static_cast<off_t>(offset), static_cast<off_t>(bytes),
                          POSIX_FADV_WILLNEED);
  }

  Result<uint64_t> size() const override {
    struct stat about{};
    if (::fstat(fd_.get(), &about) != 0) return io_error("stat", path_, errno);
    return static_cast<uint64_t>(about.st_size);
  }

 private:
  static void advance(std::vector<iovec>& left, size_t& next, size_t written) {
    while (written > 0) {
      iovec& front = left[next];
      const size_t step = std::min(written, front.iov_len);
      front.iov_base = static_cast<char*>(front.iov_base) + step;
      front.iov_len -= step;
      written -= step;
      if (front.iov_len == 0) ++next;
    }
  }

  Descriptor fd_;
  std::string path_;
};

class LocalLock final : public FolderLock {
 public:
  explicit LocalLock(int fd) : fd_(fd) {}

 private:
  Descriptor fd_;  // closing it ends the flock
};

}  // namespace

Result<std::unique_ptr<File>> LocalStorage::open(const std::string& path, Open mode) {
  const int flags = O_RDWR | O_CLOEXEC | (mode == Open::create ? O_CREAT : 0);
  const int fd = ::open(path.c_str(), flags, 0640);
  if (fd < 0 && errno == ENOENT) return fail(Code::not_found, path + ": no such file");
  if (fd < 0) return io_error("open", path, errno);
  return std::make_unique<LocalFile>(fd, path);
}

Result<void> LocalStorage::make_folders(const std::string& path) {
  std::error_code failed;
  std::filesystem::create_directories(path, failed);
  if (failed) return io_error("create folder", path, failed.value());
  return {};
}

Result<std::vector<std::string>> LocalStorage::list(const std::string& folder) {
  std::error_code failed;
  std::vector<std::string> names;
  for (std::filesystem::directory_iterator it(folder, failed), end; !failed && it != end;
       it.increment(failed)) {
    names.push_back(it->path().filename().string());
  }
  if (failed) return io_error("list", folder, failed.value());
  std::ranges::sort(names);
  return names;
}

Result<void> LocalStorage::remove(const std::string& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return io_error("remove", path, errno);
  return {};
}

Result<void> LocalStorage::rename(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return io_error("rename", from, errno);
  return {};
}

Result<void> LocalStorage::link(const std::string& from, const std::string& to) {
  if (::link(from.c_str(), to.c_str()) == 0) return {};
  if (errno == ENOENT)
    return fail(Code::not_found, from + ": no such file, or no folder for " + to);
  if (errno == EXDEV) return fail(Code::unimplemented, to + " lies on another disk than " + from);
  return io_error("link", to, errno);
}

Result<void> LocalStorage::sync_directory(const std::string& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return io_error("open folder", folder, errno);
  const Descriptor owned(fd);
  if (::fsync(fd) != 0) return io_error("sync folder", folder, errno);
  return {};
}

Result<std::vector<FolderEntry>> LocalStorage::entries(const std::string& folder) {
  DIR* const stream = ::opendir(folder.c_str());
  if (stream == nullptr && errno == ENOENT)
    return fail(Code::not_found, folder + ": no such folder");
  if (stream == nullptr) return io_error("list", folder, errno);
  std::vector<FolderEntry> out;
  int failed = 0;
  while (true) {
    errno = 0;
    const dirent* const entry = ::readdir(stream);
    if (entry == nullptr) {
      failed = errno;
      break;
    }
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    struct stat about{};
    // What went away meanwhile takes no room.
    if (::fstatat(::dirfd(stream), entry->d_name, &about, AT_SYMLINK_NOFOLLOW) != 0) continue;
    const bool is_folder = S_ISDIR(about.st_mode);
    const auto bytes = static_cast<uint64_t>(about.st_blocks) * 512;
    out.push_back({.name = name, .is_folder = is_folder, .bytes = is_folder ? 0 : bytes});
  }
  ::closedir(stream);
  if (failed != 0) return io_error("list", folder, failed);
  std::ranges::sort(out, {}, &FolderEntry::name);
  return out;
}

Result<void> LocalStorage::remove_folder(const std::string& path) {
  if (::rmdir(path.c_str()) != 0 && errno != ENOENT) return io_error("remove folder", path, errno);
  return {};
}

Result<VolumeSpace> LocalStorage::space(const std::string& folder) {
  struct statvfs about{};
  if (::statvfs(folder.c_str(), &about) != 0) return io_error("statvfs", folder, errno);
  return VolumeSpace{.capacity_bytes = about.f_blocks * about.f_frsize,
                     .free_bytes = about.f_bavail * about.f_frsize,
                     .read_only = (about.f_flag & ST_RDONLY) != 0};
}

Result<std::unique_ptr<FolderLock>> LocalStorage::lock(const std::string& folder) {
  const std::string path = folder + "/LOCK";
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
  if (fd < 0) return io_error("open", path, errno);
  auto held = std::make_unique<LocalLock>(fd);
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return io_error("lock", path, errno);
    return fail(Code::unavailable,
                fmt::format("{} is held by another process (lock file {})", folder, path));
  }
  return held;
}

}  // namespace vivace
