// Reads segments back. All offsets are file offsets; LSN = base + offset.
#include "wal/segment.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/bytes.h"
#include "base/log.h"

namespace vivace {
namespace {

constexpr std::string_view kMagic = "VIVWAL01";
constexpr size_t kMagicFamilyBytes = 6;  // "VIVWAL"

Result<std::string> read_at(const File& file, uint64_t offset, uint64_t bytes) {
  std::string out;
  resize_uninitialized(out, bytes);
  const ReadRange range{offset, out};
  CHECK_OK(file.read({&range, 1}));
  return out;
}

class Scanner {
 public:
  Scanner(const File& file, const SegmentHeader& header, const ScanBounds& bounds)
      : file_(file), header_(header), bounds_(bounds), epoch_(bounds.epoch) {}

  Result<SegmentScan> run(const RecordVisitor& visit) {
    uint64_t offset = kSegmentHeaderBytes;
    while (!bounds_.expected_end || header_.base + offset < *bounds_.expected_end) {
      WalRecord record;
      auto head = read_record(offset, record);
      if (!head) {
        if (head.error().code == Code::io) return std::unexpected(std::move(head).error());
        const auto next = TRY(after_damage(offset));
        if (!next) break;
        offset = *next;
        continue;
      }
      epoch_ = head->epoch;
      const Lsn lsn = header_.base + offset;
      offset += head->size();
      if (lsn < bounds_.from) continue;
      ++out_.records;
      CHECK_OK(visit(std::move(record), lsn));
    }
    out_.end = header_.base + offset;
    out_.epoch = epoch_;
    return out_;
  }

 private:
  // The whole record at an offset, verified; Code::corrupt when there is none.
  Result<RecordHead> read_record(uint64_t offset, WalRecord& record) {
    auto head = TRY(read_head(offset, record));
    record.body = TRY(read_at(file_, offset + head.head_bytes, head.body_bytes));
    if (!(hash_body(record.tenant, record.body) == record.body_hash)) {
      return fail(Code::corrupt, "the record's body does not match its hash");
    }
    return head;
  }

  Result<RecordHead> read_head(uint64_t offset, WalRecord& record) {
    if (offset + kRecordHeadBytes > header_.capacity) return fail(Code::corrupt, "end of segment");
    const std::string first = TRY(read_at(file_, offset, kRecordPeekBytes));
    const RecordHead peeked = TRY(peek_record(first, header_.capacity - offset));
    const std::string bytes = TRY(read_at(file_, offset, peeked.head_bytes));
    auto head = TRY(decode_record_head(bytes, header_.base + offset, record));
    if (head.epoch < epoch_) return fail(Code::corrupt, "left over from a torn write");
    return head;
  }

  // Where reading goes on after a bad place that had been synced; empty at a torn tail.
  Result<std::optional<uint64_t>> after_damage(uint64_t offset) {
    const Lsn bad = header_.base + offset;
    const bool synced = bounds_.expected_end && *bounds_.expected_end > bad;
    const uint64_t stop = bounds_.expected_end
                              ? std::min(*bounds_.expected_end - header_.base, header_.capacity)
                              : header_.capacity;
    auto next = TRY(find_record(offset + kRecordAlignment, stop, synced ? 0 : bad));
    if (!next && !synced) return std::optional<uint64_t>();
    const uint64_t until = next.value_or(stop);
    out_.damaged_bytes += until - offset;
    log::error("write-ahead log is damaged; reading goes on behind it",
               {{"lsn", bad}, {"bytes", until - offset}});
    if (!next) return std::optional<uint64_t>();
    return next;
  }

  // The first offset at or after `from` that holds a valid head which vouches for everything before
  // `durable_past` (its durable end lies beyond). Reads in windows, so that memory stays small.
  Result<std::optional<uint64_t>> find_record(uint64_t from, uint64_t stop, Lsn durable_past) {
    constexpr uint64_t kWindow = 1 << 20;
    for (uint64_t at = from; at + kRecordHeadBytes <= stop;) {
      const uint64_t bytes = std::min(kWindow, stop - at);
      const std::string window = TRY(read_at(file_, at, bytes));
      uint64_t i = 0;
      for (; i + kRecordPeekBytes <= bytes; i += kRecordAlignment) {
        if (load<uint32_t>(window.data() + i) != kRecordMagic) continue;
        WalRecord record;
        const auto head = read_head(at + i, record);
        if (head && head->durable_end > durable_past) return std::optional(at + i);
      }
      at += i;
    }
    return std::optional<uint64_t>();
  }

  const File& file_;
  const SegmentHeader& header_;
  const ScanBounds& bounds_;
  uint32_t epoch_;
  SegmentScan out_;
};

}  // namespace

std::string encode_segment_header(const SegmentHeader& header) {
  std::string out(kMagic);
  append_le(out, header.base);
  append_le(out, header.capacity);
  append_le(out, header.previous_end);
  append_le(out, hash64(out));
  out.resize(kSegmentHeaderBytes);
  return out;
}

Result<std::optional<SegmentHeader>> read_segment_header(const File& file) {
  const uint64_t size = TRY(file.size());
  if (size < kSegmentHeaderBytes) return std::nullopt;
  const std::string bytes = TRY(read_at(file, 0, kSegmentHeaderBytes));
  const std::string_view magic(bytes.data(), kMagic.size());
  if (!magic.starts_with(kMagic.substr(0, kMagicFamilyBytes))) return std::nullopt;
  if (magic != kMagic && magic.substr(kMagicFamilyBytes) > kMagic.substr(kMagicFamilyBytes)) {
    return fail(Code::unimplemented, fmt::format("log format version {} is newer than this program",
                                                 magic.substr(kMagicFamilyBytes)));
  }
  if (load<uint64_t>(bytes.data() + 32) != hash64({bytes.data(), 32})) return std::nullopt;
  const SegmentHeader header{.base = load<uint64_t>(bytes.data() + 8),
                             .capacity = load<uint64_t>(bytes.data() + 16),
                             .previous_end = load<uint64_t>(bytes.data() + 24)};
  if (header.capacity < kSegmentHeaderBytes || header.capacity > size) return std::nullopt;
  return header;
}

Result<SegmentScan> scan_segment(const File& file, const SegmentHeader& header,
                                 const ScanBounds& bounds, const RecordVisitor& visit) {
  return Scanner(file, header, bounds).run(visit);
}

}  // namespace vivace
