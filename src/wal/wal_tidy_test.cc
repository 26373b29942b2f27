// What the log takes of the disk: a busy one overwrites its segments, a quiet one gives them back,
// a full disk gets the spare ones at once; damaged files are kept, but not without end. And what
// happens when the disk fails: nothing is acked until a fresh segment is safely open.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wal/test_log.h"

namespace vivace {
namespace {

using Call = FaultStorage::Call;

constexpr uint64_t kSegment = 8 << 10;
const WalOptions kOptions{.folder = kFolder, .segment_bytes = kSegment, .bytes_max = 1 << 20};

void fill_segments(Life& life, int segments) {
  for (int i = 0; i < 2 * segments; ++i) ASSERT_TRUE(life.append(3'500));
}

TEST(WalTidy, AnIdleLogGivesAllOfItBack) {
  FaultStorage disk;
  Book book;
  {
    Life life(disk, kOptions, book);
    ASSERT_TRUE(life.start());
    fill_segments(life, 10);
    EXPECT_EQ(names(disk).size(), 10U);
    life.wal().release(book.end());
    EXPECT_EQ(names(disk).size(), 10U) << "a busy log would use them again";
    for (int i = 0; i < 6; ++i) life.wal().tidy();
    life.stop();
    EXPECT_THAT(names(disk), testing::IsEmpty());
  }
  const Lsn from = book.end();
  for (const auto unsynced : {FaultStorage::Unsynced::kept, FaultStorage::Unsynced::dropped}) {
    disk.restart(unsynced);  // dropped: the files are back
    Life life(disk, kOptions, book);
    ASSERT_TRUE(life.start(from));
    EXPECT_EQ(life.report().damaged_bytes, 0U);
    ASSERT_TRUE(life.append(1'000));
    for (int i = 0; i < 6; ++i) life.wal().tidy();
    ASSERT_TRUE(life.append(1'000)) << "what is not released keeps its segment";
  }
  Life life(disk, kOptions, book);
  ASSERT_TRUE(life.start(from));
  EXPECT_EQ(life.report().records, 4U);
}

TEST(WalTidy, ALogGoesOnAfterItGaveBackTheLastSegment) {
  FaultStorage disk;
  Book book;
  Life life(disk, kOptions, book);
  ASSERT_TRUE(life.start());
  for (int round = 0; round < 5; ++round) {
    ASSERT_TRUE(life.append(3'000));
    life.wal().release(book.end());
    life.wal().tidy();
    life.wal().tidy();
  }
  const Lsn from = book.end();
  ASSERT_TRUE(life.append(3'000));
  life.stop();
  disk.restart(FaultStorage::Unsynced::dropped);
  Life next(disk, kOptions, book);
  ASSERT_TRUE(next.start(from));
  EXPECT_EQ(next.report().damaged_bytes, 0U);
}

TEST(WalTidy, ABusyLogOverwritesItsSegments) {
  FaultStorage disk;
  Book book;
  Life life(disk, kOptions, book);
  ASSERT_TRUE(life.start());
  for (int round = 0; round < 10; ++round) {
    fill_segments(life, 4);
    life.wal().release(book.last_lsn());
    life.wal().tidy();
  }
  ASSERT_TRUE(life.append(1));
  EXPECT_LE(names(disk).size(), 7U);
  EXPECT_THAT(names(disk), testing::Not(testing::Contains("wal-000010.seg"))) << "no new files";
  for (int i = 0; i < 3; ++i) life.wal().tidy();
  life.stop();
  EXPECT_LE(names(disk).size(), 5U);
}

TEST(WalTidy, AFullDiskGetsTheSpareSegments) {
  FaultStorage disk;
  Book book;
  Life life(disk, kOptions, book);
  ASSERT_TRUE(life.start());
  fill_segments(life, 10);
  life.wal().release(book.last_lsn());
  life.wal().set_short_of_disk(true);
  EXPECT_EQ(names(disk).size(), 1U);
  fill_segments(life, 3);
  life.wal().release(book.last_lsn());
  EXPECT_EQ(names(disk).size(), 1U);
  life.wal().set_short_of_disk(false);
  fill_segments(life, 3);
  life.wal().release(book.last_lsn());
  EXPECT_EQ(names(disk).size(), 4U);
}

TEST(WalFailing, NothingIsAckedUntilAFreshSegmentIsOpen) {
  FaultStorage disk;
  Book book;
  Life life(disk, kOptions, book);
  ASSERT_TRUE(life.start());
  ASSERT_TRUE(life.append(100));
  EXPECT_THAT(life.metrics(), testing::HasSubstr("vivace_wal_failing 0"));
  disk.fail_calls(Call::sync, "wal-000001", 1);
  disk.fail_calls(Call::sync_folder, kFolder, 2);
  EXPECT_EQ(life.append(200).error().code, Code::io);
  EXPECT_THAT(life.metrics(), testing::HasSubstr("vivace_wal_failing 1"));
  EXPECT_FALSE(life.append(300)) << "the fresh segment is not safely open";
  EXPECT_FALSE(life.append(400)) << "nor the next";
  const std::string given_up = disk.durable(slot_path(1));
  EXPECT_TRUE(life.append(500));
  EXPECT_THAT(life.metrics(), testing::HasSubstr("vivace_wal_failing 0"));
  EXPECT_EQ(disk.durable(slot_path(1)), given_up) << "it is never written again";
  life.stop();
  disk.restart(FaultStorage::Unsynced::dropped);
  Life next(disk, kOptions, book);
  ASSERT_TRUE(next.start());
  EXPECT_EQ(next.report().records, 2U);
  EXPECT_EQ(next.report().damaged_bytes, 0U);
}

// Every call of a commit fails in turn, once and for a while.
TEST(WalFailing, EveryCallInTurn) {
  for (const Call call : {Call::write, Call::sync, Call::create, Call::sync_folder}) {
    for (int count = 1; count <= 4; ++count) {
      SCOPED_TRACE(fmt::format("call {} fails {} times", static_cast<int>(call), count));
      FaultStorage disk;
      Book book;
      {
        Life life(disk, kOptions, book);
        ASSERT_TRUE(life.start());
        life.append_group({100, 4'000, 200});
        disk.fail_calls(call, "", count);
        for (int i = 0; i < 8; ++i) (void)life.append(3'000);
        ASSERT_TRUE(life.append(3'000)) << "it recovers alone";
      }
      disk.restart(FaultStorage::Unsynced::dropped);
      Life life(disk, kOptions, book);  // the book holds what was acked against what is there
      ASSERT_TRUE(life.start());
      EXPECT_EQ(life.report().damaged_bytes, 0U);
    }
  }
}

TEST(WalFailing, ADiskThatTurnsReadOnlyIsWaitedFor) {
  FaultStorage disk;
  Book book;
  Life life(disk, kOptions, book);
  ASSERT_TRUE(life.start());
  ASSERT_TRUE(life.append(100));
  disk.set_read_only(true);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(life.append(100).error().code, Code::io);
  disk.set_read_only(false);
  EXPECT_TRUE(life.append(100));
}

TEST(WalFailing, AReadOnlyDiskStopsTheStart) {
  FaultStorage disk;
  disk.set_read_only(true);
  Book book;
  Life life(disk, kOptions, book);
  EXPECT_FALSE(life.start());
  EXPECT_THAT(life.error().message, testing::HasSubstr("Read-only file system"));
}

TEST(WalTidy, DamagedFilesAreBounded) {
  FaultStorage disk;
  Book book;
  WalOptions options = kOptions;
  options.damaged_files_max = 3;
  const auto damaged = [&] {
    std::vector<std::string> out;
    for (const std::string& name : names(disk)) {
      if (name.ends_with(".damaged")) out.push_back(name);
    }
    return out;
  };
  for (int n = 1; n <= 9; ++n) {
    SegmentHeader header{.base = static_cast<Lsn>(10 - n) * kSegment, .capacity = kSegment};
    std::string bytes = encode_segment_header(header);
    bytes.resize(kSegment, 'x');
    disk.set_durable(fmt::format("{}/wal-00000{}.damaged", kFolder, n), bytes);
  }
  {
    Life life(disk, options, book);
    ASSERT_TRUE(life.start(8 * kSegment));
    EXPECT_THAT(damaged(), testing::ElementsAre("wal-000001.damaged", "wal-000002.damaged",
                                                "wal-000003.damaged", "wal-000004.damaged",
                                                "wal-000005.damaged"))
        << "two that are still read, and the newest three of the others";
    EXPECT_THAT(life.metrics(), testing::HasSubstr("vivace_wal_damaged_files 5"));
  }
  options.damaged_bytes_max = 2 * kSegment;
  Life life(disk, options, book);
  ASSERT_TRUE(life.start(100 * kSegment));
  EXPECT_THAT(damaged(), testing::ElementsAre("wal-000001.damaged", "wal-000002.damaged"));
}

}  // namespace
}  // namespace vivace
