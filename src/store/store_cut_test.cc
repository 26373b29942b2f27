// The road of a generation, on a disk in memory: heads turn over by size, by age and when room is
// short; their blocks take the place of the log's range whatever step a crash or an error hits;
// what is past retention is hidden at once and removed soon; readers keep what they hold.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "store/testing/store_fixture.h"

namespace vivace {
namespace {

constexpr int64_t kMinute = 60'000'000'000;

class StoreCutTest : public StoreTest {
 protected:
  StoreCutTest() {
    options_.generation_bytes_max = 4 << 20;
    options_.check_period_ms = 2;
    options_.compaction.enabled = false;  // blocks are counted here; see compaction_test.cc
  }

  // Until `blocks` and no fewer are in the list, and no head waits for its cut.
  void wait_for_blocks(double blocks) {
    wait_until([&] {
      return metric(*metrics_, "tempodb_blocklist_length") >= blocks &&
             metric(*metrics_, "tempo_ingester_flush_queue_length") == 0;
    });
  }
  std::vector<SentSpan> push(int requests, const std::string& tenant = "t") {
    std::vector<SentSpan> sent;
    for (int i = 0; i < requests; ++i) {
      const std::vector<SentSpan> spans = random_.request(5);
      const auto appended = append_and_wait(spans, tenant);
      EXPECT_TRUE(appended) << appended.error().message;
      if (appended) sent.insert(sent.end(), spans.begin(), spans.end());
    }
    return sent;
  }
  // Files below the folder of blocks, the list and the lock apart.
  std::vector<std::string> block_files(const std::string& tenant = "t") {
    auto names = disk_->list(options_.blocks_folder + "/" + tenant);
    EXPECT_TRUE(names);
    return names ? *names : std::vector<std::string>();
  }
  void push_one_block(std::vector<SentSpan>& sent) {
    const double blocks = metric(*metrics_, "tempodb_blocklist_length");
    const std::vector<SentSpan> more = push(3);
    sent.insert(sent.end(), more.begin(), more.end());
    clock_.advance(options_.generation_age_max_ns);
    wait_for_blocks(blocks + 1);
  }
};

TEST_F(StoreCutTest, FullHeadsBecomeBlocksAndTheLogIsGivenBack) {
  options_.generation_bytes_max = 400 << 10;
  start();
  std::vector<SentSpan> sent = push(300);
  wait_for_blocks(3);
  expect_spans(sent);
  EXPECT_LT(metric(*metrics_, "tempo_ingester_live_trace_bytes"), 600 << 10);
  EXPECT_GE(metric(*metrics_, "vivace_wal_freed_segments_total"), 3);
  const double blocks = metric(*metrics_, "tempodb_blocklist_length");
  for (int life = 0; life < 2; ++life) {
    const Store::Recovered recovered = start();
    EXPECT_EQ(static_cast<double>(recovered.blocks), blocks);
    EXPECT_LT(recovered.spans, sent.size() / 3);
    expect_spans(sent);
  }
}

TEST_F(StoreCutTest, AHeadIsCutWhenItIsOld) {
  start();
  std::vector<SentSpan> sent;
  push_one_block(sent);
  EXPECT_EQ(metric(*metrics_, "tempo_ingester_live_traces"), 0);
  EXPECT_EQ(metric(*metrics_, "vivace_head_bytes"), 0);
  expect_spans(sent);
  EXPECT_EQ(start().spans, 0U);
  expect_spans(sent);
}

TEST_F(StoreCutTest, TheShareOfOverflowedAttributesIsTold) {
  start();
  std::vector<SentSpan> spans = random_.request(1);
  spans.resize(1);
  spans.front().attributes.clear();
  spans.front().events.clear();
  spans.front().links.clear();
  for (int i = 0; i < 2'048; ++i) {
    spans.front().attributes.push_back({fmt::format("key {}", i), {ValueType::integer, 1, {}}});
  }
  ASSERT_TRUE(append_and_wait(spans));
  store_->flush();
  wait_for_blocks(1);
  EXPECT_NEAR(metric(*metrics_, "vivace_overflow_share"), 0.5, 0.02);
}

TEST_F(StoreCutTest, HeadsAreCutWhenAsked) {
  start();
  store_->flush();
  const std::vector<SentSpan> sent = push(3);
  EXPECT_EQ(metric(*metrics_, "tempodb_blocklist_length"), 0) << "there was nothing to cut";
  store_->flush();
  wait_for_blocks(1);
  expect_spans(sent);
  EXPECT_EQ(start().spans, 0U);
  expect_spans(sent);
}

TEST_F(StoreCutTest, TenantsTurnOverTogether) {
  start();
  const std::vector<SentSpan> a = push(100, "a");
  const std::vector<SentSpan> b = push(1, "b");
  clock_.advance(options_.generation_age_max_ns);
  wait_until([&] { return metric(*metrics_, "vivace_head_bytes") == 0; });
  EXPECT_EQ(block_files("b").size(), 1U);
  for (int life = 0; life < 2; ++life) {
    expect_spans(a, "a");
    expect_spans(b, "b");
    EXPECT_TRUE(store_->has_tenant("a"));
    EXPECT_TRUE(store_->has_tenant("b"));
    EXPECT_FALSE(store_->has_tenant("c"));
    start();
  }
}

TEST_F(StoreCutTest, ReadersKeepWhatTheyHold) {
  start();
  std::vector<SentSpan> sent = push(3);
  const Snapshot heads = store_->snapshot("t");
  clock_.advance(options_.generation_age_max_ns);
  wait_for_blocks(1);
  EXPECT_EQ(spans_of(heads).size(), sent.size());
  EXPECT_GT(metric(*metrics_, "vivace_head_bytes"), 0) << "their memory counts until they let go";
  {
    const Snapshot blocks = store_->snapshot("t");
    clock_.advance(options_.retention_ns);
    wait_until([&] { return metric(*metrics_, "tempodb_blocklist_length") == 0; });
    EXPECT_EQ(block_files().size(), 1U) << "a reader has it open";
    EXPECT_EQ(spans_of(blocks).size(), sent.size());
  }
  EXPECT_EQ(block_files().size(), 0U);
}

TEST_F(StoreCutTest, WhatIsPastRetentionIsHiddenAtOnceAndRemovedSoon) {
  options_.retention_ns = 3 * options_.generation_age_max_ns;
  start();
  std::vector<SentSpan> first;
  push_one_block(first);
  std::vector<SentSpan> second;
  push_one_block(second);
  EXPECT_EQ(store_->snapshot("t").parts.size(), 2U);
  clock_.advance(options_.generation_age_max_ns + 1);
  EXPECT_EQ(visible_spans(store_->snapshot("t")).size(), second.size());
  wait_until([&] { return metric(*metrics_, "tempodb_blocklist_length") == 1; });
  EXPECT_EQ(block_files().size(), 1U);
  wait_until([&] { return metric(*metrics_, "tempodb_retention_deleted_total") == 1; });
  expect_spans(second);
  start();
  expect_spans(second);
}

// The log is small: without early cuts it would be full before the heads are.
TEST_F(StoreCutTest, ShortRoomCutsEarly) {
  options_.wal.segment_bytes = 16 << 10;
  options_.wal.bytes_max = 96 << 10;
  options_.generation_bytes_max = 8 << 20;
  start();
  std::vector<SentSpan> sent;
  for (int i = 0; i < 100; ++i) {
    const std::vector<SentSpan> spans = random_.request(5);
    wait_until([&] { return append_and_wait(spans).has_value(); });
    sent.insert(sent.end(), spans.begin(), spans.end());
  }
  expect_spans(sent);
}

TEST_F(StoreCutTest, AFullDiskIsTriedAgain) {
  start();
  const std::vector<SentSpan> sent = push(3);
  disk_->set_full(true);
  clock_.advance(options_.generation_age_max_ns);
  wait_until([&] { return metric(*metrics_, "tempo_ingester_failed_flushes_total") >= 3; });
  expect_spans(sent);
  EXPECT_TRUE(block_files().empty());
  disk_->set_full(false);
  wait_for_blocks(1);
  expect_spans(sent);
  start();
  expect_spans(sent);
}

// The power goes at every change of the disk from the cut to its end.
TEST_F(StoreCutTest, AnyCrashInACutLosesNothing) {
  for (const auto unsynced : {FaultStorage::Unsynced::dropped, FaultStorage::Unsynced::kept,
                              FaultStorage::Unsynced::torn}) {
    bool finished = false;
    for (uint64_t at = 0; !finished; ++at) {
      store_.reset();
      disk_ = std::make_unique<FaultStorage>(at);
      start();
      const std::vector<SentSpan> sent = push(2);
      disk_->crash_at(at);
      clock_.advance(options_.generation_age_max_ns);
      wait_until([&] {
        finished = metric(*metrics_, "tempo_ingester_blocks_flushed_total") == 1;
        return finished || disk_->crashed();
      });
      store_.reset();
      disk_->restart(unsynced);
      start();
      expect_spans(sent);
      EXPECT_LE(block_files().size(), 1U);
      ASSERT_LT(at, 1000U);
    }
  }
}

TEST_F(StoreCutTest, ReplayCutsWhatDoesNotFitIntoTheHead) {
  options_.generation_bytes_max = 64 << 20;
  start();
  const std::vector<SentSpan> sent = push(300);
  options_.generation_bytes_max = 400 << 10;
  const Store::Recovered recovered = start();
  EXPECT_EQ(recovered.spans, sent.size());
  EXPECT_GE(metric(*metrics_, "tempo_ingester_blocks_flushed_total"), 3);
  EXPECT_LT(metric(*metrics_, "vivace_head_bytes"), 600 << 10);
  expect_spans(sent);
  EXPECT_LT(start().spans, sent.size() / 3);
  expect_spans(sent);
}

TEST_F(StoreCutTest, ADamagedBlockIsReportedAndKept) {
  start();
  std::vector<SentSpan> lost;
  push_one_block(lost);
  std::vector<SentSpan> kept;
  push_one_block(kept);
  const std::string path = options_.blocks_folder + "/t/" + block_files()[0];
  std::string bytes = disk_->durable(path);
  bytes[bytes.size() - 1] = static_cast<char>(bytes.back() ^ 1);
  store_.reset();
  disk_->set_durable(path, bytes);
  start();
  expect_spans(kept);
  EXPECT_EQ(store_->snapshot("t").damaged_parts, 1U);
  EXPECT_EQ(metric(*metrics_, "vivace_damaged_blocks"), 1);
  EXPECT_EQ(block_files().size(), 2U);
}

TEST_F(StoreCutTest, ALostListIsMadeAnew) {
  start();
  std::vector<SentSpan> sent;
  push_one_block(sent);
  push_one_block(sent);
  const std::vector<SentSpan> in_the_log = push(2);
  sent.insert(sent.end(), in_the_log.begin(), in_the_log.end());
  store_.reset();
  disk_->set_durable(options_.blocks_folder + "/blocks.list", "not a list");
  EXPECT_EQ(start().blocks, 2U);
  expect_distinct_spans(sent);
  EXPECT_EQ(disk_->durable(options_.blocks_folder + "/blocks.list.damaged"), "not a list");
}

}  // namespace
}  // namespace vivace
