// Blocks that are not full are put into the bins of (window, class); a bin that has enough is a
// merge that is due. The smallest class goes first: it has most blocks for the bytes.
#include "compact/plan.h"

#include <algorithm>
#include <bit>
#include <map>

namespace vivace::compact {
namespace {

constexpr int64_t kHour = 3'600'000'000'000;
constexpr int64_t kWindowsOfRetention = 24;
// A window is over when nothing that was received in it can still be on its way to a block.
constexpr int64_t kGraceNs = kHour;

int64_t window_of(const Candidate& block, int64_t window_ns) {
  const int64_t window = block.received_max_ns / window_ns;
  return block.received_max_ns % window_ns < 0 ? window - 1 : window;
}

int class_of(const Candidate& block) { return static_cast<int>(std::bit_width(block.bytes) / 3); }

using Bin = std::vector<const Candidate*>;

struct Bins {
  std::map<int64_t, std::map<int, Bin>> of;  // by window and class
  uint32_t blocks = 0;
};

bool is_full(const Candidate& block, const PlanOptions& options) {
  // Half full is full: two such would be too much for one.
  return 2 * block.bytes > options.full_bytes || 2 * block.rows > options.full_rows ||
         2 * block.traces > options.full_traces;
}

Bins sort_into_bins(std::span<const Candidate> blocks, const PlanOptions& options) {
  Bins out;
  for (const Candidate& block : blocks) {
    if (is_full(block, options)) continue;
    out.of[window_of(block, options.window_ns)][class_of(block)].push_back(&block);
    ++out.blocks;
  }
  return out;
}

Bin all_of(const std::map<int, Bin>& classes) {
  Bin out;
  for (const auto& [number, bin] : classes) out.insert(out.end(), bin.begin(), bin.end());
  return out;
}

uint64_t bytes_of(const Bin& bin) {
  uint64_t bytes = 0;
  for (const Candidate* block : bin) bytes += block->bytes;
  return bytes;
}

// The oldest of the bin, as many as one merge takes.
std::vector<uint64_t> first_merge(Bin bin, const PlanOptions& options) {
  std::ranges::sort(bin, [](const Candidate* a, const Candidate* b) {
    return a->log_from != b->log_from ? a->log_from < b->log_from : a->number < b->number;
  });
  std::vector<uint64_t> out;
  uint64_t bytes = 0;
  uint64_t rows = 0;
  uint64_t traces = 0;
  for (const Candidate* block : bin) {
    bytes += block->bytes;
    rows += block->rows;
    traces += block->traces;
    const bool too_much =
        bytes > options.full_bytes || rows > options.full_rows || traces > options.full_traces;
    if (too_much || out.size() == options.sources_max) break;
    out.push_back(block->number);
  }
  return out;  // two at the least: none of them is half full
}

class Planner {
 public:
  Planner(const Bins& bins, const PlanOptions& options) : bins_(bins), options_(options) {
    out_.small_blocks = bins.blocks;
  }

  Plan plan(int64_t now_ns);

 private:
  void due(const Bin& bin);
  void add_fullest_window();

  const Bins& bins_;
  const PlanOptions& options_;
  Plan out_;
};

void Planner::due(const Bin& bin) {
  out_.debt_bytes += bytes_of(bin);
  if (out_.merge.empty()) out_.merge = first_merge(bin, options_);
}

void Planner::add_fullest_window() {
  const auto count = [](const auto& window) { return all_of(window.second).size(); };
  const auto fullest = std::ranges::max_element(bins_.of, {}, count);
  const Bin bin = all_of(fullest->second);
  if (bin.size() > 1) due(bin);
}

Plan Planner::plan(int64_t now_ns) {
  for (const auto& [window, classes] : bins_.of) {
    const bool is_over = (window + 1) * options_.window_ns + kGraceNs <= now_ns;
    if (is_over) {
      const Bin bin = all_of(classes);
      if (bin.size() > 1) due(bin);
      continue;
    }
    for (const auto& [number, bin] : classes) {
      if (bin.size() >= options_.fan_in) due(bin);
    }
  }
  if (out_.merge.empty() && bins_.blocks > options_.small_blocks_max) add_fullest_window();
  return std::move(out_);
}

}  // namespace

int64_t window_ns(int64_t retention_ns) {
  return std::max(kHour, retention_ns / kWindowsOfRetention);
}

Plan plan(std::span<const Candidate> blocks, const PlanOptions& options, int64_t now_ns) {
  const Bins bins = sort_into_bins(blocks, options);
  return Planner(bins, options).plan(now_ns);
}

}  // namespace vivace::compact
