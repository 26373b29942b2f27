// The array under every column, across all its chunk boundaries: what was appended stays where it
// was put, and searching a sorted one agrees with the standard library.
#include "head/chunked.h"

#include <algorithm>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "model/ids.h"

namespace vivace {
namespace {

constexpr uint32_t kElements = 100'000;  // the ramp and five full chunks

template <class T>
T element(uint32_t index) {
  return static_cast<T>(mix64(index));
}
template <>
TraceId element<TraceId>(uint32_t index) {
  TraceId id;
  store(id.bytes.data() + 3, mix64(index));
  return id;
}

template <class T>
class ChunkedOf : public testing::Test {};
using Elements = testing::Types<uint8_t, uint32_t, uint64_t, TraceId>;
TYPED_TEST_SUITE(ChunkedOf, Elements);

TYPED_TEST(ChunkedOf, KeepsElementsWhereTheyArePut) {
  HeadMemory memory;
  Chunked<TypeParam> chunked;
  EXPECT_TRUE(chunked.empty());
  std::vector<const TypeParam*> places;
  for (uint32_t i = 0; i < kElements; ++i) {
    ASSERT_EQ(chunked.size(), i);
    chunked.append(memory, element<TypeParam>(i));
    places.push_back(&chunked[i]);
    ASSERT_EQ(chunked[i], element<TypeParam>(i)) << i;
  }
  for (uint32_t i = 0; i < kElements; ++i) {
    ASSERT_EQ(&chunked[i], places[i]) << i;
    ASSERT_EQ(*places[i], element<TypeParam>(i)) << i;
    ASSERT_EQ(reinterpret_cast<uintptr_t>(places[i]) % alignof(TypeParam), 0U);
  }
  std::ranges::sort(places);
  for (uint32_t i = 1; i < kElements; ++i) ASSERT_GE(places[i] - places[i - 1], 1) << "overlap";
}

TEST(Chunked, HasRunsThatLieSideBySide) {
  HeadMemory memory;
  Chunked<uint32_t> chunked;
  for (uint32_t i = 0; i < 50'000; ++i) chunked.append(memory, i);
  for (const uint32_t first : {0U, 1U, 15U, 16U, 17U, 16'367U, 16'368U, 20'000U, 49'999U}) {
    for (const uint32_t end : {first + 1, first + 2, 40'000U, 50'000U}) {
      if (end <= first || end > 50'000) continue;
      uint32_t at = first;
      for (size_t runs = 0; at < end; ++runs) {
        const std::span<const uint32_t> run = chunked.run(at, end);
        ASSERT_LE(runs, 13U) << "pieces of ten growing chunks and three full ones";
        ASSERT_EQ(run.data(), &chunked[at]);
        for (const uint32_t element : run) ASSERT_EQ(element, at++);
      }
      ASSERT_EQ(at, end);
    }
  }
}

TEST(Chunked, LetsTheWriterChangeAnElement) {
  HeadMemory memory;
  Chunked<uint32_t> chunked;
  for (uint32_t i = 0; i < 50'000; ++i) chunked.append(memory, i);
  for (const uint32_t i : {0U, 15U, 16U, 47U, 48U, 16'367U, 16'368U, 32'751U, 32'752U, 49'999U}) {
    chunked.at(i) = i + 1;
    EXPECT_EQ(chunked[i], i + 1);
    EXPECT_EQ(chunked[i ^ 1], i ^ 1) << "the neighbour stays";
    chunked.at(i) = i;
  }
}

TEST(Chunked, IsSearchedLikeAnySortedArray) {
  constexpr uint64_t kSeed = 11;
  SCOPED_TRACE(kSeed);
  std::mt19937_64 random(kSeed);
  for (const uint32_t size : {0U, 1U, 2U, 16U, 17U, 1000U, 20'000U}) {
    HeadMemory memory;
    Chunked<uint32_t> chunked;
    std::vector<uint32_t> plain;
    uint32_t value = 3;
    for (uint32_t i = 0; i < size; ++i) {
      chunked.append(memory, value);
      plain.push_back(value);
      value += static_cast<uint32_t>(random() % 3);
    }
    for (uint32_t probe = 0; probe < value + 3; ++probe) {
      ASSERT_EQ(lower_bound(chunked, size, probe),
                std::ranges::lower_bound(plain, probe) - plain.begin());
    }
    // Only the part that was published counts.
    const uint32_t half = size / 2;
    EXPECT_EQ(lower_bound(chunked, half, UINT32_MAX), half);
    EXPECT_EQ(lower_bound(chunked, size, 0U, half), half) << "nor what lies before the range";
  }
}

}  // namespace
}  // namespace vivace
