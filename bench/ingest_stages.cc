// The CPU of the road's two large stages, each alone on one thread: decoding bodies into batches,
// and appending batches to heads that turn over as those of a server do. For profilers and for
// counting instructions, which a busy machine does not disturb:
//
//   ingest_stages [--spans 2000000] [--templates 500] [--split]
//   valgrind --tool=callgrind build/release/bench/ingest_stages --spans 200000
#include <ctime>

#include <fmt/format.h>

#include "base/hash.h"
#include "decode/otlp.h"
#include "flags.h"
#include "head/head.h"
#include "workload.h"

namespace vivace::bench {
namespace {

constexpr int64_t kHeadBytes = 64 << 20;  // then the next head begins
constexpr size_t kInFlight = 16;          // batches that live at once, as between threads

double cpu_ns() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

struct Stages {
  double hash_ns = 0;
  double decode_ns = 0;
  double room_ns = 0;
  double head_ns = 0;
  double free_ns = 0;
  uint64_t spans = 0;
  uint64_t requests = 0;
  uint64_t heads = 1;
};

// What `work` takes is added to `ns`.
template <class Work>
auto timed(double& ns, const Work& work) {
  const double begin = cpu_ns();
  auto result = work();
  ns += cpu_ns() - begin;
  return result;
}

class Road {
 public:
  void take(const RequestTemplate& request, std::string body, int64_t now_ns) {
    keep_ ^= timed(stages_.hash_ns, [&] { return hash128(body).low; });
    auto batch = timed(stages_.decode_ns, [&] { return decode_otlp(std::move(body), {}); });
    ASSERT(batch);
    keep_ ^=
        timed(stages_.room_ns, [&] { return static_cast<uint64_t>(Head::bytes_needed(**batch)); });
    batches_.push_back(std::move(*batch));
    stages_.spans += request.spans;
    ++stages_.requests;
    if (batches_.size() >= kInFlight) append_all(now_ns);
  }

  void append_all(int64_t now_ns) {
    if (head_->bytes() > kHeadBytes) {
      head_ = nullptr;
      head_ = std::make_unique<Head>(pool_);
      ++stages_.heads;
    }
    keep_ ^= timed(stages_.head_ns, [&] {
      uint64_t spans = 0;
      for (const auto& batch : batches_) spans += head_->append(*batch, now_ns).spans;
      return spans;
    });
    keep_ ^= timed(stages_.free_ns, [&] {
      batches_.clear();
      return uint64_t{0};
    });
  }

  void print() const {
    const auto spans = static_cast<double>(stages_.spans);
    fmt::print("{} spans in {} requests, {} heads ({})\n", stages_.spans, stages_.requests,
               stages_.heads, keep_ == 0 ? "" : "ok");
    const auto row = [&](const char* what, double ns) {
      fmt::print("  {:<28} {:8.1f} ns a span {:10.0f} ns a request\n", what, ns / spans,
                 ns / static_cast<double>(stages_.requests));
    };
    row("hash of the body", stages_.hash_ns);
    row("decode", stages_.decode_ns);
    row("room needed", stages_.room_ns);
    row("append to the head", stages_.head_ns);
    row("free the batch", stages_.free_ns);
  }

 private:
  Stages stages_;
  std::shared_ptr<RegionPool> pool_ = std::make_shared<RegionPool>();
  std::unique_ptr<Head> head_ = std::make_unique<Head>(pool_);
  std::vector<std::unique_ptr<Batch>> batches_;
  uint64_t keep_ = 0;  // results are used, and so not left out
};

int run(int argc, char** argv) {
  const Flags flags(argc, argv, 1, {"--split"});
  const Workload workload({.templates = static_cast<int>(flags.count("--templates", 500)),
                           .split = flags.has("--split")});
  const uint64_t spans = flags.count("--spans", 2'000'000);
  Road road;
  uint64_t base_ns = 1'790'000'000'000'000'000;
  uint64_t pushed = 0;
  for (uint64_t first = 0; pushed < spans; first += workload.options().batch) {
    base_ns += 2'000'000;
    for (const RequestTemplate& request : workload.requests(first)) {
      road.take(request, workload.fill(request, first, base_ns), static_cast<int64_t>(base_ns));
      pushed += request.spans;
    }
  }
  road.append_all(static_cast<int64_t>(base_ns));
  road.print();
  return 0;
}

}  // namespace
}  // namespace vivace::bench

int main(int argc, char** argv) { return vivace::bench::run(argc, argv); }
