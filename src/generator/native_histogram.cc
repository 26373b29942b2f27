// Keys by frexp and a table of the bounds between 0.5 and 1, as Prometheus' own client finds them,
// so that both put a value into the same bucket.
//
//   Histogram { 1: count, 3: sum, 4: schema, 5: zero threshold, 6: zeros, 11: spans, 12: deltas,
//               15: ms }, with floats 2: count, 7: zeros, 13: counts
//   BucketSpan { 1: distance from the last span (the first: its key), 2: buckets }
#include "generator/native_histogram.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/bytes.h"
#include "wire/protobuf_writer.h"

namespace vivace::generator {
namespace {

constexpr double kZeroThreshold = 0x1p-128;
constexpr int kSchemaMin = -4;
constexpr int kSchemaMax = 8;

// Lower bounds of the buckets between 0.5 and 1, for a schema above 0.
const std::vector<double>& fractions(int schema) {
  static const auto kAll = [] {
    std::array<std::vector<double>, kSchemaMax + 1> all;
    for (int s = 1; s <= kSchemaMax; ++s) {
      const int count = 1 << s;
      for (int i = 0; i < count; ++i) {
        all[static_cast<size_t>(s)].push_back(std::exp2(static_cast<double>(i) / count - 1));
      }
    }
    return all;
  }();
  return kAll[static_cast<size_t>(schema)];
}

int32_t key_of(double value, int schema) {
  int exponent = 0;
  const double fraction = std::frexp(value, &exponent);
  if (schema > 0) {
    const std::vector<double>& bounds = fractions(schema);
    const auto at = std::ranges::lower_bound(bounds, fraction) - bounds.begin();
    return static_cast<int32_t>(at) + (exponent - 1) * static_cast<int32_t>(bounds.size());
  }
  if (fraction == 0.5) --exponent;
  return (exponent + (1 << -schema) - 1) >> -schema;
}

bool is_whole(double value) { return value == std::floor(value) && value < 0x1p53; }

}  // namespace

int8_t schema_of(double bucket_factor) {
  const double floor = std::floor(std::log2(std::log2(bucket_factor)));
  return static_cast<int8_t>(std::clamp(-floor, double{kSchemaMin}, double{kSchemaMax}));
}

void NativeHistogram::observe(double value, double weight, int64_t now_ms,
                              const NativeOptions& options) {
  if (!has_begun_) {
    has_begun_ = true;
    schema_ = options.schema;
    began_ms_ = now_ms;
  }
  is_fractional_ = is_fractional_ || !is_whole(weight);
  add(value, weight);
  if (buckets_.size() > options.buckets_max) bound(value, weight, now_ms, options);
}

void NativeHistogram::add(double value, double weight) {
  count_ += weight;
  sum_ += value * weight;
  if (value <= kZeroThreshold) {
    zero_count_ += weight;
    return;
  }
  const int32_t key = key_of(value, schema_);
  const auto at = std::ranges::lower_bound(buckets_, key, {}, &Bucket::key);
  if (at != buckets_.end() && at->key == key) {
    at->count += weight;
  } else {
    buckets_.insert(at, {.key = key, .count = weight});
  }
}

void NativeHistogram::bound(double value, double weight, int64_t now_ms,
                            const NativeOptions& options) {
  if (options.min_reset_ms > 0 && now_ms - began_ms_ >= options.min_reset_ms) {
    *this = NativeHistogram();
    observe(value, weight, now_ms, options);
    return;
  }
  while (buckets_.size() > options.buckets_max && schema_ > kSchemaMin) merge_neighbours();
}

void NativeHistogram::merge_neighbours() {
  --schema_;
  size_t to = 0;
  for (size_t from = 0; from < buckets_.size(); ++from) {
    const Bucket bucket{.key = (buckets_[from].key + 1) >> 1, .count = buckets_[from].count};
    if (to > 0 && buckets_[to - 1].key == bucket.key) {
      buckets_[to - 1].count += bucket.count;
    } else {
      buckets_[to++] = bucket;
    }
  }
  buckets_.resize(to);
}

void NativeHistogram::encode(std::string& out, int64_t time_ms) const {
  std::string body;
  if (is_fractional_) {
    append_double(body, 2, count_);
  } else {
    append_uint(body, 1, static_cast<uint64_t>(count_));
  }
  append_double(body, 3, sum_);
  append_uint(body, 4, zigzag(schema_));
  append_double(body, 5, kZeroThreshold);
  if (is_fractional_) {
    append_double(body, 7, zero_count_);
  } else {
    append_uint(body, 6, static_cast<uint64_t>(zero_count_));
  }
  encode_buckets(body);
  append_uint(body, 15, static_cast<uint64_t>(time_ms));
  out.clear();
  append_bytes(out, 4, body);
}

void NativeHistogram::encode_empty(std::string& out, int64_t time_ms) const {
  NativeHistogram empty;
  empty.schema_ = schema_;
  empty.encode(out, time_ms);
}

void NativeHistogram::encode_buckets(std::string& out) const {
  std::string counts;
  int64_t before = 0;
  for (size_t i = 0; i < buckets_.size();) {
    size_t end = i + 1;
    while (end < buckets_.size() && buckets_[end].key == buckets_[end - 1].key + 1) ++end;
    const int32_t offset = i == 0 ? buckets_[i].key : buckets_[i].key - buckets_[i - 1].key - 1;
    std::string span;
    append_uint(span, 1, zigzag(offset));
    append_uint(span, 2, end - i);
    append_bytes(out, 11, span);
    for (; i < end; ++i) {
      if (is_fractional_) {
        append_le(counts, buckets_[i].count);
      } else {
        const auto count = static_cast<int64_t>(buckets_[i].count);
        append_varint(counts, zigzag(count - before));
        before = count;
      }
    }
  }
  if (!counts.empty()) append_bytes(out, is_fractional_ ? 13 : 12, counts);
}

}  // namespace vivace::generator
