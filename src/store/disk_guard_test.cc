// The guard on a disk in memory of a known size: when it refuses, when it lets in again, what it
// asks to be removed, and the ballast.
#include "store/disk_guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/fault_storage.h"
#include "store/testing/waiting.h"

namespace vivace {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kNow = 1'700'000'000'000'000'000;
constexpr int64_t kHour = 3600 * kSecond;

class DiskGuardTest : public testing::Test {
 protected:
  DiskGuardTest() {
    disk_.set_capacity(10'000);
    options_.limits.free_min = 2'000;
  }

  DiskGuard& guard() {
    if (guard_ == nullptr) {
      guard_ = std::make_unique<DiskGuard>(counted_, options_,
                                           DiskGuard::Folders{.wal = "/wal", .blocks = "/blocks"},
                                           clock_, metrics_);
      guard_->open(blocks_, clock_.unix_ns() - 100 * kHour);
    }
    return *guard_;
  }
  void put(const std::string& path, uint64_t bytes) {
    disk_.set_durable(path, std::string(bytes, 'x'));
  }
  // A block that is in the list, and its file.
  void add_block(uint64_t number, int64_t received_ns, uint64_t bytes) {
    put("/blocks/t/" + std::to_string(number) + ".block", bytes);
    blocks_.push_back({.number = number, .bytes = bytes, .received_max_ns = received_ns});
  }
  void remove_block(uint64_t number) {
    ASSERT_TRUE(disk_.remove("/blocks/t/" + std::to_string(number) + ".block"));
    std::erase_if(blocks_, [&](const StoredBlock& block) { return block.number == number; });
  }
  DiskGuard::Going look() { return guard().look(blocks_, clock_.unix_ns() - 100 * kHour); }
  // As it is a second later.
  Result<void> admit() {
    DiskGuard& asked = guard();
    clock_.advance(kSecond);
    return asked.admit(1);
  }
  double state() { return metric(metrics_, "vivace_disk_state"); }

  FaultStorage disk_;
  CountedStorage counted_{disk_};
  ManualClock clock_{kNow};
  Metrics metrics_;
  DiskOptions options_;
  std::vector<StoredBlock> blocks_;
  std::unique_ptr<DiskGuard> guard_;
};

TEST_F(DiskGuardTest, LetsInAsLongAsThereIsRoom) {
  put("/other", 8'000);
  EXPECT_TRUE(admit());
  look();
  EXPECT_TRUE(admit());
  EXPECT_EQ(state(), 0);
  EXPECT_EQ(metric(metrics_, "vivace_disk_free_bytes"), 2 * 2'000);
}

TEST_F(DiskGuardTest, RefusesWhenNothingIsLeftToRemoveAndRecoversAlone) {
  put("/other", 8'500);
  EXPECT_TRUE(admit()) << "something may go";
  EXPECT_TRUE(guard().wants_look());
  EXPECT_THAT(look().displaced, testing::IsEmpty());
  EXPECT_FALSE(guard().wants_look());
  const auto refused = admit();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::limit);
  EXPECT_THAT(refused.error().message, testing::HasSubstr("min_free_bytes"));
  EXPECT_EQ(state(), 2);
  EXPECT_EQ(metric(metrics_, "vivace_disk_refused_requests_total"), 1);
  EXPECT_FALSE(guard().reserve_for_merge(1));
  put("/other", 7'000);
  EXPECT_TRUE(admit());
  EXPECT_EQ(state(), 0);
}

TEST_F(DiskGuardTest, RefusesAtOnceWhenHalfOfTheReserveIsGone) {
  add_block(1, kNow, 4'000);
  put("/other", 5'100);
  const auto refused = admit();
  ASSERT_FALSE(refused);
  EXPECT_THAT(look().displaced, testing::ElementsAre(1));
  remove_block(1);
  EXPECT_TRUE(admit());
}

TEST_F(DiskGuardTest, ManyBytesAreReasonEnoughToLook) {
  EXPECT_TRUE(admit());
  put("/other", 9'500);
  EXPECT_TRUE(guard().admit(1)) << "not yet";
  EXPECT_FALSE(guard().admit(64 << 20));
}

TEST_F(DiskGuardTest, TheOldestBlocksMakeRoom) {
  add_block(1, kNow - 3 * kHour, 1'000);
  add_block(2, kNow - 9 * kHour, 1'000);
  add_block(3, kNow - 1 * kHour, 1'000);
  add_block(4, kNow - 200 * kHour, 1'000);
  put("/other", 5'500);
  const DiskGuard::Going going = look();
  EXPECT_THAT(going.too_old, testing::ElementsAre(4));
  EXPECT_THAT(going.displaced, testing::ElementsAre(2));
}

TEST_F(DiskGuardTest, WhatReadersHoldIsNotAskedForTwice) {
  const auto reader = std::make_shared<int>();
  add_block(1, kNow - 3 * kHour, 1'000);
  add_block(2, kNow - 2 * kHour, 1'000);
  blocks_[0].readers = reader;
  put("/other", 6'500);
  const auto going = look().displaced;
  EXPECT_THAT(going, testing::ElementsAre(1));
  guard().note_removed(blocks_, going);
  blocks_.erase(blocks_.begin());  // from the list; the file stays
  EXPECT_THAT(look().displaced, testing::IsEmpty());
}

TEST_F(DiskGuardTest, EverythingOfOursCountsAgainstTheBytes) {
  options_.limits = {.bytes_max = 8'000, .free_min = 0};
  disk_.set_capacity(100'000);
  add_block(1, kNow - 3 * kHour, 3'000);
  add_block(2, kNow - 2 * kHour, 3'000);
  put("/wal/wal-000001.seg", 1'000);
  put("/foreign", 50'000);
  EXPECT_THAT(look().displaced, testing::IsEmpty());
  put("/blocks/t/9.block", 700);  // not committed
  EXPECT_THAT(look().displaced, testing::ElementsAre(1)) << "a sixteenth is left to merges";
  put("/blocks/undecodable-1", 5'000);
  EXPECT_THAT(look().displaced, testing::ElementsAre(1, 2));
  EXPECT_EQ(metric(metrics_, "vivace_disk_bytes"), 3'000 + 3'000 + 1'000 + 700 + 5'000);
  remove_block(1);
  remove_block(2);
  put("/blocks/undecodable-1", 9'000);
  look();
  const auto refused = admit();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, testing::HasSubstr("max_bytes"));
}

TEST_F(DiskGuardTest, MergesGetTheirRoomOrWait) {
  options_.limits = {.bytes_max = 8'000, .free_min = 2'000};
  add_block(1, kNow, 7'400);
  look();
  EXPECT_FALSE(guard().reserve_for_merge(700)) << "past the bytes";
  auto room = guard().reserve_for_merge(500);
  ASSERT_TRUE(room);
  EXPECT_FALSE(guard().reserve_for_merge(200)) << "both together";
  put("/blocks/t/2.block", 500);
  EXPECT_THAT(look().displaced, testing::IsEmpty()) << "its output goes again";
  EXPECT_TRUE(admit());
  room.reset();
  EXPECT_THAT(look().displaced, testing::ElementsAre(1));
}

TEST_F(DiskGuardTest, AReadOnlyDiskRefusesUntilItIsPutRight) {
  EXPECT_TRUE(admit());
  disk_.set_read_only(true);
  const auto refused = admit();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::unavailable);
  EXPECT_EQ(state(), 3);
  disk_.set_read_only(false);
  EXPECT_TRUE(admit());
}

TEST_F(DiskGuardTest, TheBallastIsKeptWhileThereIsRoom) {
  guard().keep_ballast(3'000);
  EXPECT_EQ(disk_.used_bytes(), 3'000U);
  guard().keep_ballast(1'000);
  EXPECT_EQ(disk_.used_bytes(), 3'000U);
  put("/other", 6'000);
  (void)admit();
  guard().keep_ballast(5'000);
  EXPECT_EQ(disk_.used_bytes(), 9'000U) << "it does not grow on a full disk, nor shrink";
  EXPECT_TRUE(guard().release_ballast());
  EXPECT_FALSE(guard().release_ballast());
  EXPECT_EQ(disk_.used_bytes(), 6'000U);
  guard().keep_ballast(1'000);
  EXPECT_TRUE(guard().is_short());
  EXPECT_TRUE(admit());
  guard().keep_ballast(1'000);
  EXPECT_EQ(disk_.used_bytes(), 7'000U);
  guard_.reset();
  guard().keep_ballast(500);
  EXPECT_EQ(disk_.used_bytes(), 7'000U) << "that of an earlier life";
  guard().keep_ballast(0);
  EXPECT_EQ(disk_.used_bytes(), 6'000U);
}

// Tempo's blocks count and grow old like ours, though nothing goes for its age in the first hour,
// and none makes room for ours.
TEST_F(DiskGuardTest, BlocksOfTempoTakeTheirPart) {
  options_.tempo_folder = "/tempo";
  const auto add_tempo = [&](const std::string& id, const std::string& end) {
    disk_.set_durable("/tempo/t/" + id + "/meta.json",
                      R"({"blockID":")" + id + R"(","endTime":")" + end + R"("})");
    put("/tempo/t/" + id + "/data.parquet", 1'000);
  };
  add_tempo("00000000-0000-0000-0000-000000000001", "2023-11-01T00:00:00Z");  // past retention
  add_tempo("00000000-0000-0000-0000-000000000002", "2023-11-13T00:00:00Z");
  add_tempo("00000000-0000-0000-0000-000000000003", "2023-11-14T00:00:00Z");
  add_block(1, kNow, 1'000);
  const auto left = [&] {
    return disk_.list("/tempo/t").value_or(std::vector<std::string>()).size();
  };
  EXPECT_THAT(look().displaced, testing::IsEmpty());
  EXPECT_EQ(left(), 3U);
  clock_.advance(kHour);
  look();
  EXPECT_EQ(left(), 2U);
  EXPECT_EQ(metric(metrics_, "vivace_tempo_blocks_removed_total"), 1);
  put("/other", 5'500);
  EXPECT_THAT(look().displaced, testing::ElementsAre(1));
  EXPECT_EQ(left(), 2U);
}

}  // namespace
}  // namespace vivace
