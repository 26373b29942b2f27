// How many bytes a tenant may send: a bucket each, that holds `burst_bytes` and fills by
// `bytes_per_s` (ingest contract, 5.2). A request takes as many bytes as it has unpacked, or is
// refused whole and takes none.
//
// There are 10,000 buckets at most: tenants that come when none of them is full share one more.
//
// Off unless the configuration sets it. Any thread; a call holds a short lock.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>

#include "base/clock.h"
#include "base/result.h"

namespace vivace {

struct RateLimitOptions {
  int64_t bytes_per_s = 0;  // 0: no limit
  int64_t burst_bytes = 0;  // a larger request never passes
  bool operator==(const RateLimitOptions&) const = default;
};

class RateLimit {
 public:
  RateLimit(const RateLimitOptions& options, const Clock& clock)
      : options_(options), clock_(clock) {}

  // Code::limit when the bucket holds less. A tenant may have limits of its own.
  Result<void> take(const std::string& tenant, uint64_t bytes, const RateLimitOptions& own);
  Result<void> take(const std::string& tenant, uint64_t bytes) {
    return take(tenant, bytes, options_);
  }

  // Buckets in memory; full ones are forgotten when there are too many.
  size_t buckets() const;

 private:
  static constexpr size_t kBucketsMax = 10'000;
  static constexpr int64_t kLookNs = 1'000'000'000;  // between searches for full ones

  struct Bucket {
    double bytes = 0;
    int64_t filled_ns = 0;  // when it held that much
    RateLimitOptions limits;
  };
  static double fill(const Bucket& bucket, int64_t now_ns);
  Bucket& others(const Bucket& full);
  Bucket& bucket_of(const std::string& tenant, const Bucket& full);

  const RateLimitOptions options_;
  const Clock& clock_;
  mutable std::mutex mutex_;  // guards the next three
  std::unordered_map<std::string, Bucket> buckets_;
  Bucket others_;                      // of those that there was no room for
  int64_t looked_ns_ = INT64_MIN / 2;  // for full ones
};

}  // namespace vivace
