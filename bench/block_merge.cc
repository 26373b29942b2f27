// What a merge takes: fills heads with spans of the load's making, writes a block of each to a
// folder, merges the blocks into one, and prints CPU per span and the memory it took at the most.
// Consecutive heads share traces: of every tenth request at a border half of the spans come in the
// one and half in the other.
//
//   block_merge [--blocks 8] [--spans 500000] [--templates 2000] [--batch 20] [--shape shop]
//               [--mix 0] [--repeat 1] [--folder /dev/shm/merge]
//
// --mix: that many blocks of the same time, instead of one after the other.
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <malloc.h>

#include <fmt/format.h>

#include "block/block.h"
#include "decode/otlp.h"
#include "flags.h"
#include "head/head_part.h"
#include "storage/local_storage.h"
#include "workload.h"

namespace vivace::bench {
namespace {

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// VmRSS or VmHWM, in MiB.
double memory_mib(std::string_view name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(name)) return std::atof(line.substr(name.size() + 1).c_str()) / 1024;
  }
  return 0;
}

void forget_peak() { std::ofstream("/proc/self/clear_refs") << "5"; }

struct Filled {
  std::shared_ptr<Head> head = std::make_shared<Head>();
  std::vector<uint32_t> left_out;
};

class Filler {
 public:
  Filler(const Workload& workload, uint64_t spans) : workload_(workload), spans_(spans) {}

  // `first` and `base_ns`: where the last one ended.
  Filled fill() {
    Filled out;
    for (const Torn& torn : torn_) add(out, torn.first, torn.base_ns, 1);
    torn_.clear();
    const uint64_t border = spans_ - spans_ / 10;
    while (out.head->rows() < spans_) {
      const bool tear = out.head->rows() > border && first_ / workload_.options().batch % 2 == 0;
      add(out, first_, base_ns_, tear ? 0 : 2);
      if (tear) torn_.push_back({first_, base_ns_});
      first_ += workload_.options().batch;
      base_ns_ += 2'000'000;
    }
    return out;
  }
  void rewind() { base_ns_ = kStart; }

 private:
  struct Torn {
    uint64_t first;
    uint64_t base_ns;
  };
  // `half`: leaves out rows whose number is odd or even.
  void add(Filled& to, uint64_t first, uint64_t base_ns, uint32_t half) const {
    const uint32_t before = to.head->rows();
    for (const RequestTemplate& request : workload_.requests(first)) {
      const auto batch = decode_otlp(workload_.fill(request, first, base_ns), {});
      ASSERT(batch);
      to.head->append(**batch, static_cast<int64_t>(base_ns));
    }
    for (uint32_t row = before; half < 2 && row < to.head->rows(); ++row) {
      if ((row - before) % 2 != half) to.left_out.push_back(row);
    }
  }

  static constexpr uint64_t kStart = 1'790'000'000'000'000'000;
  const Workload& workload_;
  const uint64_t spans_;
  uint64_t first_ = 0;
  uint64_t base_ns_ = kStart;
  std::vector<Torn> torn_;
};

struct Measured {
  double cpu_us = 0;
  double mib = 0;
  BlockSummary summary;
};

Measured measure(Storage& storage, const std::string& path, uint64_t number,
                 const BlockContent& content) {
  malloc_trim(0);  // what was freed before must not hide what is taken
  forget_peak();
  const double before_mib = memory_mib("VmRSS:");
  const double before = cpu_seconds();
  const auto summary = write_block(storage, path, {.tenant = "bench", .number = number}, content);
  ASSERT(summary);
  const double spent = cpu_seconds() - before;
  return {spent * 1e6 / summary->rows, memory_mib("VmHWM:") - before_mib, *summary};
}

void print(const char* what, const Measured& it) {
  fmt::print(
      "{}: {} spans, {} traces: {:.2f} bytes, {:.3f} us CPU, {:.1f} bytes of memory a span"
      " ({:.0f} MiB)\n",
      what, it.summary.rows, it.summary.traces,
      static_cast<double>(it.summary.file_bytes) / it.summary.rows, it.cpu_us,
      it.mib * 1048576 / it.summary.rows, it.mib);
}

}  // namespace
}  // namespace vivace::bench

int main(int argc, char** argv) {
  using namespace vivace;
  using namespace vivace::bench;
  const Flags flags(argc, argv, 1, {});
  WorkloadOptions options;
  options.templates = static_cast<int>(flags.number("--templates", 2'000));
  options.batch = static_cast<uint32_t>(flags.number("--batch", 20));
  options.shape = shape_of(flags.text("--shape", "shop"));
  const std::string folder = flags.text("--folder", "/dev/shm/merge");
  LocalStorage storage;
  ASSERT(storage.make_folders(folder));
  BlockCache cache(4 << 20);
  std::vector<std::shared_ptr<Block>> blocks;
  {
    const Workload workload(options);
    Filler filler(workload, flags.count("--spans", 500'000));
    for (uint64_t i = 0; i < flags.count("--blocks", 8); ++i) {
      if (i < flags.count("--mix", 0)) filler.rewind();
      const Filled filled = filler.fill();
      const HeadPart part(filled.head);
      const std::string path = fmt::format("{}/{}", folder, i);
      print("cut", measure(storage, path, i, {.sources = {{&part, filled.left_out}}}));
      blocks.push_back(Block::open(storage, path, cache).value());
    }
  }
  BlockContent content;
  for (const auto& block : blocks) content.sources.push_back({block.get()});
  for (uint64_t i = 0; i < flags.count("--repeat", 1); ++i) {
    print("merge", measure(storage, folder + "/merged", 1'000, content));
  }
  for (const auto& block : blocks) block->remove_when_unused();
  blocks.clear();
  (void)storage.remove(folder + "/merged");
}
