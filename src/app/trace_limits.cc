// Sizes and live traces in tables that forget. Traces are told apart by a hash of tenant and id, so
// that one table serves all tenants. Runs on the ingest threads.
#include "app/trace_limits.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "base/log.h"

namespace vivace {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;
constexpr int64_t kSizePeriodNs = 900 * kSecondNs;
constexpr size_t kSizeTableMax = 128 << 10;
constexpr int kLinesASecond = 10;
constexpr int64_t kSweepNs = kSecondNs;

Hash128 key_of(const std::string& tenant, const TraceId& trace) {
  return hash128(trace.view(), text_hash(tenant));
}

// What a request brings for each of its traces, in the order that they first appear in.
struct Shares {
  struct Share {
    TraceId trace;
    int64_t bytes = 0;
  };
  std::vector<Share> traces;
  std::vector<uint32_t> of_span;  // place in `traces`

  explicit Shares(const Batch& batch) {
    boost::unordered_flat_map<TraceId, uint32_t, TraceIdHash> places;
    for (const BatchSpan& span : batch.spans) {
      const auto next = static_cast<uint32_t>(traces.size());
      const auto [at, is_new] = places.try_emplace(span.trace_id, next);
      if (is_new) traces.push_back({.trace = span.trace_id});
      traces[at->second].bytes += span.bytes;
      of_span.push_back(at->second);
    }
  }
};

}  // namespace

void TraceLimits::Recent::turn(int64_t now_ns) {
  const int64_t since_ns = now_ns - turned_ns_;
  if (since_ns < period_ns_) return;
  older_ = since_ns < 2 * period_ns_ ? std::move(newer_) : Table();
  newer_ = Table();
  turned_ns_ = now_ns;
}

std::optional<int64_t> TraceLimits::Recent::find(const Hash128& trace) const {
  for (const Table* table : {&newer_, &older_}) {
    const auto found = table->find(trace);
    if (found != table->end()) return found->second;
  }
  return std::nullopt;
}

int64_t& TraceLimits::Recent::operator[](const Hash128& trace) {
  if (newer_.size() >= table_max_ && !newer_.contains(trace)) {
    older_ = std::exchange(newer_, Table());
  }
  const auto [at, is_new] = newer_.try_emplace(trace, 0);
  if (!is_new) return at->second;
  const auto old = older_.find(trace);
  if (old != older_.end()) {
    at->second = old->second;
    older_.erase(old);
  }
  return at->second;
}

TraceLimits::TraceLimits(const TraceLimitOptions& options, const Clock& clock,
                         size_t live_total_max)
    : options_(options),
      clock_(clock),
      live_total_max_(live_total_max),
      sizes_(kSizePeriodNs, kSizeTableMax) {}

TraceLimits::Verdict TraceLimits::judge(const std::string& tenant, const Batch& batch,
                                        const TraceLimitOptions& own) {
  Verdict out;
  if (!own.is_on()) return out;
  const Shares shares(batch);
  std::vector<Reason> reasons;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [trace, bytes] : shares.traces) {
      reasons.push_back(refuse(tenant, {trace, bytes}, own));
    }
  }
  auto rejected = batch.rejected.begin();  // their ordinals are counted, too
  uint32_t ordinal = 0;
  for (const uint32_t place : shares.of_span) {
    for (; rejected != batch.rejected.end() && *rejected == ordinal; ++rejected) ++ordinal;
    const Reason reason = reasons[place];
    if (reason != Reason::none) out.refused.push_back(ordinal);
    if (reason == Reason::too_large) ++out.too_large;
    if (reason == Reason::too_many) ++out.too_many;
    ++ordinal;
  }
  return out;
}

TraceLimits::Reason TraceLimits::refuse(const std::string& tenant, const Share& share,
                                        const TraceLimitOptions& own) {
  const int64_t now_ns = clock_.steady_ns();
  const Hash128 key = key_of(tenant, share.trace);
  if (own.live_traces_max > 0 && !is_live(tenant, key, own)) return Reason::too_many;
  if (own.trace_bytes_max > 0) {
    sizes_.turn(now_ns);
    int64_t& size = sizes_[key];
    size += share.bytes;
    if (size > own.trace_bytes_max) {
      log_too_large(tenant, {share.trace, size}, own.trace_bytes_max);
      return Reason::too_large;
    }
  }
  return Reason::none;
}

// Whether the trace is live, or may be from now on.
bool TraceLimits::is_live(const std::string& tenant, const Hash128& trace,
                          const TraceLimitOptions& own) {
  const int64_t now_ns = clock_.steady_ns();
  if (now_ns - swept_ns_ >= kSweepNs) forget_tenants(now_ns);
  Recent& live = live_.try_emplace(tenant, own.idle_ns, SIZE_MAX).first->second;
  const size_t before = live.size();
  live.turn(now_ns);
  const auto limit = static_cast<size_t>(own.live_traces_max);
  const size_t others = live_total_ - before;
  const bool is_full =
      live.size() >= limit || others + live.size() >= std::max(live_total_max_, limit);
  const bool may_be = !is_full || live.contains(trace);
  if (may_be) live[trace] = 1;
  live_total_ = others + live.size();
  return may_be;
}

void TraceLimits::forget_tenants(int64_t now_ns) {
  swept_ns_ = now_ns;
  live_total_ = 0;
  for (auto at = live_.begin(); at != live_.end();) {
    at->second.turn(now_ns);
    live_total_ += at->second.size();
    at = at->second.size() == 0 ? live_.erase(at) : std::next(at);
  }
}

size_t TraceLimits::tenants() const {
  const std::lock_guard lock(mutex_);
  return live_.size();
}

bool TraceLimits::is_too_large(const std::string& tenant, const TraceId& trace,
                               const TraceLimitOptions& own) const {
  if (own.trace_bytes_max == 0) return false;
  const std::lock_guard lock(mutex_);
  return sizes_.find(key_of(tenant, trace)).value_or(0) > own.trace_bytes_max;
}

void TraceLimits::take_back(const std::string& tenant, const Batch& batch,
                            const TraceLimitOptions& own) {
  if (own.trace_bytes_max == 0) return;
  const Shares shares(batch);
  const std::lock_guard lock(mutex_);
  for (const auto& [trace, bytes] : shares.traces) sizes_[key_of(tenant, trace)] -= bytes;
}

void TraceLimits::log_too_large(const std::string& tenant, const Share& share, int64_t bytes_max) {
  const int64_t now_ns = clock_.steady_ns();
  if (now_ns - logged_ns_ >= kSecondNs) {
    logged_ns_ = now_ns;
    logged_ = 0;
  }
  if (++logged_ > kLinesASecond) return;
  log::warn("TRACE_TOO_LARGE", {{"max", bytes_max},
                                {"size", share.bytes},
                                {"trace", to_hex(share.trace.view())},
                                {"tenant", tenant}});
}

}  // namespace vivace
