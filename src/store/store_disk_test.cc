// The store on disks that are full, small, broken or read-only, and under clocks that are put back:
// what was acked is there once whatever happens, and everything goes on when the disk does.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/testing/store_fixture.h"

namespace vivace {
namespace {

using Call = FaultStorage::Call;

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kHour = 3600 * kSecond;

class StoreDiskTest : public StoreTest {
 protected:
  StoreDiskTest() {
    options_.check_period_ms = 2;
    options_.compaction.enabled = false;
    options_.wal.segment_bytes = 16 << 10;
    options_.disk.limits.free_min = 0;
  }

  double blocks() const { return metric(*metrics_, "tempodb_blocklist_length"); }
  double gauge(const std::string& name) const { return metric(*metrics_, name); }
  std::vector<std::string> log_files() {
    auto names = disk_->list(options_.wal.folder);
    return names ? *names : std::vector<std::string>();
  }

  // Acked ones are noted; an error otherwise.
  Result<void> push() {
    const std::vector<SentSpan> spans = random_.request(5);
    const auto appended = append_and_wait(spans);
    if (!appended) return std::unexpected(appended.error());
    sent_.insert(sent_.end(), spans.begin(), spans.end());
    return {};
  }
  void push_many(int requests) {
    for (int i = 0; i < requests; ++i) {
      const auto pushed = push();
      ASSERT_TRUE(pushed) << pushed.error().message;
    }
  }
  void begin_cut() { clock_.advance(options_.generation_age_max_ns); }
  bool is_cut() const { return gauge("tempo_ingester_live_traces") == 0; }
  void cut() {
    begin_cut();
    wait_until([&] { return is_cut(); });
  }
  // All that is free and `left` bytes less.
  void fill_disk(uint64_t left) {
    disk_->set_capacity(uint64_t{1} << 40);
    disk_->set_capacity(disk_->used_bytes() + left);
  }
  void make_room() { disk_->set_capacity(uint64_t{1} << 40); }

  std::vector<SentSpan> sent_;
};

TEST_F(StoreDiskTest, AFullDiskDuringIngest) {
  disk_->set_capacity(200 << 10);
  start();
  Result<void> pushed;
  for (int i = 0; i < 1000 && pushed; ++i) pushed = push();
  ASSERT_FALSE(pushed);
  EXPECT_EQ(pushed.error().code, Code::limit) << pushed.error().message;
  expect_spans(sent_);
  make_room();
  push_many(5);
  expect_spans(sent_);
  start();
  expect_spans(sent_);
}

TEST_F(StoreDiskTest, TheGuardRefusesBeforeTheDiskIsFull) {
  options_.disk.limits.free_min = 100 << 10;
  disk_->set_capacity(300 << 10);
  start();
  push_many(2);
  disk_->set_durable("/foreign", std::string(180 << 10, 'x'));
  clock_.advance(2 * kSecond);
  wait_until([&] { return gauge("vivace_disk_state") == 2; });
  const auto refused = push();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::limit);
  EXPECT_THAT(refused.error().message, testing::HasSubstr("min_free_bytes"));
  EXPECT_GE(gauge("vivace_disk_refused_requests_total"), 1);
  expect_spans(sent_);
  ASSERT_TRUE(disk_->remove("/foreign"));
  clock_.advance(2 * kSecond);
  push_many(2);
  EXPECT_EQ(gauge("vivace_disk_state"), 0);
  expect_spans(sent_);
}

TEST_F(StoreDiskTest, TheBallastLetsACutSucceedOnAFullDisk) {
  start();
  push_many(20);
  clock_.advance(kSecond);
  wait_until([&] { return bytes_below(*disk_, options_.blocks_folder).value() > (50 << 10); });
  fill_disk(0);
  cut();
  EXPECT_EQ(blocks(), 1);
  expect_spans(sent_);
  make_room();
  push_many(2);
  expect_spans(sent_);
  start();
  expect_spans(sent_);
}

// There is room for every number of bytes, so that the disk is full at every write of a cut and of
// its commit. There is no ballast: the heads came from the log, and are cut at once.
TEST_F(StoreDiskTest, AFullDiskAtEveryByteOfACut) {
  for (uint64_t left = 0;; left += 97) {
    SCOPED_TRACE(left);
    store_.reset();
    disk_ = std::make_unique<FaultStorage>(left);
    sent_.clear();
    options_.check_period_ms = 60'000;  // no ballast
    start();
    push_many(3);
    options_.check_period_ms = 2;
    begin_cut();
    fill_disk(left);
    start();
    wait_until([&] { return is_cut() || gauge("tempo_ingester_failed_flushes_total") >= 2; });
    const bool was_enough = is_cut() && gauge("tempo_ingester_failed_flushes_total") == 0;
    expect_spans(sent_);
    make_room();
    wait_until([&] { return is_cut(); });
    expect_spans(sent_);
    push_many(1);
    start();
    expect_spans(sent_);
    EXPECT_EQ(disk_->list(options_.blocks_folder + "/t").value().size(), 1U) << "leftovers";
    if (was_enough || HasFailure()) break;
    ASSERT_LT(left, 100'000U);
  }
}

TEST_F(StoreDiskTest, ADiskThatFailsAtAnyCallOfACut) {
  for (const Call call :
       {Call::write, Call::sync, Call::create, Call::rename, Call::sync_folder, Call::remove}) {
    SCOPED_TRACE(static_cast<int>(call));
    for (int count = 1; count <= 3; ++count) {
      store_.reset();
      disk_ = std::make_unique<FaultStorage>(1);
      sent_.clear();
      start();
      push_many(3);
      disk_->fail_calls(call, options_.blocks_folder, count);
      cut();
      expect_spans(sent_);
      disk_->fail_calls(call, "", 0);
      push_many(1);
      start();
      expect_spans(sent_);
    }
  }
}

TEST_F(StoreDiskTest, TheOldestBlocksGoWhenThereAreTooManyBytes) {
  options_.disk.limits.bytes_max = 200 << 10;
  start();
  std::vector<std::vector<SentSpan>> by_block;
  for (int i = 0; i < 30; ++i) {
    sent_.clear();
    push_many(3);
    cut();
    by_block.push_back(sent_);
    const uint64_t bytes = disk_->used_bytes();
    EXPECT_LE(bytes, 260U << 10) << "the log comes and goes";
  }
  wait_until([&] { return gauge("vivace_disk_displaced_blocks_total") > 0; });
  store_->stop();
  const auto left = static_cast<size_t>(blocks());
  EXPECT_GT(left, 3U);
  EXPECT_LT(left, 30U);
  std::vector<SentSpan> newest;
  for (size_t i = by_block.size() - left; i < by_block.size(); ++i) {
    newest.insert(newest.end(), by_block[i].begin(), by_block[i].end());
  }
  expect_spans(newest);
  options_.disk.limits.bytes_max = 0;
  start();
  expect_spans(newest);
  EXPECT_EQ(gauge("vivace_damaged_blocks"), 0);
}

TEST_F(StoreDiskTest, AReadOnlyDiskRefusesWritesAndAnswers) {
  start();
  push_many(3);
  disk_->set_read_only(true);
  EXPECT_FALSE(push());
  clock_.advance(2 * kSecond);
  const auto refused = push();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, testing::HasSubstr("read-only"));
  begin_cut();
  wait_until([&] { return gauge("tempo_ingester_failed_flushes_total") >= 1; });
  expect_spans(sent_);
  disk_->set_read_only(false);
  clock_.advance(2 * kSecond);
  wait_until([&] { return is_cut(); });
  push_many(3);
  expect_spans(sent_);
  start();
  expect_spans(sent_);
}

TEST_F(StoreDiskTest, AnIdleStoreHoldsNoLogAndNoBallast) {
  start();
  push_many(40);
  EXPECT_GT(log_files().size(), 3U);
  cut();
  wait_until([&] {
    clock_.advance(11 * kSecond);
    return log_files().empty();
  });
  EXPECT_THAT(disk_->list(options_.blocks_folder).value(),
              testing::ElementsAre("blocks.list", "t"));
  expect_spans(sent_);
  push_many(3);
  expect_spans(sent_);
  start();
  expect_spans(sent_);
}

// Two weeks back, and forth again: nothing goes early.
TEST_F(StoreDiskTest, AClockThatStepsBackRemovesNothing) {
  options_.retention_ns = 100 * kHour;
  start();
  push_many(3);
  cut();
  clock_.step_unix(-336 * kHour);
  push_many(3);
  cut();
  EXPECT_EQ(blocks(), 2) << "age is counted by another clock";
  expect_spans(sent_);
  push_many(3);
  EXPECT_GE(gauge("vivace_generation_age_seconds"), 0);
  clock_.step_unix(336 * kHour);
  for (int i = 0; i < 10; ++i) {
    clock_.advance(10 * kSecond);
    push_many(1);
  }
  EXPECT_EQ(blocks(), 2) << "the step forth is not believed at once";
}

// A clock that was years ahead: what came then goes with what came next.
TEST_F(StoreDiskTest, BlocksFromTheFutureGoLikeTheOthers) {
  options_.retention_ns = 100 * kHour;
  start();
  clock_.step_unix(87'600 * kHour);
  push_many(2);
  cut();
  clock_.step_unix(-87'600 * kHour);
  push_many(2);
  cut();
  clock_.advance(60 * kHour);
  sent_.clear();
  push_many(2);
  cut();
  EXPECT_EQ(blocks(), 3);
  clock_.advance(50 * kHour);  // the second block is past retention now
  wait_until([&] { return blocks() == 1; });
  expect_spans(sent_);
}

TEST_F(StoreDiskTest, AResendIsKnownWhateverTheClockDoes) {
  start();
  Request request = make(random_.request(3));
  const Hash128 hash = request.record.body_hash;
  ASSERT_TRUE(append_and_wait(std::move(request)));
  for (const int64_t step : {-1000 * kHour, 2000 * kHour, -1000 * kHour}) {
    clock_.step_unix(step);
    EXPECT_TRUE(store_->acked_before(hash));
  }
  clock_.advance(kHour);
  EXPECT_FALSE(store_->acked_before(hash));
}

TEST_F(StoreDiskTest, BodiesThatMakeNoSpansAreKeptButNotAll) {
  start();
  for (int i = 0; i < 70; ++i) {
    Request garbage = make(random_.request(1));
    garbage.record.body = "no protobuf " + std::to_string(i);
    garbage.record.body_hash = hash_body("t", garbage.record.body);
    ASSERT_TRUE(append_and_wait(std::move(garbage)));
  }
  EXPECT_EQ(start().undecodable, 70U);
  EXPECT_EQ(gauge("vivace_set_aside_files"), 64);
  EXPECT_LE(disk_->list(options_.blocks_folder).value().size(), 66U);
}

TEST_F(StoreDiskTest, BytesWrittenAreCounted) {
  start();
  push_many(3);
  cut();
  EXPECT_GT(gauge("vivace_disk_written_bytes_total"), 1000);
  const std::string text = metrics_->render();
  for (const char* kind : {"wal", "block", "other"}) {
    EXPECT_THAT(text, testing::HasSubstr(std::string("written_bytes_total{kind=\"") + kind));
  }
}

}  // namespace
}  // namespace vivace
