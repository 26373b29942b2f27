// The log in foul weather: power that goes at every single change of the disk, writes torn at every
// byte, disks that refuse to sync or are full. What was acked is there, whole and once; what was
// not is there whole or not at all, and a crash alone is never reported as damage.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wal/test_log.h"

namespace vivace {
namespace {

using Unsynced = FaultStorage::Unsynced;

const WalOptions kOptions{.folder = kFolder, .segment_bytes = 8 << 10, .bytes_max = 1 << 20};

// What the store would do with the log: everything before `point` lives in blocks, durably so.
struct Store {
  Book book;
  Lsn point = 0;
};

void release_all_but(Life& life, Store& store, Lsn behind) {
  const Lsn last = store.book.last_lsn();
  if (last < behind + store.point) return;
  store.point = last - behind;
  life.wal().release(store.point);
}

// Groups, roll-overs, a body larger than a segment, release and reuse. Goes on to the end when the
// disk has died, as the program would; no append may be acked then.
void live(FaultStorage& disk, Store& store, bool long_life) {
  Life life(disk, kOptions, store.book);
  if (!life.start(store.point)) return;
  EXPECT_EQ(life.report().damaged_bytes, 0U);
  life.append_group({300, 700, 20, 0, 1'500});
  if (!long_life) return;
  life.append_group({3'000, 3'000, 100, 3'000, 2'000});  // rolls over inside the group
  release_all_but(life, store, 4'000);
  life.append_group({100, 12'000, 100});  // one in a segment of its own
  release_all_but(life, store, 1'000);
  life.append_group({2'500, 2'500, 2'500, 2'500, 2'500, 2'500});  // into reused segments
  release_all_but(life, store, 0);
  life.append_group({4'000, 600, 600});
  store.point = store.book.end();  // all of it: an idle log gives its last segment back
  life.wal().release(store.point);
  for (int i = 0; i < 6; ++i) life.wal().tidy();
  life.append_group({200, 600});
}

// Returns whether the power went at all.
bool crash_and_recover(uint64_t first_crash, Unsynced unsynced, uint64_t seed) {
  FaultStorage disk(seed);
  Store store;
  std::mt19937_64 random(seed * 7'919 + first_crash);
  live(disk, store, true);  // so that the second life finds slots to reuse
  disk.restart(Unsynced::dropped);
  disk.crash_at(first_crash);
  live(disk, store, true);
  const bool crashed = disk.crashed();
  for (int again = 0; again < 3; ++again) {
    disk.restart(unsynced);
    disk.crash_at(random() % 24);
    live(disk, store, random() % 2 == 0);
  }
  for (int again = 0; again < 2; ++again) {
    disk.restart(unsynced);
    const size_t acked = store.book.acked();
    live(disk, store, false);
    EXPECT_EQ(store.book.acked(), acked + 5) << "appends do not work again";
  }
  return crashed;
}

TEST(WalCrash, AtEveryChangeOfTheDisk) {
  std::vector<std::pair<Unsynced, uint64_t>> ways = {{Unsynced::dropped, 1}, {Unsynced::kept, 1}};
  for (uint64_t seed = 1; seed <= (kSampled ? 1 : 12); ++seed)
    ways.emplace_back(Unsynced::torn, seed);
  for (const auto& [unsynced, seed] : ways) {
    uint64_t change = 0;
    while (true) {
      SCOPED_TRACE(fmt::format("unsynced {}, seed {}, crash at change {}",
                               static_cast<int>(unsynced), seed, change));
      if (!crash_and_recover(change, unsynced, seed)) break;
      ASSERT_FALSE(testing::Test::HasFailure());
      ++change;
    }
    EXPECT_GT(change, 20U);
  }
}

// A log whose last record lies in a reused segment: image without it, image with it.
struct Cut {
  std::map<std::string, std::string> files;  // as they are without the last record
  std::string path;                          // of the last segment
  std::string before;
  std::string after;
  uint64_t offset = 0;  // of the last record
  uint64_t bytes = 0;
  uint64_t used = 0;  // without its padding
};

Cut make_cut(FaultStorage& disk, Store& store) {
  Cut cut;
  Life life(disk, kOptions, store.book);
  EXPECT_TRUE(life.start());
  for (int i = 0; i < 60; ++i) EXPECT_TRUE(life.append(static_cast<size_t>(i * 97 % 900)));
  release_all_but(life, store, 3'000);
  for (int i = 0; i < 12; ++i) EXPECT_TRUE(life.append(800));
  for (const std::string& name : names(disk)) {
    const std::string path = std::string(kFolder) + "/" + name;
    cut.files[path] = disk.durable(path);
  }
  EXPECT_TRUE(life.append(333));
  for (const auto& [path, before] : cut.files) {
    if (disk.durable(path) == before) continue;
    cut.path = path;
    cut.before = before;
    cut.after = disk.durable(path);
  }
  cut.offset =
      static_cast<uint64_t>(std::ranges::mismatch(cut.before, cut.after).in1 - cut.before.begin()) /
      8 * 8;
  const WalRecord last = make_record(73, 333);
  cut.bytes = record_bytes(last);
  cut.used = encode_record_head(last, 0, 0, 0).size() + last.body.size();
  return cut;
}

enum class Rest : uint8_t { zeros, garbage, leftovers };

TEST(WalCrash, LastRecordCutAtEveryByte) {
  FaultStorage source;
  Store written;
  const Cut cut = make_cut(source, written);
  ASSERT_EQ(cut.before.size(), cut.after.size());
  ASSERT_NE(cut.before.substr(cut.offset, 64), std::string(64, '\0')) << "no earlier life";
  std::mt19937_64 random(99);
  for (const Rest rest : {Rest::zeros, Rest::garbage, Rest::leftovers}) {
    for (uint64_t kept = 0; kept < cut.bytes; kept += kSampled ? 7 : 1) {
      SCOPED_TRACE(fmt::format("rest {}, {} bytes kept", static_cast<int>(rest), kept));
      std::string image = cut.after.substr(0, cut.offset + kept);
      if (rest == Rest::leftovers) image += cut.before.substr(image.size());
      while (image.size() < cut.after.size()) {
        image += rest == Rest::zeros ? '\0' : static_cast<char>(random());
      }
      const bool whole =
          image.substr(cut.offset, cut.used) == cut.after.substr(cut.offset, cut.used);

      FaultStorage disk;
      for (const auto& [path, bytes] : cut.files) disk.set_durable(path, bytes);
      disk.set_durable(cut.path, image);
      std::vector<int64_t> first;
      std::vector<int64_t> second;
      for (auto* numbers : {&first, &second}) {
        Metrics metrics;
        auto wal = Wal::open(disk, kOptions, metrics).value();
        const auto report = wal->replay(written.point, [&](const WalRecord& record, Lsn) {
          numbers->push_back(record.receive_time_ns);
          return Result<void>();
        });
        ASSERT_TRUE(report);
        EXPECT_EQ(report->damaged_bytes, 0U);
        wal->start();
        Event told;
        wal->append(make_record(1'000, 333), [&](const Result<Lsn>& lsn) {
          EXPECT_TRUE(lsn);
          told.set();
        });
        told.wait();
      }
      ASSERT_FALSE(first.empty());
      EXPECT_EQ(first.back(), whole ? 73 : 72);
      first.push_back(1'000);
      EXPECT_EQ(second, first);
      ASSERT_FALSE(testing::Test::HasFailure());
    }
  }
}

// Commits `count` records of equal size in one group, whose sync the power cut prevents; all reach
// the disk but the first. The next process cannot see them, and no later one may.
void tear_a_group(FaultStorage& disk, Book& book, int count) {
  Life life(disk, kOptions, book);
  ASSERT_TRUE(life.replay());
  Event told;
  for (int i = 1; i <= count; ++i) {
    life.send(body_for(book.next(), 400), [&, i](const Result<Lsn>& lsn) {
      EXPECT_FALSE(lsn);
      if (i == count) told.set();
    });
  }
  const std::string before = disk.durable(slot_path(1));
  disk.crash_at(1);
  life.wal().start();
  told.wait();
  disk.restart(Unsynced::kept);
  std::string image = disk.durable(slot_path(1));
  const auto torn =
      static_cast<size_t>(std::ranges::mismatch(before, image).in1 - before.begin()) / 8 * 8;
  image.replace(torn, 16, 16, '\0');
  disk.set_durable(slot_path(1), image);
}

TEST(WalCrash, WhatATornGroupLeftNeverComesBack) {
  for (int torn = 1; torn <= 3; ++torn) {
    FaultStorage disk;
    Book book;
    {
      Life life(disk, kOptions, book);
      ASSERT_TRUE(life.start());
      ASSERT_TRUE(life.append(100));
    }
    for (int start = 0; start < torn; ++start) tear_a_group(disk, book, 5);
    for (int start = 0; start < 5; ++start) {
      Life life(disk, kOptions, book);
      ASSERT_TRUE(life.start());
      EXPECT_EQ(life.report().damaged_bytes, 0U);
      ASSERT_TRUE(life.append(body_for(book.next(), 400)));
      life.stop();
      disk.restart(Unsynced::dropped);
    }
  }
}

TEST(WalCrash, NothingIsAckedWhoseSyncFailed) {
  for (int syncs = 1; syncs <= 4; ++syncs) {
    for (const Unsynced unsynced : {Unsynced::dropped, Unsynced::kept, Unsynced::torn}) {
      FaultStorage disk(static_cast<uint64_t>(syncs));
      Book book;
      size_t acked = 0;
      {
        Life life(disk, kOptions, book);
        ASSERT_TRUE(life.start());
        life.append_group({100, 200, 300});
        disk.fail_syncs(syncs);
        life.append_group({1'000, 200, 300, 5'000, 3'000});
        acked = book.acked();
        EXPECT_LT(acked, 8U);
        disk.fail_syncs(0);
        life.append_group({400, 500});
        disk.fail_syncs(syncs);
        life.append_group({7'000, 7'000, 7'000});
        disk.fail_syncs(0);
        life.append_group({400, 500});
        EXPECT_GE(book.acked(), acked + 4) << "appends do not work again";
        EXPECT_THAT(life.metrics(), testing::Not(testing::HasSubstr("wal_errors_total 0")));
      }
      disk.restart(unsynced);
      Life life(disk, kOptions, book);
      ASSERT_TRUE(life.start());
      EXPECT_EQ(life.report().damaged_bytes, 0U);
      ASSERT_TRUE(life.append(10));
      life.stop();
      disk.restart(unsynced);
      Life last(disk, kOptions, book);
      ASSERT_TRUE(last.start());
      EXPECT_EQ(last.report().damaged_bytes, 0U);
    }
  }
}

TEST(WalCrash, AFullDiskRefusesAndRecovers) {
  FaultStorage disk;
  Book book;
  {
    Life life(disk, kOptions, book);
    ASSERT_TRUE(life.start());
    ASSERT_TRUE(life.append(6'000));
    disk.set_full(true);
    EXPECT_EQ(life.append(6'000).error().code, Code::limit);
    life.append_group({6'000, 6'000, 6'000});
    EXPECT_EQ(book.acked(), 1U);
    EXPECT_TRUE(life.append(100)) << "what fits into the open segment needs no new one";
    EXPECT_EQ(names(disk).size(), 1U) << "half-made slots are left";
    EXPECT_EQ(life.wal().budget().used(), static_cast<int64_t>(record_bytes(make_record(1, 6'000)) +
                                                               record_bytes(make_record(6, 100))));
    disk.set_full(false);
    EXPECT_TRUE(life.append(6'000));
  }
  disk.restart(Unsynced::dropped);
  Life life(disk, kOptions, book);
  ASSERT_TRUE(life.start());
  EXPECT_EQ(life.report().records, 3U);
  EXPECT_EQ(life.report().damaged_bytes, 0U);
}

}  // namespace
}  // namespace vivace
