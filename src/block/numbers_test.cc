// Runs of numbers come back as they were, whatever their form; cut short, they fail.
#include "block/numbers.h"

#include <algorithm>
#include <random>

#include <gtest/gtest.h>

#include "block/layout.h"

namespace vivace {
namespace {

template <class T>
std::string stored(const std::vector<T>& values) {
  std::string out;
  std::vector<uint32_t> cuts;
  append_numbers(out, std::span<const T>(values), {.maybe_cuts = &cuts});
  EXPECT_TRUE(std::is_sorted(cuts.begin(), cuts.end()));
  return out;
}

template <class T>
bool come_back(const std::vector<T>& values, std::string_view bytes) {
  std::vector<T> got(values.size());
  ByteReader in(bytes);
  take_numbers(in, std::span<T>(got));
  return in.at_end() && got == values;
}

template <class T>
void expect_all(const std::vector<T>& values, const char* what) {
  const std::string bytes = stored(values);
  EXPECT_TRUE(come_back(values, bytes)) << what;
  for (size_t size = 0; size < bytes.size(); size += 1 + bytes.size() / 50) {
    EXPECT_FALSE(come_back(values, bytes.substr(0, size))) << what;
  }
}

template <class T>
void expect_of_any_shape() {
  std::mt19937_64 random(91);
  for (const size_t count : {1, 2, 7, 300, 5'000}) {
    std::vector<T> values(count);
    for (T& each : values) each = static_cast<T>(random());
    expect_all(values, "of any bits");
    for (T& each : values) each = static_cast<T>(random() >> random() % 64);
    expect_all(values, "of any magnitude");
    for (T& each : values) each = static_cast<T>(T{0} - 40 + random() % 80);
    expect_all(values, "about zero");
    for (T& each : values) each = static_cast<T>(77 + random() % 2);
    expect_all(values, "of two kinds");
    for (T& each : values) each = 77;
    expect_all(values, "all the same");
  }
}

TEST(Numbers, OfThirtyTwoBitsComeBack) { expect_of_any_shape<uint32_t>(); }
TEST(Numbers, OfSixtyFourBitsComeBack) { expect_of_any_shape<uint64_t>(); }

TEST(Numbers, OfAnyMagnitudeAreClasses) {
  std::mt19937_64 random(92);
  std::vector<uint64_t> values(5'000);
  for (uint64_t& each : values) each = random() >> (36 + random() % 24);
  EXPECT_EQ(stored(values)[0], static_cast<char>(kNumberClasses));
  for (uint64_t& each : values) each = random() % 2;
  EXPECT_EQ(stored(values)[0], static_cast<char>(kNumberBits));
  for (uint64_t& each : values) each = random();
  EXPECT_EQ(stored(values)[0], 8);
}

TEST(Numbers, OfImpossibleClassesFail) {
  std::string bytes(9, '\0');
  bytes[0] = static_cast<char>(kNumberClasses);
  for (const int wide : {33, 65, 255}) {
    std::string hostile = bytes + static_cast<char>(wide) + std::string(100, '\0');
    std::vector<uint32_t> got(1);
    ByteReader in(hostile);
    take_numbers(in, std::span<uint32_t>(got));
    EXPECT_FALSE(in.ok());
  }
}

}  // namespace
}  // namespace vivace
