// A block gives back what the head it was made of held: every field of every span, in canonical
// order, and every trace by its id.
#include "block/block.h"

#include <map>

#include <gmock/gmock.h>

#include "block/block_testing.h"
#include "block/layout.h"

namespace vivace {
namespace {

using testing::HasSubstr;

class RandomBlock : public testing::TestWithParam<uint64_t> {
 protected:
  std::vector<std::vector<SentSpan>> make_requests(int requests, uint64_t spans_max) {
    RandomSpans random(GetParam());
    std::vector<std::vector<SentSpan>> out;
    for (int i = 0; i < requests; ++i) out.push_back(random.request(1 + random.number(spans_max)));
    return out;
  }
};
INSTANTIATE_TEST_SUITE_P(Seeds, RandomBlock, testing::Values(51, 52, 53));

TEST_P(RandomBlock, GivesBackEveryFieldOfEverySpan) {
  const auto requests = make_requests(100, 40);
  const HeadPart head(head_of(requests));
  BlockDisk disk;
  const auto block = disk.write_and_open(head);
  ASSERT_NE(block, nullptr);
  std::vector<SentSpan> expected = flat(requests);
  sort_canonically(expected);
  expect_same(expected, read_all(*block));
  EXPECT_EQ(block->rows(), head.rows());
  EXPECT_EQ(block->traces(), head.traces());
}

TEST_P(RandomBlock, FindsEveryTrace) {
  const auto requests = make_requests(60, 40);
  const HeadPart head(head_of(requests));
  BlockDisk disk;
  const auto block = disk.write_and_open(head);
  ASSERT_NE(block, nullptr);
  std::map<TraceId, uint32_t> spans;
  for (const SentSpan& span : flat(requests)) ++spans[span.trace_id];
  ASSERT_EQ(block->traces(), spans.size());
  Inspected inspected;
  uint32_t next_row = 0;
  for (uint32_t ordinal = 0; ordinal < block->traces(); ++ordinal) {
    const TraceEntry entry = block->trace(ordinal, inspected).value();
    EXPECT_EQ(block->find_trace(entry.id, inspected).value(), ordinal);
    EXPECT_EQ(entry.spans, spans.at(entry.id));
    const uint32_t in_head = head.find_trace(entry.id, inspected).value().value();
    const TraceEntry expected = head.trace(in_head, inspected).value();
    EXPECT_EQ(entry.start_ns, expected.start_ns);
    EXPECT_EQ(entry.end_ns, expected.end_ns);
    EXPECT_EQ(entry.root.has_value(), expected.root.has_value());
    std::vector<uint32_t> rows;
    ASSERT_TRUE(block->trace_rows(ordinal, rows, inspected));
    ASSERT_EQ(rows.size(), entry.spans);
    for (const uint32_t row : rows) EXPECT_EQ(row, next_row++);
  }
  for (uint64_t i = 0; i < 1'000; ++i) {
    EXPECT_EQ(block->find_trace(make_trace_id(i, i), inspected).value(), std::nullopt);
  }
}

TEST_P(RandomBlock, CopiedFromABlockIsTheSameFile) {
  const HeadPart head(head_of(make_requests(40, 40)));
  BlockDisk disk;
  const auto first = disk.write_and_open(head);
  ASSERT_NE(first, nullptr);
  disk.write(*first, "/blocks/2", 1);
  const std::string one = disk.storage.durable(kBlockPath);
  const std::string two = disk.storage.durable("/blocks/2");
  const auto second = disk.open("/blocks/2");
  ASSERT_NE(second, nullptr);
  expect_same(read_all(*first), read_all(*second));
  EXPECT_EQ(first->summary().rows, second->summary().rows);
  EXPECT_EQ(first->summary().received_max_ns, second->summary().received_max_ns);
  // Shapes are numbered as they come up.
  EXPECT_LE(two.size(), one.size());
  EXPECT_GT(two.size(), one.size() * 99 / 100);
}

TEST(Block, SaysWhoItIs) {
  const HeadPart head(head_of({{simple_span(1, 1, 5'000)}, {simple_span(2, 2, 2'000)}}));
  BlockDisk disk;
  BlockIdentity identity = identity_of(77);
  identity.replaces = {3, 4, 5};
  const auto written = write_block(disk.storage, kBlockPath, identity, head);
  ASSERT_TRUE(written);
  const auto block = disk.open();
  ASSERT_NE(block, nullptr);
  EXPECT_EQ(block->identity(), identity);
  EXPECT_EQ(block->summary(), *written);
  EXPECT_EQ(written->rows, 2U);
  EXPECT_EQ(written->traces, 2U);
  EXPECT_EQ(written->start_min_ns, 2'000U);
  EXPECT_EQ(written->end_max_ns, 5'010U);
  EXPECT_EQ(written->received_min_ns, 1'000);
  EXPECT_EQ(written->received_max_ns, 2'000);
  EXPECT_EQ(written->file_bytes,
            disk.storage.open(kBlockPath, Storage::Open::existing).value()->size().value());
}

// Traces (0, 1) to (0, 30,000).
HeadPart head_of_many() {
  std::vector<SentSpan> spans;
  for (uint64_t i = 1; i <= 30'000; ++i) spans.push_back(simple_span(i, i));
  return HeadPart(head_of({spans}));
}

TEST(Block, KnowsWhatItMayHave) {
  const HeadPart head = head_of_many();
  BlockDisk disk;
  const auto block = disk.write_and_open(head);
  ASSERT_NE(block, nullptr);
  Inspected inspected;
  for (uint64_t i = 1; i <= 30'000; ++i) {
    ASSERT_TRUE(block->may_have(make_trace_id(0, i), inspected).value());
  }
  int wrong = 0;
  for (uint64_t i = 1; i <= 30'000; ++i) {
    wrong += block->may_have(make_trace_id(1, i), inspected).value() ? 1 : 0;
  }
  EXPECT_LT(wrong, 300);  // one in 200 is expected
  EXPECT_GT(wrong, 50);
  EXPECT_GT(inspected.bytes, 0U);
}

TEST(Block, KnowsOfManyTracesWhatItMayHave) {
  const HeadPart head = head_of_many();
  BlockDisk disk;
  const auto block = disk.write_and_open(head);
  ASSERT_NE(block, nullptr);
  Inspected inspected;
  std::vector<TraceId> ids;
  std::vector<uint32_t> expected;
  for (uint64_t i = 1; i <= 5'000; ++i) {
    ids.push_back(make_trace_id(i % 2, i));
    if (block->may_have(ids.back(), inspected).value()) {
      expected.push_back(static_cast<uint32_t>(i - 1));
    }
  }
  std::vector<uint32_t> places = {7};  // what is there stays
  block->may_find(ids, places, inspected);
  ASSERT_EQ(places.size(), 1 + expected.size());
  EXPECT_EQ(places.front(), 7U);
  EXPECT_TRUE(std::equal(expected.begin(), expected.end(), places.begin() + 1));
  EXPECT_LT(expected.size(), 2'600U);

  places.clear();  // a head leaves nobody out
  static_cast<const Part&>(head).may_find(ids, places, inspected);
  EXPECT_EQ(places.size(), ids.size());
}

TEST(Block, GivesBackTheSplitTracesThatItHas) {
  const HeadPart head(head_of({{simple_span(1, 1), simple_span(5, 2), simple_span(3, 3)}}));
  BlockDisk disk;
  BlockContent content{.sources = {{.part = &head}}};
  for (const uint64_t id : {1, 2, 4, 5}) content.splits.push_back({make_trace_id(0, id), id, 100});
  const std::vector<SplitTrace> expected = {content.splits[0], content.splits[3]};
  ASSERT_TRUE(write_block(disk.storage, kBlockPath, identity_of(1), content));
  const auto block = disk.open();
  ASSERT_NE(block, nullptr);
  Inspected inspected;
  EXPECT_EQ(*block->splits(inspected).value(), expected);
  content.splits.clear();
  ASSERT_TRUE(write_block(disk.storage, "/blocks/2", identity_of(2), content));
  EXPECT_TRUE(disk.open("/blocks/2")->splits(inspected).value()->empty());
}

TEST(Block, OfAnEmptyHeadIsAnEmptyBlock) {
  const HeadPart head(head_of({}));
  BlockDisk disk;
  const BlockSummary summary = disk.write(head);
  EXPECT_EQ(summary.rows, 0U);
  const auto block = disk.open();
  ASSERT_NE(block, nullptr);
  EXPECT_EQ(block->rows() + block->traces() + block->groups() + block->resources(), 0U);
  Inspected inspected;
  EXPECT_EQ(block->find_trace(make_trace_id(0, 1), inspected).value(), std::nullopt);
  EXPECT_FALSE(block->may_have(make_trace_id(0, 1), inspected).value());
}

TEST(Block, RemovesItsFileWithTheLastReference) {
  const HeadPart head(head_of({{simple_span(1, 1)}}));
  BlockDisk disk;
  auto block = disk.write_and_open(head);
  ASSERT_NE(block, nullptr);
  const std::shared_ptr<const Part> snapshot = block;
  block->remove_when_unused();
  block.reset();
  EXPECT_EQ(disk.storage.list("/blocks").value().size(), 1U);
  EXPECT_EQ(read_all(*snapshot).size(), 1U);
  const_cast<std::shared_ptr<const Part>&>(snapshot).reset();
  EXPECT_TRUE(disk.storage.list("/blocks").value().empty());
  EXPECT_EQ(disk.cache.bytes(), 0);
}

TEST(Block, ThatIsNotThereIsNotFound) {
  BlockDisk disk;
  const auto block = Block::open(disk.storage, kBlockPath, disk.cache);
  ASSERT_FALSE(block);
  EXPECT_EQ(block.error().code, Code::not_found);
}

}  // namespace
}  // namespace vivace
