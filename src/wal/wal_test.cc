// The log in fair weather: order, roll-over, groups, budget, release and reuse, locks, versions.
#include "wal/wal.h"

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/bytes.h"
#include "storage/local_storage.h"
#include "wal/test_log.h"

namespace vivace {
namespace {

constexpr uint64_t kSegment = 64 << 10;
const WalOptions kOptions{.folder = kFolder, .segment_bytes = kSegment, .bytes_max = 64 << 20};

TEST(Wal, GivesBackWhatWasAppendedInOrder) {
  FaultStorage disk;
  Book book;
  {
    Life life(disk, kOptions, book);
    ASSERT_TRUE(life.start());
    EXPECT_EQ(life.report().segments, 0U);
    for (size_t i = 0; i < 200; ++i) ASSERT_TRUE(life.append(i * 37 % 5'000));
    life.append_group(std::vector<size_t>(300, 900));
  }
  disk.restart(FaultStorage::Unsynced::dropped);
  Life life(disk, kOptions, book);
  ASSERT_TRUE(life.start());
  EXPECT_EQ(life.report().records, 500U);
  EXPECT_GT(life.report().segments, 10U);
  EXPECT_EQ(life.report().damaged_bytes, 0U);
  EXPECT_EQ(book.acked(), 500U);
  EXPECT_THAT(life.metrics(), testing::HasSubstr("vivace_wal_damaged_bytes_total 0"));
}

TEST(Wal, TakesEmptyExactAndOversizedBodies) {
  FaultStorage disk;
  Book book;
  {
    Life life(disk, kOptions, book);
    ASSERT_TRUE(life.start());
    ASSERT_TRUE(life.append(0));
    ASSERT_TRUE(life.append(3 * kSegment));  // a segment of its own
    ASSERT_TRUE(life.append(0));
    ASSERT_TRUE(life.append(body_for(4, kSegment - kSegmentHeaderBytes)));      // fills one
    ASSERT_TRUE(life.append(body_for(5, kSegment - kSegmentHeaderBytes + 8)));  // 8 too many
    ASSERT_TRUE(life.append(body_for(6, kSegment / 2 - kSegmentHeaderBytes)));
    ASSERT_TRUE(life.append(body_for(7, kSegment / 2)));  // ends with its segment
    ASSERT_TRUE(life.append(1));
    life.append_group({0, 0, 2 * kSegment, 0, 5 * kSegment, 6 * kSegment, 0});
  }
  disk.restart(FaultStorage::Unsynced::dropped);
  Life life(disk, kOptions, book);
  ASSERT_TRUE(life.start());
  EXPECT_EQ(life.report().records, 15U);
  EXPECT_EQ(life.report().damaged_bytes, 0U);
}

TEST(Wal, GoesOnWhereItEndedAfterEachRestart) {
  FaultStorage disk;
  Book book;
  for (uint64_t start = 0; start < 30; ++start) {
    Life life(disk, kOptions, book);
    ASSERT_TRUE(life.start());
    EXPECT_EQ(life.report().records, 3 * start);
    for (size_t i = 0; i < 3; ++i) ASSERT_TRUE(life.append(1'000 * i));
    life.stop();
    disk.restart(FaultStorage::Unsynced::dropped);
  }
}

TEST(Wal, TakesRecordsFromManyThreads) {
  FaultStorage disk;
  Book book;
  {
    Life life(disk, kOptions, book);
    ASSERT_TRUE(life.start());
    std::vector<std::thread> threads;
    for (size_t t = 0; t < 8; ++t) {
      threads.emplace_back([&life, t] {
        for (size_t i = 0; i < 100; ++i) life.send((t * 131 + i * 17) % 4'000, [](auto&) {});
      });
    }
    for (std::thread& thread : threads) thread.join();
    life.stop();
    EXPECT_EQ(book.acked(), 800U);
  }
  disk.restart(FaultStorage::Unsynced::dropped);
  Life life(disk, kOptions, book);
  ASSERT_TRUE(life.start());
  EXPECT_EQ(life.report().records, 800U);
}

TEST(Wal, ReleasesWhileOthersAppend) {
  FaultStorage disk;
  Book book;
  Lsn before = 0;
  {
    Life life(disk, kOptions, book);
    ASSERT_TRUE(life.start());
    std::atomic<Lsn> acked{0};
    std::atomic<bool> ended{false};
    std::thread cutter([&] {
      while (!ended) life.wal().release(acked);
    });
    std::vector<std::thread> threads;
    for (size_t t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (size_t i = 0; i < 200; ++i) {
          life.send(3'000, [&](const Result<Lsn>& lsn) { acked = lsn.value(); });
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    life.stop();
    ended = true;
    cutter.join();
    before = acked;
    life.wal().release(before);
    life.metrics();
  }
  disk.restart(FaultStorage::Unsynced::dropped);
  Life life(disk, kOptions, book);
  ASSERT_TRUE(life.start(before));
  EXPECT_EQ(life.report().damaged_bytes, 0U);
}

TEST(Wal, RefusesAfterStop) {
  FaultStorage disk;
  Book book;
  Life life(disk, kOptions, book);
  ASSERT_TRUE(life.start());
  life.stop();
  EXPECT_EQ(life.append(10).error().code, Code::unavailable);
}

TEST(Wal, TellsRecordsThatCameBeforeAStartThatNeverWas) {
  FaultStorage disk;
  Book book;
  Life life(disk, kOptions, book);
  Event told;
  Result<Lsn> outcome;
  life.send(10, [&](const Result<Lsn>& lsn) {
    outcome = lsn;
    told.set();
  });
  life.stop();
  told.wait();
  EXPECT_EQ(outcome.error().code, Code::unavailable);
}

TEST(Wal, EndsReplayAtAnErrorOfTheVisitor) {
  FaultStorage disk;
  Book book;
  {
    Life life(disk, kOptions, book);
    ASSERT_TRUE(life.start());
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(life.append(100));
  }
  Metrics metrics;
  auto wal = Wal::open(disk, kOptions, metrics).value();
  int visited = 0;
  const auto report = wal->replay(0, [&](const WalRecord&, Lsn) -> Result<void> {
    if (++visited == 3) return fail(Code::limit, "no room");
    return {};
  });
  EXPECT_EQ(report.error().code, Code::limit);
  EXPECT_EQ(visited, 3);
}

TEST(Wal, VisitsFromTheReplayPointOn) {
  FaultStorage disk;
  Book book;
  std::vector<Lsn> places;
  {
    Life life(disk, kOptions, book);
    ASSERT_TRUE(life.start());
    for (int i = 0; i < 60; ++i) places.push_back(life.append(4'000).value());
  }
  for (size_t i = 0; i < places.size(); ++i) {
    disk.restart(FaultStorage::Unsynced::dropped);
    Life life(disk, kOptions, book);
    ASSERT_TRUE(life.start(places[i]));
    EXPECT_EQ(life.report().records, places.size() - i);
    EXPECT_EQ(life.report().damaged_bytes, 0U);
  }
}

// The list of blocks may outlive the log, or say more than a damaged log can show. What is acked
// then must not lie before the replay point, where the next replay would not look.
TEST(Wal, NeverWritesBeforeTheReplayPoint) {
  for (const Lsn from : {Lsn{1}, Lsn{1'000}, Lsn{kSegment}, Lsn{5'000'001}}) {
    FaultStorage disk;
    Book book;
    for (const Lsn point : {from, from + 40, from + 3 * kSegment}) {
      Life life(disk, kOptions, book);
      ASSERT_TRUE(life.start(point));
      EXPECT_GE(life.append(100).value(), point);
      life.stop();
      disk.restart(FaultStorage::Unsynced::dropped);
      Life next(disk, kOptions, book);
      ASSERT_TRUE(next.start(point));
      EXPECT_EQ(next.report().damaged_bytes, 0U);
      EXPECT_GE(next.report().records, 1U);
    }
  }
}

TEST(Wal, RefusesPastItsBudgetAndTakesAgainAfterRelease) {
  FaultStorage disk;
  Book book;
  WalOptions options = kOptions;
  options.bytes_max = 4 * kSegment;
  Lsn last = 0;
  {
    Life life(disk, options, book);
    ASSERT_TRUE(life.start());
    while (life.wal().try_reserve(record_bytes(150, 4, 10'000))) {
      last = life.append(10'000).value();
      EXPECT_LE(life.wal().budget().used(), options.bytes_max);
    }
    EXPECT_GT(book.acked(), 20U);
    EXPECT_THAT(life.metrics(), testing::HasSubstr("vivace_wal_bytes_max 262144"));
  }
  disk.restart(FaultStorage::Unsynced::dropped);
  Life life(disk, options, book);
  ASSERT_TRUE(life.start());
  EXPECT_EQ(life.wal().budget().used(), static_cast<int64_t>(life.report().bytes));
  EXPECT_GT(life.report().bytes, 3 * kSegment);
  EXPECT_FALSE(life.wal().try_reserve(record_bytes(150, 4, 10'000)));

  life.wal().release(last);
  EXPECT_LE(life.wal().budget().used(), static_cast<int64_t>(kSegment));
  for (int i = 0; i < 12; ++i) ASSERT_TRUE(life.append(10'000));
}

TEST(Wal, ALogAsSmallAsOneSegmentDoesNotBlockItself) {
  FaultStorage disk;
  Book book;
  WalOptions options = kOptions;
  options.bytes_max = static_cast<int64_t>(kSegment);
  Life life(disk, options, book);
  ASSERT_TRUE(life.start());
  for (int i = 0; i < 100; ++i) {
    const Lsn lsn = life.append(20'000).value();
    if (!life.wal().try_reserve(record_bytes(150, 4, 20'000))) {
      life.wal().release(lsn + record_bytes(150, 4, 20'000));  // all of it lives elsewhere
      ASSERT_TRUE(life.wal().try_reserve(record_bytes(150, 4, 20'000))) << "record " << i;
    }
  }
}

TEST(Wal, OverwritesReleasedSegments) {
  FaultStorage disk;
  Book book;
  Lsn last = 0;
  for (int start = 0; start < 3; ++start) {
    Life life(disk, kOptions, book);
    ASSERT_TRUE(life.start(last));
    for (int i = 0; i < 500; ++i) {
      last = life.append(i % 50 == 0 ? 2 * kSegment : 9'000).value();  // some in their own segment
      life.wal().release(last);
    }
    EXPECT_LE(names(disk).size(), 5U);
    EXPECT_THAT(life.metrics(), testing::HasSubstr("vivace_wal_segments 1"));
    life.stop();
    disk.restart(FaultStorage::Unsynced::dropped);
  }
  uint64_t bytes = 0;
  for (const std::string& name : names(disk)) {
    bytes += disk.durable(std::string(kFolder) + "/" + name).size();
  }
  EXPECT_LE(bytes, 5 * kSegment);
}

TEST(Wal, TakesAnotherSegmentSize) {
  FaultStorage disk;
  Book book;
  Lsn last = 0;
  for (const uint64_t segment : {kSegment, 2 * kSegment, kSegment / 2, 4 * kSegment}) {
    WalOptions options = kOptions;
    options.segment_bytes = segment;
    Life life(disk, options, book);
    ASSERT_TRUE(life.start(last));
    EXPECT_EQ(life.report().damaged_bytes, 0U);
    for (int i = 0; i < 100; ++i) {
      const Lsn lsn = life.append(9'000).value();
      if (i == 90) life.wal().release(last = lsn);
    }
    life.stop();
    disk.restart(FaultStorage::Unsynced::dropped);
    EXPECT_LE(names(disk).size(), 90 * 9'000 / segment + 8);
  }
}

TEST(Wal, LeavesForeignFilesAlone) {
  FaultStorage disk;
  Book book;
  const std::vector<std::string> names = {"wal-000001.seg.bak", "wal-.seg",  "wal-12x.seg", "notes",
                                          "xwal-000001.seg",    "wal--1.seg"};
  for (const std::string& name : names) disk.set_durable(std::string(kFolder) + "/" + name, name);
  Life life(disk, kOptions, book);
  ASSERT_TRUE(life.start());
  for (int i = 0; i < 50; ++i) life.wal().release(life.append(10'000).value());
  for (const std::string& name : names) {
    EXPECT_EQ(disk.durable(std::string(kFolder) + "/" + name), name);
  }
}

TEST(Wal, StopsAtAFormatThatItDoesNotKnow) {
  FaultStorage disk;
  Book book;
  {
    Life life(disk, kOptions, book);
    ASSERT_TRUE(life.start());
    ASSERT_TRUE(life.append(100));
  }
  std::string image = disk.durable(slot_path(1));
  image.replace(6, 2, "02");
  store(image.data() + 32, hash64({image.data(), 32}));
  disk.set_durable(slot_path(1), image);
  Life life(disk, kOptions, book);
  EXPECT_FALSE(life.start());
  EXPECT_EQ(life.error().code, Code::unimplemented);
  EXPECT_THAT(life.error().message, testing::HasSubstr(slot_path(1)));
  EXPECT_EQ(disk.durable(slot_path(1)), image);
}

TEST(Wal, LivesOnTheLocalDisk) {
  char folder[] = "/tmp/vivace-wal-XXXXXX";
  ASSERT_NE(mkdtemp(folder), nullptr);
  LocalStorage disk;
  WalOptions options = kOptions;
  options.folder = std::string(folder) + "/sub/vivace";
  Book book;
  Lsn from = 0;
  for (int start = 0; start < 3; ++start) {
    Life life(disk, options, book);
    ASSERT_TRUE(life.start(from));
    EXPECT_EQ(life.report().damaged_bytes, 0U);
    Life second(disk, options, book);
    EXPECT_FALSE(second.start());
    EXPECT_EQ(second.error().code, Code::unavailable);
    for (size_t i = 0; i < 10; ++i) ASSERT_TRUE(life.append(i * 3'000));
    life.append_group(std::vector<size_t>(20, 4'000));
    if (start == 1) life.wal().release(from = book.last_lsn());
  }
  Life life(disk, options, book);
  ASSERT_TRUE(life.start(from));
  EXPECT_EQ(life.report().records, 31U);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace vivace
