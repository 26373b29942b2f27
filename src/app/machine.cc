// Reads /proc and /sys/fs/cgroup, the only files outside storage/ that the running program looks
// at. A file that is not there means: no limit. Limits are read once, at start; usage at each
// scrape.
#include "app/machine.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <malloc.h>
#include <sched.h>
#include <sstream>
#include <sys/resource.h>
#include <unistd.h>

namespace vivace {
namespace {

std::string read_file(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

// The number at the start of a text; `missing` when there is none ("max").
int64_t number(std::string_view text, int64_t missing) {
  int64_t value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  return failed == std::errc() ? value : missing;
}

// The folder of this process in a hierarchy: "0::/a/b" (v2) or "4:memory:/a/b" (v1).
std::string cgroup_path(std::string_view controller) {
  std::istringstream lines(read_file("/proc/self/cgroup"));
  for (std::string line; std::getline(lines, line);) {
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string names = "," + line.substr(first + 1, second - first - 1) + ",";
    if (names.find("," + std::string(controller) + ",") != std::string::npos) {
      return line.substr(second + 1);
    }
  }
  return "/";
}

// Calls `take` for the process's cgroup and each of its parents.
void for_each_level(const std::string& root, std::string path,
                    const std::function<void(const std::string&)>& take) {
  while (true) {
    take(root + (path == "/" ? "" : path));
    if (path.empty() || path == "/") return;
    path.resize(path.rfind('/'));
  }
}

int64_t memory_limit() {
  int64_t limit = sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
  for_each_level("/sys/fs/cgroup", cgroup_path(""), [&](const std::string& folder) {
    limit = std::min(limit, number(read_file(folder + "/memory.max"), limit));
  });
  for_each_level("/sys/fs/cgroup/memory", cgroup_path("memory"), [&](const std::string& folder) {
    limit = std::min(limit, number(read_file(folder + "/memory.limit_in_bytes"), limit));
  });
  return limit;
}

double cpu_limit() {
  cpu_set_t set;
  CPU_ZERO(&set);
  double cpus = 1;
  if (sched_getaffinity(0, sizeof set, &set) == 0) cpus = CPU_COUNT(&set);
  const auto apply = [&](int64_t quota_us, int64_t period_us) {
    if (quota_us > 0 && period_us > 0) {
      cpus = std::min(cpus, static_cast<double>(quota_us) / static_cast<double>(period_us));
    }
  };
  for_each_level("/sys/fs/cgroup", cgroup_path(""), [&](const std::string& folder) {
    const std::string text = read_file(folder + "/cpu.max");  // "50000 100000" or "max 100000"
    const size_t space = text.find(' ');
    if (space != std::string::npos) {
      apply(number(text, -1), number(std::string_view(text).substr(space + 1), -1));
    }
  });
  for_each_level("/sys/fs/cgroup/cpu", cgroup_path("cpu"), [&](const std::string& folder) {
    apply(number(read_file(folder + "/cpu.cfs_quota_us"), -1),
          number(read_file(folder + "/cpu.cfs_period_us"), -1));
  });
  return cpus;
}

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

double start_time_s() {
  // Field 22 of /proc/self/stat, in ticks since boot; the name in field 2 may hold spaces.
  const std::string stat = read_file("/proc/self/stat");
  std::istringstream fields(stat.substr(stat.rfind(')') + 2));
  std::string field;
  for (int i = 3; i <= 22; ++i) fields >> field;
  const std::string boot = read_file("/proc/stat");
  const size_t at = boot.find("btime ");
  if (at == std::string::npos) return 0;
  return static_cast<double>(number(std::string_view(boot).substr(at + 6), 0)) +
         static_cast<double>(number(field, 0)) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

double count_open_files() {
  std::error_code failed;
  const std::filesystem::directory_iterator files("/proc/self/fd", failed);
  return failed ? 0 : static_cast<double>(std::distance(begin(files), end(files)));
}

}  // namespace

Machine read_machine() { return {.memory_bytes = memory_limit(), .cpus = cpu_limit()}; }

void raise_open_files_limit() {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = files.rlim_max;
  (void)setrlimit(RLIMIT_NOFILE, &files);
}

Metrics::ScrapeHook add_process_metrics(Metrics& metrics, std::function<int64_t()> mapped_bytes) {
  const auto gauge = [&](const char* name, const char* help) { return &metrics.gauge(name, help); };
  auto* cpu = gauge("process_cpu_seconds_total", "CPU time, user and system.");
  auto* resident = gauge("process_resident_memory_bytes", "Resident memory.");
  auto* virtual_bytes = gauge("process_virtual_memory_bytes", "Virtual memory.");
  auto* open_files = gauge("process_open_fds", "Open files.");
  auto* heap_sys = gauge("go_memstats_heap_sys_bytes", "Memory that the allocator holds.");
  auto* heap_inuse = gauge("go_memstats_heap_inuse_bytes", "Of that, in use.");
  auto* heap_idle = gauge("go_memstats_heap_idle_bytes", "Of that, free.");
  gauge("process_start_time_seconds", "Start, in unix time.")->Set(start_time_s());
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  gauge("process_max_fds", "Limit of open files.")->Set(static_cast<double>(files.rlim_cur));
  return metrics.on_scrape([=, mapped_bytes = std::move(mapped_bytes)] {
    rusage used{};
    getrusage(RUSAGE_SELF, &used);
    cpu->Set(seconds(used.ru_utime) + seconds(used.ru_stime));
    const std::string statm = read_file("/proc/self/statm");
    const auto page = static_cast<double>(sysconf(_SC_PAGESIZE));
    virtual_bytes->Set(static_cast<double>(number(statm, 0)) * page);
    const size_t space = std::min(statm.find(' '), statm.size() - 1);
    resident->Set(static_cast<double>(number(std::string_view(statm).substr(space + 1), 0)) * page);
    open_files->Set(count_open_files());
    const struct mallinfo2 heap = mallinfo2();
    const auto mapped = static_cast<double>(mapped_bytes()) + static_cast<double>(heap.hblkhd);
    heap_sys->Set(static_cast<double>(heap.arena) + mapped);
    heap_inuse->Set(static_cast<double>(heap.uordblks) + mapped);
    heap_idle->Set(static_cast<double>(heap.fordblks));
  });
}

}  // namespace vivace
