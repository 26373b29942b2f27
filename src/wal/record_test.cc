// A record's bytes: what goes in comes out, and no changed bit gets through.
#include <random>

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "wal/test_log.h"

namespace vivace {
namespace {

constexpr Lsn kLsn = 0x12345678;

// The whole record as it lies in the log, and its reading, as the log does both.
std::string encode(const WalRecord& record, Lsn lsn, uint32_t epoch = 3, Lsn durable_end = 64) {
  std::string bytes = encode_record_head(record, lsn, epoch, durable_end) + record.body;
  bytes.resize(record_bytes(record));
  return bytes;
}

Result<RecordHead> decode(std::string_view bytes, Lsn lsn, WalRecord& record) {
  const RecordHead head =
      TRY(decode_record_head(bytes.substr(0, kRecordHeadBytesMax), lsn, record));
  if (head.size() > bytes.size()) return fail(Code::corrupt, "cut");
  CHECK_OK(decode_rejected(bytes.substr(head.rejected_offset(), 4 * size_t{head.rejected}), head,
                           lsn, record));
  record.body = bytes.substr(head.body_offset(), head.body_bytes);
  if (!(hash_body(record.tenant, record.body) == record.body_hash)) {
    return fail(Code::corrupt, "body");
  }
  return head;
}

TEST(Record, ComesBackAsItWas) {
  const uint64_t seed = 20'260'101;
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 2'000; ++i) {
    WalRecord record = make_record(random(), random() % 3'000);
    record.tenant = std::string(static_cast<size_t>(i) % (kTenantBytesMax + 1), 't');
    record.rejected.resize(random() % 4 == 0 ? random() % 2'000 : random() % 3);
    for (auto& ordinal : record.rejected) ordinal = static_cast<uint32_t>(random());
    record.decoder_version = static_cast<uint16_t>(random());
    record.body_hash = hash_body(record.tenant, record.body);
    const Lsn lsn = random() / 8 * 8;
    const Lsn durable_end = random();
    const auto epoch = static_cast<uint32_t>(random());
    const std::string bytes = encode(record, lsn, epoch, durable_end);
    EXPECT_EQ(bytes.size() % kRecordAlignment, 0U);

    WalRecord back;
    const auto head = decode(bytes, lsn, back);
    ASSERT_TRUE(head) << head.error().message;
    EXPECT_TRUE(same_record(record, back));
    EXPECT_EQ(head->size(), bytes.size());
    EXPECT_EQ(head->epoch, epoch);
    EXPECT_EQ(head->durable_end, durable_end);
  }
}

TEST(Record, NoChangedBitGetsThrough) {
  for (const uint64_t number : {1, 2, 3, 4, 5}) {
    const WalRecord record = make_record(number, 40 + number);
    std::string bytes = encode(record, kLsn);
    const size_t used = encode_record_head(record, kLsn, 3, 64).size() + record.body.size();
    for (size_t bit = 0; bit < used * 8; ++bit) {
      bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
      WalRecord back;
      EXPECT_FALSE(decode(bytes, kLsn, back)) << "bit " << bit;
      bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
    }
  }
}

TEST(Record, IsBoundToItsPlace) {
  const std::string bytes = encode(make_record(1, 100), kLsn);
  WalRecord back;
  EXPECT_TRUE(decode(bytes, kLsn, back));
  for (Lsn other = 0; other < 4'096; other += 8) {
    EXPECT_FALSE(decode(bytes, kLsn + 8 + other, back));
    EXPECT_FALSE(decode(bytes, kLsn - 8 - other, back));
  }
  EXPECT_FALSE(decode(bytes, kLsn + (Lsn{1} << 40), back));
}

TEST(Record, IsBoundToItsTenant) {
  EXPECT_FALSE(hash_body("a", "body") == hash_body("b", "body"));
  EXPECT_FALSE(hash_body("", "body") == hash_body("b", "body"));
}

TEST(Record, ShorterBytesAreRefused) {
  const std::string bytes = encode(make_record(7, 64), kLsn);
  for (size_t cut = 0; cut < bytes.size() - kRecordAlignment; ++cut) {
    WalRecord back;
    EXPECT_FALSE(decode(std::string_view(bytes).substr(0, cut), kLsn, back)) << cut;
  }
}

TEST(Record, GarbageIsRefused) {
  const uint64_t seed = 5;
  std::mt19937_64 random(seed);
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes(random() % 300, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    if (bytes.size() >= 4) store(bytes.data(), kRecordMagic);
    WalRecord back;
    EXPECT_FALSE(decode(bytes, kLsn, back));
  }
}

}  // namespace
}  // namespace vivace
