// The record's head, byte by byte as FORMAT.md draws it.
#include "wal/record.h"

#include "base/bytes.h"

namespace vivace {
namespace {

constexpr uint64_t kChecksumOffset = 16;
constexpr uint64_t kCheckedOffset = 24;

uint64_t head_checksum(std::string_view head, Lsn lsn) {
  return hash64(head.substr(kCheckedOffset), hash64(head.substr(0, kChecksumOffset), lsn));
}

}  // namespace

Hash128 hash_body(std::string_view tenant, std::string_view body) {
  return hash128(body, hash64(tenant));
}

uint64_t record_bytes(size_t tenant_bytes, size_t rejected, size_t body_bytes) {
  return align_record(kRecordHeadBytes + tenant_bytes + 4 * rejected + body_bytes);
}

std::string encode_record_head(const WalRecord& record, Lsn lsn, uint32_t epoch, Lsn durable_end) {
  ASSERT(record.tenant.size() <= kTenantBytesMax);
  const auto head_bytes =
      static_cast<uint32_t>(kRecordHeadBytes + record.tenant.size() + 4 * record.rejected.size());
  std::string head;
  head.reserve(head_bytes);
  append_le<uint32_t>(head, kRecordMagic);
  append_le<uint32_t>(head, head_bytes);
  append_le<uint32_t>(head, static_cast<uint32_t>(record.body.size()));
  append_le<uint32_t>(head, epoch);
  append_le<uint64_t>(head, 0);  // the checksum's place
  append_le<uint64_t>(head, durable_end);
  append_le<int64_t>(head, record.receive_time_ns);
  append_le<uint64_t>(head, record.body_hash.low);
  append_le<uint64_t>(head, record.body_hash.high);
  append_le<uint32_t>(head, record.attribute_bytes_max);
  append_le<uint16_t>(head, record.decoder_version);
  append_le<uint8_t>(head, static_cast<uint8_t>(record.encoding));
  append_le<uint8_t>(head, 0);
  append_le<uint16_t>(head, static_cast<uint16_t>(record.tenant.size()));
  append_le<uint16_t>(head, 0);
  append_le<uint32_t>(head, static_cast<uint32_t>(record.rejected.size()));
  head += record.tenant;
  for (const uint32_t ordinal : record.rejected) append_le(head, ordinal);
  ASSERT(head.size() == head_bytes);
  store(head.data() + kChecksumOffset, head_checksum(head, lsn));
  return head;
}

Result<RecordHead> peek_record(std::string_view first_bytes, uint64_t room) {
  if (first_bytes.size() < kRecordPeekBytes || load<uint32_t>(first_bytes.data()) != kRecordMagic) {
    return fail(Code::corrupt, "no record begins here");
  }
  RecordHead head{.head_bytes = load<uint32_t>(first_bytes.data() + 4),
                  .body_bytes = load<uint32_t>(first_bytes.data() + 8),
                  .epoch = load<uint32_t>(first_bytes.data() + 12)};
  if (head.head_bytes < kRecordHeadBytes || head.size() > room) {
    return fail(Code::corrupt, "the record's sizes do not fit");
  }
  return head;
}

Result<RecordHead> decode_record_head(std::string_view head, Lsn lsn, WalRecord& record) {
  RecordHead out = TRY(peek_record(head, UINT64_MAX));
  if (head.size() != out.head_bytes ||
      load<uint64_t>(head.data() + kChecksumOffset) != head_checksum(head, lsn)) {
    return fail(Code::corrupt, "the record's head does not match its checksum");
  }
  const size_t tenant_bytes = load<uint16_t>(head.data() + 64);
  const size_t rejected = load<uint32_t>(head.data() + 68);
  if (kRecordHeadBytes + tenant_bytes + 4 * rejected != head.size()) {
    return fail(Code::corrupt, "the record's head has the wrong length");
  }
  out.durable_end = load<uint64_t>(head.data() + 24);
  record.receive_time_ns = load<int64_t>(head.data() + 32);
  record.body_hash = {load<uint64_t>(head.data() + 40), load<uint64_t>(head.data() + 48)};
  record.attribute_bytes_max = load<uint32_t>(head.data() + 56);
  record.decoder_version = load<uint16_t>(head.data() + 60);
  record.encoding = static_cast<BodyEncoding>(load<uint8_t>(head.data() + 62));
  record.tenant = head.substr(kRecordHeadBytes, tenant_bytes);
  record.rejected.resize(rejected);
  if (rejected > 0) {
    std::memcpy(record.rejected.data(), head.data() + kRecordHeadBytes + tenant_bytes,
                4 * rejected);
  }
  return out;
}

}  // namespace vivace
