// Blocks become one block, on a disk in memory: no span is lost or doubled whatever fails
// meanwhile, readers keep what they hold, damage stays where it is.
#include <gtest/gtest.h>

#include "store/testing/store_fixture.h"

namespace vivace {
namespace {

class CompactionTest : public StoreTest {
 protected:
  CompactionTest() {
    options_.generation_bytes_max = 4 << 20;
    options_.check_period_ms = 2;
    options_.compaction.enabled = true;
    options_.compaction.cpus = 100;
    options_.compaction.retry_ns = 1'000'000;
    options_.compaction.plan.fan_in = 100;
    options_.compaction.plan.small_blocks_max = 3;  // the fourth is one too many
    options_.compaction.plan.window_ns = 1'000LL * options_.generation_age_max_ns;
  }

  double blocks() const { return metric(*metrics_, "tempodb_blocklist_length"); }
  double merged() const { return metric(*metrics_, "tempodb_compaction_blocks_total"); }
  double cut() const { return metric(*metrics_, "tempo_ingester_blocks_flushed_total"); }

  void push_one_block(std::vector<SentSpan>& sent) {
    for (int i = 0; i < 3; ++i) {
      const std::vector<SentSpan> spans = random_.request(5);
      const auto appended = append_and_wait(spans);
      ASSERT_TRUE(appended) << appended.error().message;
      sent.insert(sent.end(), spans.begin(), spans.end());
    }
    const double before = cut();
    clock_.advance(options_.generation_age_max_ns);
    wait_until([&] { return cut() > before; });
    wait_until([&] { return metric(*metrics_, "vivace_head_bytes") == 0; });  // and let go
  }
  std::vector<SentSpan> push_blocks(int count) {
    std::vector<SentSpan> sent;
    for (int i = 0; i < count; ++i) push_one_block(sent);
    return sent;
  }
  std::vector<std::string> block_files() {
    auto names = disk_->list(options_.blocks_folder + "/t");
    EXPECT_TRUE(names);
    return names ? *names : std::vector<std::string>();
  }
};

TEST_F(CompactionTest, FourBecomeOne) {
  start();
  const std::vector<SentSpan> sent = push_blocks(4);
  wait_until([&] { return merged() == 4; });
  EXPECT_EQ(blocks(), 1);
  wait_until([&] { return block_files().size() == 1; });
  EXPECT_EQ(metric(*metrics_, "vivace_compaction_debt_bytes"), 0);
  expect_spans(sent);
  EXPECT_EQ(start().blocks, 1U);
  expect_spans(sent);
}

TEST_F(CompactionTest, ReadersKeepWhatTheyHold) {
  start();
  std::vector<SentSpan> sent = push_blocks(3);
  {
    const Snapshot before = store_->snapshot("t");
    std::vector<SentSpan> more;
    push_one_block(more);
    wait_until([&] { return merged() == 4; });
    wait_until([&] { return block_files().size() == 4; });  // three are open, the new one has come
    EXPECT_EQ(spans_of(before).size(), sent.size());
  }
  EXPECT_EQ(block_files().size(), 1U);
}

TEST_F(CompactionTest, AWindowIsMergedWhenItIsOver) {
  options_.compaction.plan.window_ns = 2 * options_.generation_age_max_ns;
  start();
  std::vector<SentSpan> sent = push_blocks(8);
  clock_.advance(10 * options_.compaction.plan.window_ns);
  push_one_block(sent);
  wait_until([&] { return blocks() <= 6; });
  expect_spans(sent);
  start();
  expect_spans(sent);
}

TEST_F(CompactionTest, WhatIsPastRetentionDoesNotComeBack) {
  options_.retention_ns = 20 * options_.generation_age_max_ns;
  start();
  push_blocks(4);
  wait_until([&] { return merged() == 4; });
  clock_.advance(options_.retention_ns);
  wait_until([&] { return blocks() == 0; });
  expect_spans({});
  start();
  expect_spans({});
  EXPECT_TRUE(block_files().empty());
}

TEST_F(CompactionTest, AFullDiskIsTriedAgain) {
  start();
  std::vector<SentSpan> sent = push_blocks(3);
  const uint64_t room = 3 * disk_->used_bytes();
  disk_->fail_calls(FaultStorage::Call::sync, "blocks/t", 1'000'000);
  std::vector<SentSpan> more;
  for (int i = 0; i < 3; ++i) {
    const std::vector<SentSpan> spans = random_.request(5);
    ASSERT_TRUE(append_and_wait(spans));
    sent.insert(sent.end(), spans.begin(), spans.end());
  }
  clock_.advance(options_.generation_age_max_ns);
  wait_until([&] { return metric(*metrics_, "tempo_ingester_failed_flushes_total") >= 2; });
  disk_->fail_calls(FaultStorage::Call::sync, "blocks/t", 0);
  wait_until([&] { return cut() == 4; });
  disk_->fail_calls(FaultStorage::Call::sync, "blocks/t", 3);
  wait_until([&] { return merged() == 4; });
  expect_spans(sent);
  EXPECT_LE(disk_->used_bytes(), room);
  start();
  expect_spans(sent);
}

// The commit of a merge fails, and nobody knows which list is on the disk.
TEST_F(CompactionTest, AListThatIsNotCertainCostsNoBlock) {
  start();
  std::vector<SentSpan> sent = push_blocks(3);
  const double before = metric(*metrics_, "tempodb_compaction_errors_total");
  std::vector<SentSpan> more;
  // The first sync of the folder is the cut's; then come the merge's.
  push_one_block(more);
  sent.insert(sent.end(), more.begin(), more.end());
  disk_->fail_calls(FaultStorage::Call::rename, "blocks.list", 3);
  wait_until([&] { return merged() == 4; });
  EXPECT_GE(metric(*metrics_, "tempodb_compaction_errors_total"), before);
  expect_spans(sent);
  start();
  expect_spans(sent);
  EXPECT_EQ(block_files().size(), 1U);
}

// The power goes at every change of the disk from the last cut to the end of the merge.
TEST_F(CompactionTest, AnyCrashInAMergeLosesNothing) {
  for (const auto unsynced : {FaultStorage::Unsynced::dropped, FaultStorage::Unsynced::kept,
                              FaultStorage::Unsynced::torn}) {
    bool finished = false;
    for (uint64_t at = 0; !finished; ++at) {
      store_.reset();
      disk_ = std::make_unique<FaultStorage>(at);
      start();
      std::vector<SentSpan> sent = push_blocks(3);
      const std::vector<SentSpan> last = random_.request(5);
      ASSERT_TRUE(append_and_wait(last));
      sent.insert(sent.end(), last.begin(), last.end());
      disk_->crash_at(at);
      clock_.advance(options_.generation_age_max_ns);
      wait_until([&] {
        const auto names = disk_->list(options_.blocks_folder + "/t");
        finished = merged() == 4 && names && names->size() == 1;
        return finished || disk_->crashed();
      });
      store_.reset();
      disk_->restart(unsynced);
      start();
      expect_spans(sent);
      ASSERT_LT(at, 1000U);
    }
  }
}

TEST_F(CompactionTest, ADamagedBlockIsLeftAsItIs) {
  options_.compaction.enabled = false;
  start();
  std::vector<SentSpan> sent = push_blocks(5);
  store_.reset();
  const std::string path = options_.blocks_folder + "/t/" + block_files()[1];
  std::string bytes = disk_->durable(path);
  bytes[100] = static_cast<char>(bytes[100] ^ 1);
  disk_->set_durable(path, bytes);
  options_.compaction.enabled = true;
  start();
  wait_until([&] { return merged() == 4; });
  EXPECT_EQ(blocks(), 2);
  EXPECT_GE(metric(*metrics_, "tempodb_compaction_errors_total"), 1);
  EXPECT_EQ(disk_->durable(path), bytes);
}

// The files of merged blocks are there, since somebody reads them, and the list is lost.
TEST_F(CompactionTest, ALostListDoesNotBringMergedBlocksBack) {
  start();
  std::vector<SentSpan> sent = push_blocks(3);
  {
    const Snapshot before = store_->snapshot("t");
    std::vector<SentSpan> more;
    push_one_block(more);
    sent.insert(sent.end(), more.begin(), more.end());
    wait_until([&] { return merged() == 4; });
    disk_->crash_now();
  }
  store_.reset();
  disk_->restart(FaultStorage::Unsynced::kept);
  EXPECT_GE(block_files().size(), 2U);
  disk_->set_durable(options_.blocks_folder + "/blocks.list", "not a list");
  EXPECT_EQ(start().blocks, 1U);
  expect_distinct_spans(sent);
}

TEST_F(CompactionTest, NothingIsAdmittedWhileItIsFarBehind) {
  options_.compaction.enabled = false;

  start();
  std::vector<SentSpan> sent = push_blocks(7);
  options_.compaction.enabled = true;
  options_.compaction.plan.fan_in = 100;
  disk_->fail_calls(FaultStorage::Call::sync, "blocks/t", 1'000'000);
  start();
  wait_until([&] { return metric(*metrics_, "vivace_compaction_behind") == 1; });
  EXPECT_EQ(append_and_wait(random_.request(5)).error().code, Code::limit);
  disk_->fail_calls(FaultStorage::Call::sync, "blocks/t", 0);
  wait_until([&] { return metric(*metrics_, "vivace_compaction_behind") == 0; });
  expect_spans(sent);
}

}  // namespace
}  // namespace vivace
