// Opening and replay: which files are segments, which of them are still needed, what they hold and
// where writing goes on. FORMAT.md, "Reading" and "Damage", says the rules. From one thread, before
// the writer starts.
#include <algorithm>
#include <charconv>

#include "base/log.h"
#include "wal/wal.h"

namespace vivace {
namespace {

constexpr std::string_view kPrefix = "wal-";
constexpr std::string_view kSuffix = ".seg";
constexpr std::string_view kDamagedSuffix = ".damaged";

bool is_damaged(std::string_view path) { return path.ends_with(kDamagedSuffix); }

// The number in a segment's name; 0 for a name that is not ours.
uint64_t slot_number(std::string_view name) {
  if (!name.starts_with(kPrefix)) return 0;
  name.remove_prefix(kPrefix.size());
  if (name.ends_with(kSuffix)) {
    name.remove_suffix(kSuffix.size());
  } else if (is_damaged(name)) {
    name.remove_suffix(kDamagedSuffix.size());
  } else {
    return 0;
  }
  uint64_t number = 0;
  const auto [stop, failed] = std::from_chars(name.data(), name.data() + name.size(), number);
  return failed == std::errc() && stop == name.data() + name.size() ? number : 0;
}

}  // namespace

Result<std::unique_ptr<Wal>> Wal::open(Storage& storage, const WalOptions& options,
                                       Metrics& metrics) {
  std::unique_ptr<Wal> wal(new Wal(storage, options, metrics));
  CHECK_OK(storage.make_folders(options.folder));
  wal->lock_ = TRY(storage.lock(options.folder));
  CHECK_OK(wal->find_segments());
  return wal;
}

Result<void> Wal::find_segments() {
  for (const std::string& name : TRY(storage_.list(options_.folder))) {
    const uint64_t number = slot_number(name);
    if (number == 0) continue;
    next_slot_ = std::max(next_slot_, number + 1);
    std::string path = options_.folder + "/" + name;
    auto file = TRY(storage_.open(path, Storage::Open::existing));
    auto reading = read_segment_header(*file);
    if (!reading) return std::unexpected(std::move(reading).error().in(path));
    if (reading->header) {
      live_.push_back(
          {std::move(path), std::move(file), *reading->header, reading->damaged, 0, {}});
    } else {
      unread_.push_back({std::move(path), std::move(file), reading->damaged});
    }
  }
  return {};
}

Result<ReplayReport> Wal::replay(Lsn from, const RecordVisitor& visit) {
  ReplayReport report;
  CHECK_OK(adopt_unread(from, report));
  drop_before(from);
  ScanBounds bounds{.from = from};
  const RecordVisitor counted = [&](WalRecord record, Lsn lsn) {
    report.bytes += record_bytes(record);
    return visit(std::move(record), lsn);
  };
  Lsn known = from;
  for (size_t i = 0; i < live_.size(); ++i) {
    Segment& segment = live_[i];
    report_missing(known, segment.header, report);
    known = std::max(from, segment.header.base + segment.header.capacity);
    const uint64_t bytes_before = report.bytes;
    bounds.expected_end = expected_end(i);
    auto scan = scan_segment(*segment.file, segment.header, bounds, counted);
    if (!scan) return std::unexpected(std::move(scan).error().in(segment.path));
    if (segment.damaged) scan->damaged_bytes += kSegmentHeaderBytes;
    segment.damaged = scan->damaged_bytes > 0 || is_damaged(segment.path);
    if (segment.damaged) CHECK_OK(quarantine(segment.path));
    segment.end = scan->end;
    segment.room = budget_.reserve_always(static_cast<int64_t>(report.bytes - bytes_before));
    bounds.epoch = scan->epoch;
    report.segments += 1;
    report.records += scan->records;
    report.damaged_bytes += scan->damaged_bytes;
    report.end = scan->end;
  }
  damaged_bytes_.Increment(static_cast<double>(report.damaged_bytes));
  epoch_ = bounds.epoch + 1;
  place_writer(from, report);
  released_ = from;
  CHECK_OK(bound_damaged());
  CHECK_OK(sync_all());
  return report;
}

// Files without a header that can be read: segments that lost it, blank slots, or neither.
Result<void> Wal::adopt_unread(Lsn from, ReplayReport& report) {
  Lsn base_max = from;
  for (const Segment& s : live_) base_max = std::max(base_max, s.header.base + s.header.capacity);
  for (const Unread& unread : unread_) base_max += TRY(unread.file->size());
  for (Unread& unread : unread_) {
    auto base = find_base(*unread.file, from, base_max);
    if (!base) return std::unexpected(std::move(base).error().in(unread.path));
    if (*base) {
      log::error("a segment of the write-ahead log has lost its header", {{"path", unread.path}});
      const SegmentHeader header{.base = **base, .capacity = TRY(unread.file->size())};
      live_.push_back({std::move(unread.path), std::move(unread.file), header, true, 0, {}});
    } else if (!unread.damaged && !is_damaged(unread.path)) {
      free_slot(std::move(unread.path), std::move(unread.file));
    } else if (!is_damaged(unread.path)) {
      report.damaged_bytes += kSegmentHeaderBytes;
      CHECK_OK(quarantine(unread.path));
    }
  }
  unread_.clear();
  std::ranges::sort(live_, {}, [](const Segment& s) { return s.header.base; });
  for (size_t i = 0; i + 1 < live_.size(); ++i) {  // a lost header told the capacity
    SegmentHeader& header = live_[i].header;
    const uint64_t room = live_[i + 1].header.base - header.base;
    if (live_[i].damaged && room >= kSegmentHeaderBytes) {
      header.capacity = std::min(header.capacity, room);
    }
  }
  return {};
}

// The bytes stay as they are, under a name that is read but never written.
Result<void> Wal::quarantine(std::string& path) {
  if (is_damaged(path)) return {};
  std::string kept = path.substr(0, path.size() - kSuffix.size());
  kept += kDamagedSuffix;
  log::error("a damaged file of the write-ahead log is kept for inspection", {{"path", kept}});
  CHECK_OK(storage_.rename(path, kept));
  path = std::move(kept);
  return {};
}

// What no replay reads any more is kept to be looked at, but not without end.
Result<void> Wal::bound_damaged() {
  struct Kept {
    std::string path;
    Lsn base = 0;  // of one that cannot be told: the oldest
    uint64_t bytes = 0;
  };
  std::vector<Kept> kept;
  uint64_t bytes = 0;
  size_t files = 0;
  const auto entries = storage_.entries(options_.folder);
  if (!entries && entries.error().code == Code::not_found) return {};
  if (!entries) return std::unexpected(entries.error());
  for (const FolderEntry& entry : *entries) {
    const std::string path = options_.folder + "/" + entry.name;
    if (!is_damaged(path) || slot_number(entry.name) == 0) continue;
    ++files;
    if (std::ranges::find(live_, path, &Segment::path) != live_.end()) continue;
    const auto file = TRY(storage_.open(path, Storage::Open::existing));
    const auto reading = read_segment_header(*file);
    const Lsn base = reading && reading->header ? reading->header->base : 0;
    kept.push_back({.path = path, .base = base, .bytes = entry.bytes});
    bytes += entry.bytes;
  }
  std::ranges::sort(kept, {}, &Kept::base);
  size_t left = kept.size();
  for (const Kept& file : kept) {
    if (left <= options_.damaged_files_max && bytes <= options_.damaged_bytes_max) break;
    log::warn("removing an old damaged file of the write-ahead log: too many are kept",
              {{"path", file.path}, {"bytes", file.bytes}});
    CHECK_OK(storage_.remove(file.path));
    bytes -= file.bytes;
    --left;
  }
  damaged_files_.Set(static_cast<double>(files - (kept.size() - left)));
  return {};
}

// These had been released. A slot that was being reused when the power went is among them, with its
// old header and some new bytes: it must not even be looked at.
void Wal::drop_before(Lsn from) {
  std::deque<Segment> needed;
  for (Segment& segment : live_) {
    if (segment.header.base + segment.header.capacity > from) {
      needed.push_back(std::move(segment));
    } else if (!is_damaged(segment.path)) {
      free_slot(std::move(segment.path), std::move(segment.file));
    }
  }
  live_ = std::move(needed);
}

// A segment tells where the records before it end: none may be missing from `known` to there.
void Wal::report_missing(Lsn known, const SegmentHeader& header, ReplayReport& report) {
  if (header.previous_end <= known) return;
  const uint64_t bytes = header.previous_end - known;
  report.damaged_bytes += bytes;
  log::error("write-ahead log: a segment is missing", {{"lsn", known}, {"bytes", bytes}});
}

// Where the records of a segment end, from the header of the next one; at the segment's base when
// nothing durable was ever written to it; unknown for the last, and beside missing segments.
std::optional<Lsn> Wal::expected_end(size_t segment) const {
  if (segment + 1 == live_.size()) return std::nullopt;
  const SegmentHeader& header = live_[segment].header;
  const Lsn end = live_[segment + 1].header.previous_end;
  if (end == 0 || end > header.base + header.capacity) return std::nullopt;
  return std::max(end, header.base);
}

// Writing goes on where the log ends, but never in a damaged segment, nor before the replay point,
// where the next replay would not look.
void Wal::place_writer(Lsn from, ReplayReport& report) {
  durable_end_ = report.end;
  next_base_ = align_record(from);
  if (!live_.empty()) {
    active_ = &live_.back();
    offset_ = report.end - active_->header.base;
    next_base_ = std::max(next_base_, active_->header.base + active_->header.capacity);
    roll_needed_ = active_->damaged || report.end < from;
  }
  report.end = std::max(report.end, from);
}

// What was read may have been in the page cache alone: it becomes visible, so it must be durable.
Result<void> Wal::sync_all() {
  for (Segment& segment : live_) CHECK_OK(segment.file->sync());
  return storage_.sync_directory(options_.folder);
}

}  // namespace vivace
