// Rounding and checking of the time axis. Times are below 2^62 ns, in 2116, so that sums of two do
// not wrap. Called by whoever reads the parameters of a metrics query.
#include "query/metrics_axis.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "traceql/datum.h"

namespace vivace {
namespace {

constexpr uint64_t kTimeMax = uint64_t{1} << 62;  // in 2116
constexpr uint64_t kSecondNs = 1'000'000'000;

std::unexpected<Error> bad(std::string message) {
  return fail(Code::invalid_argument, std::move(message));
}

std::string text_of(uint64_t ns) {
  return traceql::duration_text({static_cast<int64_t>(std::min(ns, kTimeMax))});
}

Result<void> check(uint64_t start_ns, uint64_t end_ns) {
  if (start_ns == 0) return bad("start required");
  if (end_ns == 0) return bad("end required");
  if (end_ns <= start_ns) return bad("end must be greater than start");
  if (end_ns > kTimeMax) return bad("end is too far in the future");
  return {};
}

}  // namespace

Result<MetricsAxis> MetricsAxis::range(uint64_t start_ns, uint64_t end_ns, uint64_t step_ns,
                                       uint32_t intervals_max) {
  CHECK_OK(check(start_ns, end_ns));
  const uint64_t range_ns = end_ns - start_ns;
  const uint64_t intervals = step_ns == 0 ? UINT64_MAX : range_ns / step_ns;
  if (intervals > intervals_max) {
    return bad(fmt::format("step of {} is too small, minimum step for given range is {}",
                           text_of(step_ns), text_of(range_ns / intervals_max)));
  }
  if (step_ns > kTimeMax) return bad("step is too large");
  const uint64_t first_stamp_ns = start_ns / step_ns * step_ns;
  const uint64_t last_stamp_ns = (end_ns + step_ns - 1) / step_ns * step_ns;
  MetricsAxis out;
  out.step_ns = step_ns;
  out.stamp_ns = first_stamp_ns;
  out.last_ns = last_stamp_ns;
  out.count = static_cast<uint32_t>((last_stamp_ns - first_stamp_ns) / step_ns) + 1;
  if (first_stamp_ns >= step_ns) {
    out.first_ns = first_stamp_ns - step_ns + 1;
  } else {
    out.first_ns = 0;
    out.pad_ns = step_ns - 1 - first_stamp_ns;
  }
  return out;
}

Result<MetricsAxis> MetricsAxis::instant(uint64_t start_ns, uint64_t end_ns) {
  CHECK_OK(check(start_ns, end_ns));
  return MetricsAxis{.first_ns = start_ns + 1,
                     .last_ns = end_ns,
                     .pad_ns = 0,
                     .step_ns = end_ns - start_ns,
                     .stamp_ns = end_ns,
                     .count = 1,
                     .is_instant = true};
}

uint64_t default_metrics_step_ns(uint64_t start_ns, uint64_t end_ns) {
  constexpr uint64_t kPoints = 240;
  constexpr uint64_t kMillisecondNs = 1'000'000;
  constexpr std::array<uint64_t, 6> kGrains = {3600, 300, 60, 15, 5, 1};
  const uint64_t range_ns = end_ns > start_ns ? end_ns - start_ns : 0;
  const uint64_t step_ns = range_ns / kPoints;
  if (range_ns < 60 * kSecondNs) {
    constexpr uint64_t kGrainNs = 50 * kMillisecondNs;
    return std::max(kGrainNs, step_ns / kGrainNs * kGrainNs);
  }
  for (const uint64_t grain_s : kGrains) {
    const uint64_t grain_ns = grain_s * kSecondNs;
    if (step_ns > grain_ns) return step_ns / grain_ns * grain_ns;
  }
  return kSecondNs;
}

}  // namespace vivace
