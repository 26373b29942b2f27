// Many threads read one block at once through a cache that has room for little of it.
#include <thread>

#include "block/block_pieces_testing.h"
#include "block/block_testing.h"

namespace vivace {
namespace {

TEST(BlockThreads, ReadTheSame) {
  RandomSpans random(91);
  std::vector<std::vector<SentSpan>> requests;
  for (int i = 0; i < 10; ++i) requests.push_back(random.request(10));
  FaultStorage storage;
  ASSERT_TRUE(write_block(storage, kBlockPath, identity_of(1), HeadPart(head_of(requests))));
  BlockCache cache(8'000);
  std::shared_ptr<Block> block = Block::open(storage, kBlockPath, cache).value();
  const std::vector<TraceId> ids{requests[0][0].trace_id, requests[9][0].trace_id};
  const auto expected = pieces_of(*block, ids);
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&expected, &ids, &cache, block] {
      const auto got = pieces_of(*block, ids);
      ASSERT_EQ(got.size(), expected.size());
      for (size_t piece = 0; piece < got.size(); ++piece) {
        EXPECT_EQ(*got[piece].content, *expected[piece].content) << got[piece].name;
        EXPECT_LE(cache.bytes(), cache.bytes_max());
      }
    });
  }
  block->remove_when_unused();
  block.reset();
  threads.clear();
  EXPECT_TRUE(storage.list("/blocks").value().empty());
  EXPECT_EQ(cache.bytes(), 0);
}

}  // namespace
}  // namespace vivace
