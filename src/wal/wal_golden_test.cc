// A segment that an earlier program wrote says today what it said then. tests/golden/wal_01 was
// written by version 1 of the format, in two lives of a log; it is made by
//
//   VIVACE_WRITE_GOLDEN=1 build/release/wal_test --gtest_filter='WalGolden.*'
//
// which is right only for as long as no released program has written the version.
#include <gmock/gmock.h>

#include "base/bytes.h"
#include "base/testing/golden.h"
#include "wal/test_log.h"

namespace vivace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr uint64_t kSegment = 4 << 10;
const WalOptions kOptions{.folder = kFolder, .segment_bytes = kSegment, .bytes_max = 1 << 20};

WalRecord record_of(const std::string& tenant, const std::string& body) {
  WalRecord out;
  out.tenant = tenant;
  out.body = body;
  out.body_hash = hash_body(tenant, body);
  return out;
}

// Nearly a segment, so that the others are in the next one.
WalRecord filler() { return record_of("filler", std::string(3'900, 'f')); }

std::vector<WalRecord> golden_records() {
  WalRecord plain = record_of("single-tenant", "a body as it was received");
  plain.receive_time_ns = 1'790'000'000'000'000'001;
  plain.attribute_bytes_max = 2'048;

  std::string every_byte;
  for (int byte = 0; byte < 256; ++byte) every_byte.push_back(static_cast<char>(byte));
  WalRecord packed = record_of("a!-_.*'()b", every_byte);
  packed.receive_time_ns = -5;
  packed.encoding = 1;
  packed.rejected = {0, 7, 4'000'000'000};

  WalRecord empty = record_of("", "");
  empty.receive_time_ns = 1'790'000'000'000'000'002;
  empty.encoding = 7;

  std::vector<WalRecord> out;
  out.push_back(std::move(plain));
  out.push_back(std::move(packed));
  out.push_back(std::move(empty));
  return out;
}

std::unique_ptr<Wal> open(Storage& disk, Metrics& metrics) {
  auto wal = Wal::open(disk, kOptions, metrics);
  EXPECT_TRUE(wal) << wal.error().message;
  return wal ? std::move(*wal) : nullptr;
}

// What is appended before `start` makes one group.
void append(Wal& wal, WalRecord record) {
  auto room = wal.try_reserve(record_bytes(record));
  ASSERT_TRUE(room);
  record.room = std::move(*room);
  wal.append(std::move(record), [](const Result<Lsn>& lsn) { EXPECT_TRUE(lsn); });
}

// One record of the segment is of a first life, the others are one group of a second.
std::string write_golden_segment() {
  FaultStorage disk;
  std::vector<WalRecord> records = golden_records();
  const auto live = [&](std::vector<WalRecord> appended) {
    Metrics metrics;
    const auto wal = open(disk, metrics);
    ASSERT_TRUE(wal->replay(0, [](const WalRecord&, Lsn) { return Result<void>(); }));
    for (WalRecord& record : appended) append(*wal, std::move(record));
    wal->start();
    wal->stop();
  };
  std::vector<WalRecord> first;
  first.push_back(filler());
  first.push_back(std::move(records[0]));
  live(std::move(first));
  records.erase(records.begin());
  live(std::move(records));
  return disk.durable(slot_path(2));
}

struct Replayed {
  std::vector<WalRecord> records;
  std::vector<Lsn> lsns;
  ReplayReport report;
};

Replayed replay(Wal& wal, Lsn from) {
  Replayed out;
  const auto report = wal.replay(from, [&](WalRecord record, Lsn lsn) {
    out.records.push_back(std::move(record));
    out.lsns.push_back(lsn);
    return Result<void>();
  });
  EXPECT_TRUE(report);
  if (report) out.report = *report;
  return out;
}

TEST(WalGolden, OfVersionOneSaysWhatItSaid) {
  if (golden::is_to_be_written()) golden::write("wal_01", write_golden_segment());
  FaultStorage disk;
  disk.set_durable(slot_path(2), golden::read("wal_01"));
  const auto file = disk.open(slot_path(2), Storage::Open::existing);
  ASSERT_TRUE(file);
  const auto reading = read_segment_header(**file);
  ASSERT_TRUE(reading && reading->header);
  EXPECT_FALSE(reading->damaged);
  EXPECT_EQ(reading->header->base, 4'096U);
  EXPECT_EQ(reading->header->capacity, 4'096U);
  EXPECT_EQ(reading->header->previous_end, 4'056U);
  const auto scan =
      scan_segment(**file, *reading->header, {}, [](auto, auto) { return Result<void>(); });
  ASSERT_TRUE(scan);
  EXPECT_EQ(scan->epoch, 2U);

  Metrics metrics;
  const auto wal = open(disk, metrics);
  const Replayed got = replay(*wal, reading->header->previous_end);
  const std::vector<WalRecord> said = golden_records();
  ASSERT_EQ(got.records.size(), said.size());
  for (size_t i = 0; i < said.size(); ++i) EXPECT_TRUE(same_record(got.records[i], said[i])) << i;
  EXPECT_THAT(got.lsns, ElementsAre(4'160, 4'280, 4'640));
  EXPECT_EQ(got.report.end, 4'720U);
  EXPECT_EQ(got.report.damaged_bytes, 0U);
}

TEST(WalGolden, TheLogOfVersionOneGoesOn) {
  FaultStorage disk;
  disk.set_durable(slot_path(2), golden::read("wal_01"));
  {
    Metrics metrics;
    const auto wal = open(disk, metrics);
    replay(*wal, 4'096);
    append(*wal, filler());
    append(*wal, record_of("behind it", "new"));
    wal->start();
    wal->stop();
  }
  Metrics metrics;
  const auto wal = open(disk, metrics);
  const Replayed got = replay(*wal, 4'096);
  ASSERT_EQ(got.records.size(), golden_records().size() + 2);
  EXPECT_EQ(got.records.back().body, "new");
  EXPECT_EQ(got.report.damaged_bytes, 0U);
}

TEST(WalGolden, OfANewerVersionIsRefusedByName) {
  std::string image = golden::read("wal_01");
  ASSERT_EQ(image.size(), kSegment);
  image.replace(6, 2, "02");
  store(image.data() + 32, hash64({image.data(), 32}));
  FaultStorage disk;
  disk.set_durable(slot_path(2), image);
  Metrics metrics;
  const auto wal = Wal::open(disk, kOptions, metrics);
  ASSERT_FALSE(wal);
  EXPECT_EQ(wal.error().code, Code::unimplemented);
  EXPECT_THAT(wal.error().message, HasSubstr(slot_path(2)));
  EXPECT_THAT(wal.error().message, HasSubstr("log format version 02 is newer than this program"));
  EXPECT_EQ(disk.durable(slot_path(2)), image);
}

}  // namespace
}  // namespace vivace
