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

constexpr uint16_t kDecoderOtlpProtobuf = 1;

struct WalRecord {
  std::string tenant;
  int64_t receive_time_ns = 0;
  uint32_t attribute_bytes_max = 0;  // 0: no limit
  uint16_t decoder_version = kDecoderOtlpProtobuf;
  uint8_t encoding = 0;            // content encoding of the body, as FORMAT.md numbers them
  std::vector<uint32_t> rejected;  // ordinals of spans that were refused, ascending
  Hash128 body_hash;               // of hash_body
  std::string body;
  // In its place: bytes that belong to what waits for the record, and so outlive its writing.
  std::string_view lent_body = {};
  Reservation room;  // this record's share of the log; of record_bytes

  std::string_view bytes() const { return lent_body.empty() ? body : lent_body; }
};

// Identifies a body within a tenant: equal bodies are the same request sent again.
Hash128 hash_body(std::string_view tenant, std::string_view body);

constexpr uint32_t kRecordMagic = 0x43455256;  // "VREC"
constexpr uint64_t kRecordAlignment = 8;
constexpr uint64_t kRecordHeadBytes = 80;  // without tenant and rejected ordinals
constexpr uint64_t kTenantBytesMax = 150;
constexpr uint64_t kRecordHeadBytesMax = kRecordHeadBytes + kTenantBytesMax;  // without ordinals

constexpr uint64_t align_record(uint64_t bytes) {
  return (bytes + kRecordAlignment - 1) / kRecordAlignment * kRecordAlignment;
}

// What a record takes in the log.
uint64_t record_bytes(size_t tenant_bytes, size_t rejected, size_t body_bytes);
inline uint64_t record_bytes(const WalRecord& record) {
  return record_bytes(record.tenant.size(), record.rejected.size(), record.bytes().size());
}

// The head's bytes, for a record that goes to `lsn`.
std::string encode_record_head(const WalRecord& record, Lsn lsn, uint32_t epoch, Lsn durable_end);

// A head that was read back. `size` is what the whole record takes.
struct RecordHead {
  uint32_t tenant_bytes = 0;
  uint32_t rejected = 0;
  uint32_t body_bytes = 0;
  uint32_t epoch = 0;
  Lsn durable_end = 0;
  uint64_t rejected_hash = 0;
  uint64_t rejected_offset() const { return kRecordHeadBytes + tenant_bytes; }
  uint64_t body_offset() const { return rejected_offset() + 4 * uint64_t{rejected}; }
  uint64_t size() const { return align_record(body_offset() + body_bytes); }
};

// Verifies the head that begins with `bytes` (kRecordHeadBytesMax of them, fewer only where the
// segment ends; what lies behind the head is not looked at), and fills all of `record` but its
// ordinals and its body. Code::corrupt when no record was written to this LSN. Cheap on other bytes
// and bounded on hostile ones: the search for records behind damage calls it at every offset.
Result<RecordHead> decode_record_head(std::string_view bytes, Lsn lsn, WalRecord& record);

// The ordinals that follow it, 4 * head.rejected bytes.
Result<void> decode_rejected(std::string_view bytes, const RecordHead& head, Lsn lsn,
                             WalRecord& record);

}  // namespace vivace
