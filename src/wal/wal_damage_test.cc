// The log on a disk that changes what it holds: each byte in turn, sectors, whole segments. What
// was hit is missing and reported, all else is there, and the damaged file stays as it is.
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/bytes.h"
#include "wal/test_log.h"

namespace vivace {
namespace {

using Files = std::map<std::string, std::string>;

constexpr uint64_t kSegment = 4'096;
const WalOptions kOptions{.folder = kFolder, .segment_bytes = kSegment, .bytes_max = 1 << 20};

struct Written {
  uint64_t number;
  Lsn lsn;
  uint64_t used;   // bytes that count
  uint64_t bytes;  // with padding
};

// A log of three segments, most records synced alone, the last three with one sync.
struct Log {
  Files files;
  std::vector<Written> records;
  Lsn last_group = 0;

  Lsn base_of(const std::string& path) const { return load<uint64_t>(files.at(path).data() + 8); }
  // The record that has a byte at this LSN; null for unused bytes.
  const Written* at(Lsn lsn) const {
    for (const Written& record : records) {
      if (lsn >= record.lsn && lsn < record.lsn + record.used) return &record;
    }
    return nullptr;
  }
};

Log make_log() {
  FaultStorage disk;
  Book book;
  Life life(disk, kOptions, book);
  EXPECT_TRUE(life.start());
  for (size_t i = 0; i < 22; ++i) EXPECT_TRUE(life.append(200 + i * 61 % 300));
  life.append_group({100, 150, 131, 90});
  Log log;
  for (const std::string& name : names(disk)) {
    const std::string path = std::string(kFolder) + "/" + name;
    log.files[path] = disk.durable(path);
  }
  for (const auto& [number, entry] : book.entries()) {
    const WalRecord record = make_record(number, entry.body_bytes);
    log.records.push_back({number, entry.lsn,
                           encode_record_head(record, 0, 0, 0).size() + record.body.size(),
                           record_bytes(record)});
  }
  log.last_group = log.records[log.records.size() - 3].lsn;
  EXPECT_EQ(log.files.size(), 3U);
  EXPECT_GT(log.records[log.records.size() - 4].lsn, 2 * kSegment);
  return log;
}

struct Found {
  std::vector<uint64_t> numbers;
  uint64_t damaged_bytes = 0;
};

// One start of a process on the disk, which appends one record if it has a number.
Result<Found> restart(FaultStorage& disk, const Log& log, uint64_t appended) {
  disk.restart(FaultStorage::Unsynced::dropped);
  Metrics metrics;
  auto wal = TRY(Wal::open(disk, kOptions, metrics));
  Found found;
  const auto report = TRY(wal->replay(0, [&](const WalRecord& record, Lsn lsn) {
    const auto number = static_cast<uint64_t>(record.receive_time_ns);
    found.numbers.push_back(number);
    EXPECT_TRUE(same_record(record, make_record(number, record.body.size())));
    if (number <= log.records.size()) {
      EXPECT_EQ(lsn, log.records[number - 1].lsn);
    }
    return Result<void>();
  }));
  found.damaged_bytes = report.damaged_bytes;
  if (appended == 0) return found;
  wal->start();
  Event told;
  wal->append(make_record(appended, 50), [&](const Result<Lsn>& lsn) {
    EXPECT_TRUE(lsn);
    told.set();
  });
  told.wait();
  return found;
}

std::vector<uint64_t> all_but(const Log& log, const std::function<bool(const Written&)>& lost) {
  std::vector<uint64_t> out;
  for (const Written& record : log.records) {
    if (!lost(record)) out.push_back(record.number);
  }
  return out;
}

// Puts the files there, starts, and checks what comes back and what is said about it; appends one
// record and starts again.
void expect_back(const Log& log, const Files& files, std::vector<uint64_t> numbers, bool reported,
                 bool again = true) {
  FaultStorage disk;
  for (const auto& [path, bytes] : files) disk.set_durable(path, bytes);
  for (const uint64_t appended : {1'001, 0}) {
    const auto found = restart(disk, log, again ? appended : 0);
    ASSERT_TRUE(found) << found.error().message;
    EXPECT_EQ(found->numbers, numbers);
    EXPECT_EQ(found->damaged_bytes > 0, reported);
    numbers.push_back(appended);
    if (!again) return;
  }
}

TEST(WalDamage, TheLogIsWholeToBeginWith) {
  const Log log = make_log();
  expect_back(log, log.files, all_but(log, [](auto&) { return false; }), false);
}

// What nothing vouches for looks like the torn tail of a write that was never acknowledged: the
// records of the last group, because the sync that made them durable left no trace behind it.
TEST(WalDamage, EveryByteInTurn) {
  const Log log = make_log();
  for (const auto& [path, image] : log.files) {
    for (uint64_t i = 0; i < image.size(); i += kSampled ? 5 : 1) {
      SCOPED_TRACE(fmt::format("{} byte {}", path, i));
      Files files = log.files;
      files[path][i] = static_cast<char>(image[i] ^ (1 << (i % 8)));
      const Lsn lsn = log.base_of(path) + i;
      const Written* hit = i < kSegmentHeaderBytes ? nullptr : log.at(lsn);
      const bool in_last_group = hit != nullptr && hit->lsn >= log.last_group;
      const auto lost = [&](const Written& record) {
        return in_last_group ? record.lsn >= hit->lsn : &record == hit;
      };
      const bool in_header = i < 40;  // the rest of it is not used
      expect_back(log, files, all_but(log, lost), in_header || (hit != nullptr && !in_last_group),
                  i % 16 == 3);
      ASSERT_FALSE(testing::Test::HasFailure());
    }
  }
}

// Of the segment in the middle; what its neighbours say of it is known from the test above.
TEST(WalDamage, EveryBitOfASegment) {
  const Log log = make_log();
  const auto& [path, image] = *std::next(log.files.begin());
  size_t reported = 0;
  for (uint64_t bit = 0; bit < image.size() * 8; bit += kSampled ? 41 : 1) {
    SCOPED_TRACE(fmt::format("bit {} of byte {}", bit % 8, bit / 8));
    const uint64_t at = bit / 8;
    Files files = log.files;
    files[path][at] = static_cast<char>(image[at] ^ (1 << (bit % 8)));
    const Written* hit = at < kSegmentHeaderBytes ? nullptr : log.at(log.base_of(path) + at);
    const bool matters = at < 40 || hit != nullptr;
    reported += matters ? 1 : 0;
    expect_back(log, files, all_but(log, [&](const Written& record) { return &record == hit; }),
                matters, false);
    ASSERT_FALSE(testing::Test::HasFailure());
  }
  fmt::print("{} bits flipped, {} of them damage that was reported\n", image.size() * 8, reported);
}

TEST(WalDamage, TheFirstSectorOfASegment) {
  const Log log = make_log();
  for (const auto& [path, image] : log.files) {
    for (const char fill : {'\0', 'x'}) {
      SCOPED_TRACE(path);
      Files files = log.files;
      files[path].replace(0, 512, 512, fill);
      const Lsn base = log.base_of(path);
      const auto lost = [&](const Written& record) {
        return record.lsn >= base && record.lsn < base + 512;
      };
      expect_back(log, files, all_but(log, lost), true);
    }
  }
}

TEST(WalDamage, AWholeSegment) {
  const Log log = make_log();
  const std::string last = log.files.rbegin()->first;
  for (const auto& [path, image] : log.files) {
    SCOPED_TRACE(path);
    const Lsn base = log.base_of(path);
    const auto lost = [&](const Written& record) {
      return record.lsn >= base && record.lsn < base + kSegment;
    };
    Files files = log.files;
    if (path != last) {
      files[path] = std::string(kSegment, 'x');
      expect_back(log, files, all_but(log, lost), true);
    }
    // Nothing tells that there was a segment behind the last one.
    files[path] = std::string(kSegment, '\0');
    expect_back(log, files, all_but(log, lost), path != last);
    files.erase(path);
    expect_back(log, files, all_but(log, lost), path != last);
  }
}

// No other segment misses it, so it is reported once, by the start that puts it aside.
TEST(WalDamage, TheLastSegmentBeyondRecognition) {
  const Log log = make_log();
  FaultStorage disk;
  for (const auto& [path, bytes] : log.files) disk.set_durable(path, bytes);
  const std::string garbage(kSegment, 'x');
  disk.set_durable(slot_path(3), garbage);
  auto found = restart(disk, log, 1'001);
  ASSERT_TRUE(found);
  EXPECT_GT(found->damaged_bytes, 0U);
  auto numbers = all_but(log, [](const Written& record) { return record.lsn >= 2 * kSegment; });
  EXPECT_EQ(found->numbers, numbers);
  found = restart(disk, log, 1'002);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->damaged_bytes, 0U);
  numbers.push_back(1'001);
  EXPECT_EQ(found->numbers, numbers);
  EXPECT_EQ(disk.durable(std::string(kFolder) + "/wal-000003.damaged"), garbage);
}

TEST(WalDamage, ASegmentThatIsCutShort) {
  const Log log = make_log();
  for (const auto& [path, image] : log.files) {
    const Lsn base = log.base_of(path);
    for (uint64_t kept = kSegmentHeaderBytes; kept < image.size(); kept += kSampled ? 64 : 8) {
      SCOPED_TRACE(fmt::format("{} cut at {}", path, kept));
      Files files = log.files;
      files[path].resize(kept);
      const auto lost = [&](const Written& record) {
        return record.lsn + record.bytes > base + kept && record.lsn < base + kSegment &&
               record.lsn >= base;
      };
      expect_back(log, files, all_but(log, lost), true);
      ASSERT_FALSE(testing::Test::HasFailure());
    }
  }
}

TEST(WalDamage, ManyPlacesAtOnce) {
  const Log log = make_log();
  const uint64_t seed = 4'711;
  std::mt19937_64 random(seed);
  const auto last_base = log.base_of(log.files.rbegin()->first);
  for (int round = 0; round < (kSampled ? 100 : 1'000); ++round) {
    SCOPED_TRACE(fmt::format("seed {}, round {}", seed, round));
    FaultStorage disk;
    for (auto [path, bytes] : log.files) {
      for (uint64_t hits = random() % 8; hits > 0; --hits) {
        const size_t at = random() % bytes.size();
        const size_t size = std::min<size_t>(1 + random() % 600, bytes.size() - at);
        for (size_t i = at; i < at + size; ++i) bytes[i] = static_cast<char>(random());
      }
      disk.set_durable(path, bytes);
    }
    const auto found = restart(disk, log, 1'001);
    if (!found && found.error().code == Code::unimplemented) continue;  // by chance
    ASSERT_TRUE(found) << found.error().message;
    EXPECT_TRUE(std::ranges::is_sorted(found->numbers));
    const auto lost = [&](const Written& record) {
      return record.lsn < last_base && !std::ranges::binary_search(found->numbers, record.number);
    };
    EXPECT_TRUE(std::ranges::none_of(log.records, lost) || found->damaged_bytes > 0);
    auto numbers = found->numbers;
    numbers.push_back(1'001);
    const auto again = restart(disk, log, 1'002);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->numbers, numbers);
    ASSERT_FALSE(testing::Test::HasFailure());
  }
}

// A later group vouches for the damaged one as a whole: of that, only what was hit is lost.
TEST(WalDamage, TheRestOfADamagedGroupInTheLastSegment) {
  FaultStorage disk;
  std::vector<Lsn> places;
  for (const std::vector<uint64_t>& group : {std::vector<uint64_t>{1, 2, 3}, {4}}) {
    Metrics metrics;
    auto wal = Wal::open(disk, kOptions, metrics).value();
    ASSERT_TRUE(wal->replay(0, [](const WalRecord&, Lsn) { return Result<void>(); }));
    for (const uint64_t number : group) {  // what waits for the writer is one group
      wal->append(make_record(number, 50), [&](Result<Lsn> lsn) { places.push_back(*lsn); });
    }
    wal->start();
  }
  ASSERT_EQ(places.size(), 4U);
  const std::string path = std::string(kFolder) + "/wal-000001.seg";
  std::string bytes = disk.durable(path);
  bytes[places[1] - 1 - 8] ^= 1;  // the end of the first record's body
  disk.set_durable(path, bytes);
  const auto found = restart(disk, Log(), 0);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_THAT(found->numbers, testing::ElementsAre(2, 3, 4));
  EXPECT_GT(found->damaged_bytes, 0U);
}

TEST(WalDamage, DamagedFilesAreKeptForEver) {
  const Log log = make_log();
  for (const auto& [path, image] : log.files) {
    if (log.base_of(path) == 2 * kSegment) continue;  // its tail need not be noticed
    for (const size_t at : {size_t{9}, size_t{200}, kSegment - 1'500}) {
      SCOPED_TRACE(fmt::format("{} byte {}", path, at));
      FaultStorage disk;
      for (const auto& [name, bytes] : log.files) disk.set_durable(name, bytes);
      std::string damaged = image;
      damaged[at] ^= 0x10;
      disk.set_durable(path, damaged);
      Lsn from = 0;
      for (int start = 0; start < 3; ++start) {
        Metrics metrics;
        auto wal = Wal::open(disk, kOptions, metrics).value();
        ASSERT_TRUE(wal->replay(from, [](const WalRecord&, Lsn) { return Result<void>(); }));
        wal->start();
        for (uint64_t i = 0; i < 60; ++i) {
          Event told;
          wal->append(make_record(i, 700), [&](const Result<Lsn>& lsn) {
            from = lsn.value();
            told.set();
          });
          told.wait();
          wal->release(from);
        }
        EXPECT_LE(names(disk).size(), 6U);
      }
      const std::string kept = path.substr(0, path.size() - 4) + ".damaged";
      EXPECT_EQ(disk.durable(kept), damaged);
    }
  }
}

// Bodies may hold anything, also what looks like heads; looking for records among them must not
// cost a checksum of megabytes at every eighth byte.
TEST(WalDamage, BodiesThatLookLikeHeads) {
  FaultStorage disk;
  WalOptions options = kOptions;
  options.bytes_max = 64 << 20;
  WalRecord hostile;
  for (uint32_t i = 0; i < (2 << 20); ++i) append_le(hostile.body, kRecordMagic);
  hostile.body_hash = hash_body("", hostile.body);
  const auto head = encode_record_head(hostile, kSegmentHeaderBytes, 1, kSegmentHeaderBytes);
  std::string image = encode_segment_header({.base = 0, .capacity = 16 << 20});
  image += head + hostile.body;
  image[image.size() - 1] ^= 1;
  image.resize(16 << 20);
  disk.set_durable(slot_path(1), image);
  image.replace(0, kSegmentHeaderBytes, kSegmentHeaderBytes, 'x');
  disk.set_durable(slot_path(2), image);
  Metrics metrics;
  auto wal = Wal::open(disk, options, metrics).value();
  const auto report = wal->replay(0, [](const WalRecord&, Lsn) { return Result<void>(); });
  ASSERT_TRUE(report);
  EXPECT_EQ(report->records, 0U);
}

}  // namespace
}  // namespace vivace
