// Buckets against the plain definition, their bound, and the bytes that are sent.
#include "generator/native_histogram.h"

#include <array>
#include <cmath>
#include <map>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "generator/generator_testing.h"

namespace vivace::generator {
namespace {

using testing::ElementsAre;
using testing::Pair;

// What a receiver reads.
struct Decoded {
  double count = -1;
  double sum = 0;
  int64_t schema = 0;
  double zeros = -1;
  std::map<int64_t, double> buckets;
  int64_t time_ms = 0;
  bool is_float = false;
};

int64_t unzigzag(uint64_t value) {
  return static_cast<int64_t>(value >> 1) ^ -static_cast<int64_t>(value & 1);
}

Decoded decode(std::string_view field) {
  Decoded out;
  std::vector<int64_t> keys;
  std::vector<double> counts;
  ProtoReader in(field);
  EXPECT_TRUE(in.next());
  EXPECT_EQ(in.field(), 4U);
  ProtoReader message(in.bytes());
  while (message.next()) {
    switch (message.field()) {
      case 1:
        out.count = static_cast<double>(message.varint());
        break;
      case 2:
        out.count = std::bit_cast<double>(message.fixed64());
        out.is_float = true;
        break;
      case 3:
        out.sum = std::bit_cast<double>(message.fixed64());
        break;
      case 4:
        out.schema = unzigzag(message.varint());
        break;
      case 6:
        out.zeros = static_cast<double>(message.varint());
        break;
      case 7:
        out.zeros = std::bit_cast<double>(message.fixed64());
        break;
      case 11: {
        ProtoReader span(message.bytes());
        int64_t offset = 0;
        uint64_t length = 0;
        while (span.next()) {
          const uint64_t value = span.varint();
          if (span.field() == 1) offset = unzigzag(value);
          if (span.field() == 2) length = value;
        }
        int64_t key = keys.empty() ? offset : keys.back() + 1 + offset;
        for (; length > 0; --length) keys.push_back(key++);
        break;
      }
      case 12: {
        std::string_view packed = message.bytes();
        double count = 0;
        for (size_t at = 0; at < packed.size();) {
          uint64_t value = 0;
          for (int shift = 0;; shift += 7) {
            const auto byte = static_cast<uint8_t>(packed[at++]);
            value |= uint64_t{byte & 0x7fU} << shift;
            if (byte < 0x80) break;
          }
          count += static_cast<double>(unzigzag(value));
          counts.push_back(count);
        }
        break;
      }
      case 13: {
        const std::string_view packed = message.bytes();
        for (size_t at = 0; at < packed.size(); at += 8) {
          uint64_t bits = 0;
          std::memcpy(&bits, packed.data() + at, 8);
          counts.push_back(std::bit_cast<double>(bits));
        }
        break;
      }
      case 15:
        out.time_ms = static_cast<int64_t>(message.varint());
        break;
      default:
        message.skip();
    }
  }
  EXPECT_EQ(keys.size(), counts.size());
  for (size_t i = 0; i < keys.size(); ++i) out.buckets[keys[i]] = counts[i];
  return out;
}

Decoded sent(const NativeHistogram& histogram) {
  std::string out;
  histogram.encode(out, kNowMs);
  return decode(out);
}

TEST(NativeHistogram, SchemaOfAFactor) {
  EXPECT_EQ(schema_of(1.1), 3);
  EXPECT_EQ(schema_of(2), 0);
  EXPECT_EQ(schema_of(1.0001), 8);
  EXPECT_EQ(schema_of(4), -1);
  EXPECT_EQ(schema_of(1e300), -4);
}

TEST(NativeHistogram, BucketsOfTheDefinition) {
  std::mt19937_64 random(7);
  for (const auto& schema : std::to_array<int8_t>({-4, -1, 0, 1, 3, 8})) {
    const NativeOptions options{.schema = schema, .buckets_max = 100'000};
    NativeHistogram histogram;
    std::map<int64_t, double> expected;
    double sum = 0;
    for (int i = 0; i < 5000; ++i) {
      const double value = std::exp(std::uniform_real_distribution(-12.0, 8.0)(random));
      histogram.observe(value, 1, kNowMs, options);
      sum += value;
      expected[static_cast<int64_t>(std::ceil(std::log2(value) * std::exp2(schema)))] += 1;
    }
    const Decoded found = sent(histogram);
    EXPECT_EQ(found.buckets, expected) << int{schema};
    EXPECT_EQ(found.count, 5000);
    EXPECT_NEAR(found.sum, sum, sum * 1e-12);
    EXPECT_EQ(found.schema, schema);
    EXPECT_EQ(found.time_ms, kNowMs);
    EXPECT_FALSE(found.is_float);
  }
}

TEST(NativeHistogram, UpperBoundsBelongToTheirBuckets) {
  NativeHistogram histogram;
  for (const double value : {0.25, 1.0, 2.0, 2.0000001, 4.0}) {
    histogram.observe(value, 1, kNowMs, {.schema = 0});
  }
  EXPECT_THAT(sent(histogram).buckets,
              ElementsAre(Pair(-2, 1), Pair(0, 1), Pair(1, 1), Pair(2, 2)));
}

TEST(NativeHistogram, ZeroHasItsOwn) {
  NativeHistogram histogram;
  histogram.observe(0, 3, kNowMs, {});
  const Decoded found = sent(histogram);
  EXPECT_EQ(found.zeros, 3);
  EXPECT_EQ(found.count, 3);
  EXPECT_TRUE(found.buckets.empty());
}

TEST(NativeHistogram, PastItsBoundNeighboursBecomeOne) {
  const NativeOptions options{.schema = 3, .buckets_max = 20};
  NativeHistogram fine;
  NativeHistogram histogram;
  for (int i = 1; i <= 1000; ++i) {
    fine.observe(i, 1, kNowMs, {.schema = 1, .buckets_max = 1000});
    histogram.observe(i, 1, kNowMs, options);
    ASSERT_LE(histogram.buckets(), 20U);
  }
  EXPECT_EQ(histogram.schema(), 1);
  EXPECT_EQ(sent(histogram).buckets, sent(fine).buckets);
  EXPECT_EQ(histogram.count(), 1000);
}

TEST(NativeHistogram, OldEnoughItBeginsAnew) {
  const NativeOptions options{.schema = 3, .buckets_max = 4, .min_reset_ms = 1000};
  NativeHistogram histogram;
  for (int i = 0; i < 4; ++i) histogram.observe(1 << i, 1, kNowMs, options);
  histogram.observe(100, 1, kNowMs + 1000, options);
  EXPECT_EQ(histogram.count(), 1);
  EXPECT_EQ(histogram.sum(), 100);
  EXPECT_EQ(histogram.schema(), 3);
}

TEST(NativeHistogram, FractionsAreSentAsFloats) {
  NativeHistogram histogram;
  histogram.observe(1, 2, kNowMs, {.schema = 0});
  EXPECT_FALSE(sent(histogram).is_float);
  histogram.observe(1, 2.5, kNowMs, {.schema = 0});
  const Decoded found = sent(histogram);
  EXPECT_TRUE(found.is_float);
  EXPECT_EQ(found.count, 4.5);
  EXPECT_THAT(found.buckets, ElementsAre(Pair(0, 4.5)));
}

TEST(NativeHistogram, SeriesOfEachForm) {
  const auto names = [](bool classic, bool native) {
    config::Generator config = calls_only();
    config.span_metrics.calls = false;
    config.span_metrics.latency = true;
    config.classic_histograms = classic;
    config.native_histograms = native;
    Fixture fixture(config);
    fixture.take(Made{});
    std::map<std::string, int> out;
    for (const auto& [key, value] : fixture.collect().values) ++out[key.substr(0, key.find('{'))];
    return out;
  };
  const std::string name = "traces_spanmetrics_latency";
  EXPECT_THAT(names(true, false), ElementsAre(Pair(name + "_bucket", 15), Pair(name + "_count", 1),
                                              Pair(name + "_sum", 1)));
  EXPECT_THAT(names(false, true), ElementsAre(Pair(name, 1)));
  EXPECT_THAT(names(true, true), ElementsAre(Pair(name, 1), Pair(name + "_bucket", 15),
                                             Pair(name + "_count", 1), Pair(name + "_sum", 1)));
}

TEST(NativeHistogram, AFormThatChangesBeginsAnew) {
  config::Generator config = calls_only();
  config.span_metrics.latency = true;
  Fixture fixture(config);
  fixture.take(Made{}).collect();
  config.native_histograms = true;
  config.classic_histograms = false;
  fixture.reconfigure(config);
  EXPECT_TRUE(fixture.collect().values.empty());
  fixture.take(Made{});
  EXPECT_EQ(fixture.collect().values.size(), 2U);  // calls and one histogram
}

}  // namespace
}  // namespace vivace::generator
