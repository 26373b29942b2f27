// Version 2 has one tree and is told which controllers its children may use; version 1 has a tree a
// controller. kernel.org/doc/html/latest/admin-guide/cgroup-v2.html and cgroup-v1.
#include "cgroup.h"

#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fmt/format.h>

namespace vivace::bench {
namespace {

constexpr const char* kRoot = "/sys/fs/cgroup";
constexpr int kPeriodUs = 100'000;

bool write_file(const std::string& path, const std::string& text) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  ::close(fd);
  return written;
}

std::string read_file(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

// The folder of a new group in a tree; empty when it cannot be made.
std::string make_folder(const std::string& tree) {
  const std::string folder = fmt::format("{}/vivace_bench_{}", tree, ::getpid());
  std::error_code failed;
  std::filesystem::create_directory(folder, failed);
  return failed ? std::string() : folder;
}

}  // namespace

std::optional<Cgroup> Cgroup::make(const MachineLimits& limits) {
  const std::string quota = std::to_string(static_cast<int64_t>(limits.cpus * kPeriodUs));
  const std::string memory = std::to_string(limits.memory_bytes);
  const std::string root(kRoot);
  const std::string controllers = read_file(root + "/cgroup.controllers");
  if (controllers.contains("cpu") && controllers.contains("memory")) {
    (void)write_file(root + "/cgroup.subtree_control", "+cpu +memory");
    Cgroup group({make_folder(root)});
    const std::string& folder = group.folders_.front();
    const bool limited = write_file(folder + "/cpu.max", fmt::format("{} {}", quota, kPeriodUs)) &&
                         write_file(folder + "/memory.max", memory);
    if (limited) return group;
    return std::nullopt;
  }
  Cgroup group({make_folder(root + "/cpu"), make_folder(root + "/memory")});
  const bool limited =
      write_file(group.folders_[0] + "/cpu.cfs_period_us", std::to_string(kPeriodUs)) &&
      write_file(group.folders_[0] + "/cpu.cfs_quota_us", quota) &&
      write_file(group.folders_[1] + "/memory.limit_in_bytes", memory);
  if (limited) return group;
  return std::nullopt;
}

Cgroup::~Cgroup() {
  for (const std::string& folder : folders_) {
    if (!folder.empty()) ::rmdir(folder.c_str());
  }
}

bool Cgroup::enter() const {
  bool entered = true;
  for (const std::string& folder : folders_) {
    entered &= write_file(folder + "/cgroup.procs", std::to_string(::getpid()));
  }
  return entered;
}

int64_t Cgroup::memory_peak_bytes() const {
  for (const char* name : {"/memory.peak", "/memory.max_usage_in_bytes"}) {
    const std::string text = read_file(folders_.back() + name);
    if (!text.empty()) return std::strtoll(text.c_str(), nullptr, 10);
  }
  return 0;
}

void limit_without_cgroup(const MachineLimits& limits) {
  cpu_set_t first;
  CPU_ZERO(&first);
  CPU_SET(0, &first);
  (void)::sched_setaffinity(0, sizeof first, &first);
  const auto bytes = static_cast<rlim_t>(limits.memory_bytes);
  const rlimit data{.rlim_cur = bytes, .rlim_max = bytes};
  (void)::setrlimit(RLIMIT_DATA, &data);
}

}  // namespace vivace::bench
