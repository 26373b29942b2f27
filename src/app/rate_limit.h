// How many bytes a tenant may send: a bucket each, that holds `burst_bytes` and fills by
// `bytes_per_s` (ingest contract, 5.2). A request takes as many bytes as it has unpacked, or is
// refused whole and takes none.
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

  // Buckets in memory; full ones are forgotten from time to time.
  size_t buckets() const;

 private:
  static constexpr size_t kBucketsMax = 10'000;  // then full ones are looked for

  struct Bucket {
    double bytes = 0;
    int64_t filled_ns = 0;  // when it held that much
    RateLimitOptions limits;
  };
  static double fill(const Bucket& bucket, int64_t now_ns);

  const RateLimitOptions options_;
  const Clock& clock_;
  mutable std::mutex mutex_;  // guards the next
  std::unordered_map<std::string, Bucket> buckets_;
};

}  // namespace vivace
