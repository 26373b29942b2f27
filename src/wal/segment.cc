// Reads segments back: walks the records, and where one does not verify, decides between a torn
// tail and damage. All offsets are file offsets; LSN = base + offset.
#include "wal/segment.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/bytes.h"
#include "base/log.h"

namespace vivace {
namespace {

constexpr std::string_view kMagic = "VIVWAL01";
constexpr size_t kMagicFamilyBytes = 6;  // "VIVWAL"
constexpr Lsn kLsnMax = Lsn{1} << 62;    // so that sums cannot overflow

Result<std::string> read_at(const File& file, uint64_t offset, uint64_t bytes) {
  std::string out;
  resize_uninitialized(out, bytes);
  const ReadRange range{offset, out};
  CHECK_OK(file.read({&range, 1}));
  return out;
}

// Calls `visit(bytes, offset)` for every offset in [from, stop) where a head may begin, with the
// bytes that decode_record_head wants, until it returns true. Reads in windows, so that memory
// stays small.
template <class Visit>
Result<void> each_candidate(const File& file, uint64_t from, uint64_t stop, uint64_t limit,
                            Visit visit) {
  constexpr uint64_t kWindow = 1 << 20;
  uint64_t at = from;
  while (at < stop && at + kRecordHeadBytes <= limit) {
    const std::string window = TRY(read_at(file, at, std::min(kWindow, limit - at)));
    const std::string_view bytes(window);
    // A head that the window's end may cut is looked at in the next one.
    const bool final = at + bytes.size() == limit;
    const uint64_t last = bytes.size() - (final ? kRecordHeadBytes : kRecordHeadBytesMax);
    uint64_t i = 0;
    for (; i <= last && at + i < stop; i += kRecordAlignment) {
      if (load<uint32_t>(window.data() + i) != kRecordMagic) continue;
      if (visit(bytes.substr(i, kRecordHeadBytesMax), at + i)) return {};
    }
    at += i;
  }
  return {};
}

class Scanner {
 public:
  Scanner(const File& file, const SegmentHeader& header, const ScanBounds& bounds)
      : file_(file), header_(header), bounds_(bounds), epoch_(bounds.epoch) {}

  Result<SegmentScan> run(const RecordVisitor& visit) {
    limit_ = std::min(header_.capacity, TRY(file_.size()));
    out_.damaged_bytes = header_.capacity - limit_;  // a segment has all its bytes from the start
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
    out_.epoch = std::max(out_.epoch, epoch_);
    return out_;
  }

 private:
  // The whole record at an offset, verified; Code::corrupt when there is none.
  Result<RecordHead> read_record(uint64_t offset, WalRecord& record) {
    if (offset + kRecordHeadBytes > limit_) return fail(Code::corrupt, "end of segment");
    const Lsn lsn = header_.base + offset;
    const auto first = TRY(read_at(file_, offset, std::min(kRecordHeadBytesMax, limit_ - offset)));
    const RecordHead head = TRY(check_head(first, offset, record));
    if (head.rejected > 0) {
      const auto ordinals =
          TRY(read_at(file_, offset + head.rejected_offset(), 4 * uint64_t{head.rejected}));
      CHECK_OK(decode_rejected(ordinals, head, lsn, record));
    }
    record.body = TRY(read_at(file_, offset + head.body_offset(), head.body_bytes));
    if (!(hash_body(record.tenant, record.body) == record.body_hash)) {
      return fail(Code::corrupt, "the record's body does not match its hash");
    }
    return head;
  }

  Result<RecordHead> check_head(std::string_view bytes, uint64_t offset, WalRecord& record) {
    auto head = TRY(decode_record_head(bytes, header_.base + offset, record));
    if (head.size() > limit_ - offset) return fail(Code::corrupt, "the record is cut");
    if (head.epoch < epoch_) return fail(Code::corrupt, "left over from a torn write");
    return head;
  }

  // Where reading goes on after a bad place that had been synced; empty at a torn tail.
  Result<std::optional<uint64_t>> after_damage(uint64_t offset) {
    const Lsn bad = header_.base + offset;
    const Lsn synced_to = bounds_.expected_end.value_or(bounds_.from);
    const bool synced = bad < synced_to;
    const uint64_t stop = synced ? std::min(synced_to - header_.base, header_.capacity) : offset;
    auto next = TRY(find_record(offset + kRecordAlignment, stop, 0));
    if (!next && !bounds_.expected_end) {  // no other segment tells: the records themselves may
      next = TRY(find_record(std::max(offset + kRecordAlignment, stop), limit_, bad));
      // It vouches for this place, and so for what lies between: the nearest record will do.
      if (next) next = TRY(find_record(offset + kRecordAlignment, *next + 1, 0));
    }
    if (!next && !synced) return next;
    const uint64_t until = next.value_or(stop);
    out_.damaged_bytes += until - offset;
    log::error("write-ahead log is damaged; reading goes on behind it",
               {{"lsn", bad}, {"bytes", until - offset}});
    return next;
  }

  // The first offset in [from, stop) that holds a valid head which vouches for everything before
  // `durable_past` (its durable end lies beyond).
  Result<std::optional<uint64_t>> find_record(uint64_t from, uint64_t stop, Lsn durable_past) {
    std::optional<uint64_t> found;
    CHECK_OK(each_candidate(file_, from, stop, limit_, [&](std::string_view bytes, uint64_t at) {
      WalRecord record;
      const auto head = check_head(bytes, at, record);
      if (!head) return false;
      out_.epoch = std::max(out_.epoch, head->epoch);
      if (head->durable_end > durable_past) found = at;
      return found.has_value();
    }));
    return found;
  }

  const File& file_;
  const SegmentHeader& header_;
  const ScanBounds& bounds_;
  uint64_t limit_ = 0;  // how far the file can be read
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

Result<SlotReading> read_segment_header(const File& file) {
  const uint64_t size = TRY(file.size());
  std::string bytes = TRY(read_at(file, 0, std::min(size, kSegmentHeaderBytes)));
  bytes.resize(kSegmentHeaderBytes);
  if (bytes == std::string(kSegmentHeaderBytes, '\0')) return SlotReading{};
  const std::string magic = bytes.substr(0, kMagic.size());
  bytes.replace(0, kMagic.size(), kMagic);  // a damaged magic alone costs nothing
  const SegmentHeader header{.base = load<uint64_t>(bytes.data() + 8),
                             .capacity = load<uint64_t>(bytes.data() + 16),
                             .previous_end = load<uint64_t>(bytes.data() + 24)};
  if (load<uint64_t>(bytes.data() + 32) == hash64({bytes.data(), 32}) &&
      header.base % kRecordAlignment == 0 && header.base < kLsnMax &&
      header.capacity >= kSegmentHeaderBytes && header.capacity < kLsnMax &&
      header.previous_end <= header.base) {
    return SlotReading{.header = header, .damaged = magic != kMagic};
  }
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  if (magic.starts_with(kMagic.substr(0, kMagicFamilyBytes)) && magic > kMagic && digit(magic[6]) &&
      digit(magic[7])) {
    return fail(Code::unimplemented, fmt::format("log format version {} is newer than this program",
                                                 magic.substr(kMagicFamilyBytes)));
  }
  return SlotReading{.header = {}, .damaged = true};
}

// The first record of every group says that all before its own place is durable, and so names its
// own LSN: with it, its checksum holds, and its offset tells the base.
Result<std::optional<Lsn>> find_base(const File& file, Lsn from, Lsn base_max) {
  const uint64_t size = TRY(file.size());
  std::optional<Lsn> found;
  const auto names_itself = [&](std::string_view bytes, uint64_t offset) {
    const Lsn lsn = load<uint64_t>(bytes.data() + 24);
    WalRecord record;
    if (lsn < offset || lsn - offset > base_max || lsn % kRecordAlignment != 0) return false;
    if (lsn - offset + size <= from || !decode_record_head(bytes, lsn, record)) return false;
    found = lsn - offset;
    return true;
  };
  CHECK_OK(each_candidate(file, kSegmentHeaderBytes, size, size, names_itself));
  return found;
}

Result<SegmentScan> scan_segment(const File& file, const SegmentHeader& header,
                                 const ScanBounds& bounds, const RecordVisitor& visit) {
  return Scanner(file, header, bounds).run(visit);
}

}  // namespace vivace
