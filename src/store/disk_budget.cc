// Sorting and adding up: no file is touched and no clock is asked here. Runs on the cut thread, a
// few times a minute.
#include "store/disk_budget.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace vivace {
namespace {

constexpr int64_t kClockErrorNs = 60'000'000'000;  // no clock is exact
constexpr uint64_t kGiB = uint64_t{1} << 30;

}  // namespace

void correct_times(std::vector<StoredBlock>& blocks, int64_t now_ns) {
  const auto is_future = [&](const StoredBlock& block) {
    return !block.is_tempo && block.received_max_ns > now_ns + kClockErrorNs;
  };
  if (std::ranges::none_of(blocks, is_future)) return;
  std::vector<StoredBlock*> by_log;
  for (StoredBlock& block : blocks) {
    if (!block.is_tempo && block.log_end > 0) by_log.push_back(&block);
  }
  std::ranges::sort(by_log, std::ranges::greater(), [](const auto* b) { return b->log_from; });
  // From the end of the log on: the oldest time that a later block can vouch for.
  std::vector<std::pair<uint64_t, int64_t>> oldest_from;  // by log_from, descending
  for (const StoredBlock* block : by_log) {
    if (is_future(*block)) continue;
    const int64_t later = oldest_from.empty() ? now_ns : oldest_from.back().second;
    oldest_from.emplace_back(block->log_from, std::min(later, block->received_max_ns));
  }
  for (StoredBlock& block : blocks) {
    if (!is_future(block)) continue;
    const auto later = [&](const auto& place) { return place.first >= block.log_end; };
    const auto end =
        block.log_end == 0 ? oldest_from.begin() : std::ranges::partition_point(oldest_from, later);
    block.received_max_ns = end == oldest_from.begin() ? now_ns : std::prev(end)->second;
  }
}

DiskVerdict choose_what_goes(std::vector<StoredBlock> blocks, const DiskDemand& demand) {
  std::ranges::sort(blocks, {}, [](const StoredBlock& block) {
    return std::pair(block.received_max_ns, block.number);
  });
  DiskVerdict out;
  uint64_t freed = 0;
  for (StoredBlock& block : blocks) {
    const bool is_old = block.received_max_ns < demand.received_before_ns;
    if (!is_old && (block.is_tempo || freed >= demand.bytes)) continue;
    freed += block.bytes;
    (is_old ? out.too_old : out.displaced).push_back(std::move(block));
  }
  if (freed < demand.bytes) out.missing_bytes = demand.bytes - freed;
  return out;
}

uint64_t free_min_of(const DiskLimits& limits, uint64_t capacity_bytes) {
  return limits.free_min.value_or(std::min(capacity_bytes / 20, kGiB));
}

uint64_t merge_room_of(const DiskLimits& limits) {
  return std::min(limits.bytes_max / 16, kGiB / 2);
}

bool ClockWatch::is_trusted(int64_t unix_ns, int64_t steady_ns, bool all_too_old) {
  const int64_t offset_ns = unix_ns - steady_ns;
  const bool is_first = !offset_ns_.has_value();
  const int64_t step_ns = is_first ? 0 : offset_ns - *offset_ns_;
  offset_ns_ = offset_ns;
  if (step_ns < -kStepMaxNs) doubted_until_ns_ = INT64_MIN;  // put right, or no danger
  if (step_ns > kStepMaxNs || (is_first && all_too_old)) {
    doubted_until_ns_ = steady_ns + kDoubtNs;
    log::warn("the clock may be wrong: nothing is removed for its age during the next hour",
              {{"step_s", step_ns / 1'000'000'000}, {"all_too_old", all_too_old}});
  }
  return steady_ns >= doubted_until_ns_;
}

}  // namespace vivace
