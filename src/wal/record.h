// One record of the write-ahead log: a request body as it was received, and the verdict that the
// distributor passed on it, so that replay gives the same spans under any configuration. The bytes
// are drawn in FORMAT.md.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/budget.h"
#include "base/hash.h"
#include "base/result.h"

namespace vivace {

// A place in the log; see FORMAT.md.
using Lsn = uint64_t;

enum class BodyEncoding : uint8_t { identity = 0, gzip = 1 };

constexpr uint16_t kDecoderOtlpProtobuf = 1;

struct WalRecord {
  std::string tenant;
  int64_t receive_time_ns = 0;
  uint32_t attribute_bytes_max = 0;  // 0: no limit
  uint16_t decoder_version = kDecoderOtlpProtobuf;
  BodyEncoding encoding = BodyEncoding::identity;
  std::vector<uint32_t> rejected;  // ordinals of spans that were refused, ascending
  Hash128 body_hash;               // of hash_body
  std::string body;
  Reservation room;  // this record's share of the log; of record_bytes
};

// Identifies a body within a tenant: equal bodies are the same request sent again.
Hash128 hash_body(std::string_view tenant, std::string_view body);

constexpr uint32_t kRecordMagic = 0x43455256;  // "VREC"
constexpr uint64_t kRecordAlignment = 8;
constexpr uint64_t kRecordHeadBytes = 72;  // without tenant and rejected ordinals
constexpr uint64_t kTenantBytesMax = 150;

constexpr uint64_t align_record(uint64_t bytes) {
  return (bytes + kRecordAlignment - 1) / kRecordAlignment * kRecordAlignment;
}

// What a record takes in the log.
uint64_t record_bytes(size_t tenant_bytes, size_t rejected, size_t body_bytes);
inline uint64_t record_bytes(const WalRecord& record) {
  return record_bytes(record.tenant.size(), record.rejected.size(), record.body.size());
}

// The head's bytes, for a record that goes to `lsn`.
std::string encode_record_head(const WalRecord& record, Lsn lsn, uint32_t epoch, Lsn durable_end);

// A head that was read back. `size` is what the whole record takes.
struct RecordHead {
  uint32_t head_bytes = 0;
  uint32_t body_bytes = 0;
  uint32_t epoch = 0;
  Lsn durable_end = 0;
  uint64_t size() const { return align_record(uint64_t{head_bytes} + body_bytes); }
};

// Looks at the first 24 bytes at a place: the sizes if this can be a record with room for `room`
// bytes at most, else Code::corrupt. Nothing is verified yet.
Result<RecordHead> peek_record(std::string_view first_bytes, uint64_t room);
constexpr uint64_t kRecordPeekBytes = 24;

// Verifies head and fills all of `record` but the body. `head` is exactly head_bytes long.
Result<RecordHead> decode_record_head(std::string_view head, Lsn lsn, WalRecord& record);

}  // namespace vivace
