// The buckets. One that nobody took from for as long as it takes to fill is as good as none, so
// names that senders make up cost memory for that long only, and never more than the bound. Runs on
// the ingest threads.
#include "app/rate_limit.h"

#include <algorithm>

#include <fmt/format.h>

namespace vivace {

double RateLimit::fill(const Bucket& bucket, int64_t now_ns) {
  const double seconds = static_cast<double>(now_ns - bucket.filled_ns) / 1e9;
  return std::min(bucket.bytes + seconds * static_cast<double>(bucket.limits.bytes_per_s),
                  static_cast<double>(bucket.limits.burst_bytes));
}

Result<void> RateLimit::take(const std::string& tenant, uint64_t bytes,
                             const RateLimitOptions& own) {
  if (own.bytes_per_s <= 0) return {};
  const auto limits = [&own] {
    return fmt::format("local: {} bytes/s, burst: {} bytes", own.bytes_per_s, own.burst_bytes);
  };
  if (bytes > static_cast<uint64_t>(own.burst_bytes)) {
    return fail(Code::limit, fmt::format("RATE_LIMITED: batch size ({} bytes) exceeds ingestion "
                                         "limit ({}) for user {}; no retry can pass",
                                         bytes, limits(), tenant));
  }
  const std::lock_guard lock(mutex_);
  const int64_t now_ns = clock_.steady_ns();
  const Bucket full{
      .bytes = static_cast<double>(own.burst_bytes), .filled_ns = now_ns, .limits = own};
  Bucket& bucket = bucket_of(tenant, full);
  if (bucket.limits != own) bucket = full;  // they were changed
  const double there = fill(bucket, now_ns);
  if (there < static_cast<double>(bytes)) {
    return fail(Code::limit, fmt::format("RATE_LIMITED: ingestion rate limit ({}) exceeded while "
                                         "adding {} bytes for user {}",
                                         limits(), bytes, tenant));
  }
  bucket = {.bytes = there - static_cast<double>(bytes), .filled_ns = now_ns, .limits = own};
  return {};
}

// Tenants with other limits than the one before do not fill it by that.
RateLimit::Bucket& RateLimit::others(const Bucket& full) {
  if (others_.limits == RateLimitOptions()) others_ = full;
  others_ = {.bytes = std::min(fill(others_, full.filled_ns), full.bytes),
             .filled_ns = full.filled_ns,
             .limits = full.limits};
  return others_;
}

// The tenant's, which is `full` at first. Takes the lock as held.
RateLimit::Bucket& RateLimit::bucket_of(const std::string& tenant, const Bucket& full) {
  const auto found = buckets_.find(tenant);
  if (found != buckets_.end()) return found->second;
  const int64_t now_ns = full.filled_ns;
  if (buckets_.size() >= kBucketsMax && now_ns - looked_ns_ >= kLookNs) {
    looked_ns_ = now_ns;
    std::erase_if(buckets_, [&](const auto& of) {
      return fill(of.second, now_ns) >= static_cast<double>(of.second.limits.burst_bytes);
    });
  }
  if (buckets_.size() >= kBucketsMax) return others(full);
  return buckets_.emplace(tenant, full).first->second;
}

size_t RateLimit::buckets() const {
  const std::lock_guard lock(mutex_);
  return buckets_.size();
}

}  // namespace vivace
