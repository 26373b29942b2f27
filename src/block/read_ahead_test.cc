// Scans against the grain, single reads, and columns that end.
#include "block/read_ahead.h"

#include <gtest/gtest.h>

namespace vivace {
namespace {

// Two columns of a dictionary of 7 bytes and eight chunks of `bytes`; the second begins at 10,000.
BlockDirectory two_columns(uint32_t bytes) {
  BlockDirectory out;
  out.slots = 9;
  out.starts = {0, 10'000};
  for (int column = 0; column < 2; ++column) {
    out.lengths.push_back(7);
    out.lengths.insert(out.lengths.end(), 8, bytes);
  }
  return out;
}

class ReadAheadTest : public testing::Test {
 protected:
  // How many chunks of ten bytes are asked for, right below the one that is read.
  uint64_t chunks(uint32_t slot, uint32_t column = 1) {
    const auto asked = ahead_.before(directory_, column, slot);
    if (asked.bytes > 0) {
      EXPECT_EQ(asked.offset + asked.bytes, directory_.find(column, slot).offset);
    }
    return asked.bytes / 10;
  }

  BlockDirectory directory_ = two_columns(10);
  ReadAhead ahead_{2};
};

TEST_F(ReadAheadTest, AsksForAsMuchAgainAsWasRead) {
  EXPECT_EQ(chunks(8), 1);
  EXPECT_EQ(chunks(7), 2);
  EXPECT_EQ(chunks(6), 0);  // 5 and 6 are asked for
  EXPECT_EQ(chunks(5), 4);  // all that there is
  for (uint32_t slot = 4; slot > 0; --slot) EXPECT_EQ(chunks(slot), 0) << slot;
}

TEST_F(ReadAheadTest, BeginsAnewWithTheLastRowGroup) {
  for (uint32_t slot = 8; slot > 0; --slot) chunks(slot);
  EXPECT_EQ(chunks(8), 1);
  EXPECT_EQ(chunks(8), 1);
  EXPECT_EQ(chunks(7), 2);
}

TEST_F(ReadAheadTest, TakesTwoNeighboursInTheMiddleForAScan) {
  EXPECT_EQ(chunks(6), 0);
  EXPECT_EQ(chunks(5), 4);
}

TEST_F(ReadAheadTest, AsksForNothingWhereReadsAreSingle) {
  EXPECT_EQ(chunks(6), 0);
  EXPECT_EQ(chunks(3), 0);
  EXPECT_EQ(chunks(7), 0);
  EXPECT_EQ(chunks(1), 0);
}

TEST_F(ReadAheadTest, KeepsColumnsApart) {
  EXPECT_EQ(chunks(6, 0), 0);
  EXPECT_EQ(chunks(5, 1), 0);
  EXPECT_EQ(chunks(5, 0), 4);
}

TEST_F(ReadAheadTest, IsSilentOutsideOfRowGroups) {
  EXPECT_EQ(chunks(0), 0);  // a dictionary
  EXPECT_EQ(chunks(9), 0);
  EXPECT_EQ(chunks(8, 2), 0);
}

TEST_F(ReadAheadTest, StopsAtItsMost) {
  directory_ = two_columns(400 << 10);
  EXPECT_EQ(ahead_.before(directory_, 1, 8).bytes, 400U << 10);
  EXPECT_EQ(ahead_.before(directory_, 1, 7).bytes, 800U << 10);
  EXPECT_EQ(ahead_.before(directory_, 1, 6).bytes, 0U);
  EXPECT_EQ(ahead_.before(directory_, 1, 5).bytes, 800U << 10);
}

TEST_F(ReadAheadTest, AsksForOneChunkHoweverLargeItIs) {
  directory_ = two_columns(3 << 20);
  EXPECT_EQ(ahead_.before(directory_, 1, 8).bytes, 3U << 20);
}

}  // namespace
}  // namespace vivace
