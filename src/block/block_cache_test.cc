// The cache stays within its bytes and drops what was not used for the longest time.
#include "block/block_cache.h"

#include <gtest/gtest.h>

#include "block/block_testing.h"

namespace vivace {
namespace {

BlockCache::Entry entry_of(int64_t bytes) { return {std::make_shared<int>(1), 10, bytes}; }

TEST(BlockCache, DropsTheLeastRecentlyUsed) {
  BlockCache cache(100);
  cache.add({1, 1}, entry_of(40));
  cache.add({1, 2}, entry_of(40));
  EXPECT_NE(cache.find({1, 1}).value, nullptr);
  cache.add({2, 1}, entry_of(40));
  EXPECT_EQ(cache.find({1, 2}).value, nullptr);
  EXPECT_NE(cache.find({1, 1}).value, nullptr);
  EXPECT_NE(cache.find({2, 1}).value, nullptr);
  EXPECT_EQ(cache.bytes(), 80);
}

TEST(BlockCache, TakesNothingThatIsLargerThanItself) {
  BlockCache cache(100);
  cache.add({1, 1}, entry_of(60));
  cache.add({1, 2}, entry_of(101));
  EXPECT_EQ(cache.find({1, 2}).value, nullptr);
  EXPECT_NE(cache.find({1, 1}).value, nullptr);
}

TEST(BlockCache, ReplacesAndForgets) {
  BlockCache cache(100);
  cache.add({1, 1}, entry_of(60));
  cache.add({1, 1}, entry_of(70));
  cache.add({2, 1}, entry_of(30));
  EXPECT_EQ(cache.bytes(), 100);
  cache.forget(1);
  EXPECT_EQ(cache.bytes(), 30);
  EXPECT_EQ(cache.find({1, 1}).value, nullptr);
  EXPECT_NE(cache.find({2, 1}).value, nullptr);
}

TEST(BlockCache, MayBeTooSmallForAnything) {
  RandomSpans random(71);
  const std::vector<SentSpan> spans = random.request(40);
  const HeadPart head(head_of({spans}));
  FaultStorage storage;
  ASSERT_TRUE(write_block(storage, kBlockPath, identity_of(1), head));
  BlockCache cache(0);
  const auto block = Block::open(storage, kBlockPath, cache);
  ASSERT_TRUE(block);
  EXPECT_EQ(read_all(**block).size(), spans.size());
  EXPECT_EQ(cache.bytes(), 0);
}

}  // namespace
}  // namespace vivace
