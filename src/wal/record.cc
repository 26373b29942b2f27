// The record's head, byte by byte as FORMAT.md draws it. Encoding and decoding stand side by side,
// so that a change to one is seen beside the other.
#include "wal/record.h"

#include "base/bytes.h"

namespace vivace {
namespace {

constexpr uint64_t kChecksumOffset = 16;
constexpr uint64_t kCheckedOffset = 24;

// `head` ends with the tenant.
uint64_t head_checksum(std::string_view head, Lsn lsn) {
  return hash64(head.substr(kCheckedOffset), hash64(head.substr(0, kChecksumOffset), lsn));
}

std::string_view bytes_of(const std::vector<uint32_t>& ordinals) {
  return {reinterpret_cast<const char*>(ordinals.data()), 4 * ordinals.size()};
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
  ASSERT(record.bytes().size() <= UINT32_MAX);
  const auto head_bytes =
      static_cast<uint32_t>(kRecordHeadBytes + record.tenant.size() + 4 * record.rejected.size());
  std::string head;
  head.reserve(head_bytes);
  append_le<uint32_t>(head, kRecordMagic);
  append_le<uint32_t>(head, head_bytes);
  append_le<uint32_t>(head, static_cast<uint32_t>(record.bytes().size()));
  append_le<uint32_t>(head, epoch);
  append_le<uint64_t>(head, 0);  // the checksum's place
  append_le<uint64_t>(head, durable_end);
  append_le<int64_t>(head, record.receive_time_ns);
  append_le<uint64_t>(head, record.body_hash.low);
  append_le<uint64_t>(head, record.body_hash.high);
  append_le<uint32_t>(head, record.attribute_bytes_max);
  append_le<uint16_t>(head, record.decoder_version);
  append_le<uint8_t>(head, record.encoding);
  append_le<uint8_t>(head, 0);
  append_le<uint16_t>(head, static_cast<uint16_t>(record.tenant.size()));
  append_le<uint16_t>(head, 0);
  append_le<uint32_t>(head, static_cast<uint32_t>(record.rejected.size()));
  append_le<uint64_t>(head, hash64(bytes_of(record.rejected), lsn));
  head += record.tenant;
  store(head.data() + kChecksumOffset, head_checksum(head, lsn));
  head += bytes_of(record.rejected);
  ASSERT(head.size() == head_bytes);
  return head;
}

Result<RecordHead> decode_record_head(std::string_view bytes, Lsn lsn, WalRecord& record) {
  const char* const at = bytes.data();
  if (bytes.size() < kRecordHeadBytes || load<uint32_t>(at) != kRecordMagic) {
    return fail(Code::corrupt, "no record begins here");
  }
  const RecordHead head{.tenant_bytes = load<uint16_t>(at + 64),
                        .rejected = load<uint32_t>(at + 68),
                        .body_bytes = load<uint32_t>(at + 8),
                        .epoch = load<uint32_t>(at + 12),
                        .durable_end = load<uint64_t>(at + 24),
                        .rejected_hash = load<uint64_t>(at + 72)};
  if (head.tenant_bytes > kTenantBytesMax || head.rejected_offset() > bytes.size() ||
      head.body_offset() != load<uint32_t>(at + 4)) {
    return fail(Code::corrupt, "the record's sizes do not fit");
  }
  if (load<uint64_t>(at + kChecksumOffset) !=
      head_checksum(bytes.substr(0, head.rejected_offset()), lsn)) {
    return fail(Code::corrupt, "the record's head does not match its checksum");
  }
  record.receive_time_ns = load<int64_t>(at + 32);
  record.body_hash = {load<uint64_t>(at + 40), load<uint64_t>(at + 48)};
  record.attribute_bytes_max = load<uint32_t>(at + 56);
  record.decoder_version = load<uint16_t>(at + 60);
  record.encoding = load<uint8_t>(at + 62);
  record.tenant = bytes.substr(kRecordHeadBytes, head.tenant_bytes);
  return head;
}

Result<void> decode_rejected(std::string_view bytes, const RecordHead& head, Lsn lsn,
                             WalRecord& record) {
  if (bytes.size() != 4 * uint64_t{head.rejected} || hash64(bytes, lsn) != head.rejected_hash) {
    return fail(Code::corrupt, "the record's rejected ordinals do not match their checksum");
  }
  record.rejected.resize(head.rejected);
  if (!bytes.empty()) std::memcpy(record.rejected.data(), bytes.data(), bytes.size());
  return {};
}

}  // namespace vivace
