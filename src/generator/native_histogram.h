// A native histogram as Prometheus has it: buckets that grow by a factor, as many as there are
// values in, so that nobody has to choose bounds.
//
//   bucket k of schema s holds  ( 2^((k-1) / 2^s), 2^(k / 2^s) ];   s = 3: each is 1.09 of the last
//
// Buckets are bounded: past the bound the histogram begins anew if it is old enough, else every two
// neighbours become one (schema - 1). A value of 0 has a bucket of its own.
//
// Counts are whole numbers until a span counts for a fraction (a sampling ratio); then they are
// sent as floats. The generator's thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace vivace::generator {

struct NativeOptions {
  int8_t schema = 3;
  uint32_t buckets_max = 100;
  int64_t min_reset_ms = 900'000;  // 0: never
  bool operator==(const NativeOptions&) const = default;
};

// The finest schema whose buckets grow by no more than the factor, from -4 to 8. The factor is more
// than 1.
int8_t schema_of(double bucket_factor);

class NativeHistogram {
 public:
  void observe(double value, double weight, int64_t now_ms, const NativeOptions& options);

  double count() const { return count_; }
  double sum() const { return sum_; }
  int8_t schema() const { return schema_; }
  size_t buckets() const { return buckets_.size(); }
  // Room of its buckets in memory.
  size_t bytes() const { return buckets_.capacity() * sizeof(Bucket); }

  // The Histogram message of remote write 1.0 as a field of a TimeSeries. Empties `out` first.
  void encode(std::string& out, int64_t time_ms) const;
  // What its series begins with: the same without a value.
  void encode_empty(std::string& out, int64_t time_ms) const;

 private:
  struct Bucket {
    int32_t key = 0;
    double count = 0;
  };

  void add(double value, double weight);
  void bound(double value, double weight, int64_t now_ms, const NativeOptions& options);
  void merge_neighbours();
  void encode_buckets(std::string& out) const;

  std::vector<Bucket> buckets_;  // by key
  double zero_count_ = 0;
  double count_ = 0;
  double sum_ = 0;
  int64_t began_ms_ = 0;
  int8_t schema_ = 0;
  bool has_begun_ = false;
  bool is_fractional_ = false;
};

}  // namespace vivace::generator
