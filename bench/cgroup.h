// A small machine within this one: a control group of the kernel with a share of CPU and a limit of
// memory, v2 or v1, made for one child process and removed with this object. Needs root, and that
// somebody mounted the file system.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace vivace::bench {

struct MachineLimits {
  double cpus = 0.5;
  int64_t memory_bytes = 256LL << 20;
};

class Cgroup {
 public:
  // Empty when the machine does not permit it.
  static std::optional<Cgroup> make(const MachineLimits& limits);
  Cgroup(Cgroup&& other) noexcept : folders_(std::exchange(other.folders_, {})) {}
  Cgroup& operator=(Cgroup&&) = delete;
  ~Cgroup();  // whoever was in it has ended

  // Moves the calling process into it. Between fork and exec: allocates, so only in a child of a
  // process that holds no lock of the allocator.
  bool enter() const;

  // The most that its processes held, file pages that the kernel may take back included.
  int64_t memory_peak_bytes() const;

 private:
  explicit Cgroup(std::vector<std::string> folders) : folders_(std::move(folders)) {}

  std::vector<std::string> folders_;
};

// What comes closest where no group can be made: one core and a limit on data. For the calling
// process.
void limit_without_cgroup(const MachineLimits& limits);

}  // namespace vivace::bench
