// Opening, replay and group commit. One pwritev and one fdatasync a group and segment; the parts of
// the write are the records' heads, bodies and padding where they lie, so that nothing is copied.
#include "wal/wal.h"

#include <algorithm>
#include <charconv>
#include <chrono>

#include <fmt/format.h>

#include "base/clock.h"
#include "base/log.h"

namespace vivace {
namespace {

constexpr std::string_view kPadding("\0\0\0\0\0\0\0", 7);
constexpr size_t kQueueRecords = 16'384;

std::string slot_name(uint64_t number) { return fmt::format("wal-{:06}.seg", number); }

// The number in a slot's name; 0 for a name that is not ours.
uint64_t slot_number(std::string_view name) {
  if (!name.starts_with("wal-") || !name.ends_with(".seg")) return 0;
  uint64_t number = 0;
  const char* end = name.data() + name.size() - 4;
  const auto [stop, failed] = std::from_chars(name.data() + 4, end, number);
  return failed == std::errc() && stop == end ? number : 0;
}

}  // namespace

Wal::Wal(Storage& storage, const WalOptions& options, Metrics& metrics)
    : storage_(storage),
      options_(options),
      budget_("wal", options.bytes_max),
      queue_(kQueueRecords),
      commit_seconds_(metrics.histogram("vivace_wal_commit_seconds",
                                        "Time of one group commit: write and fdatasync.",
                                        {0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1})),
      commit_records_(metrics.histogram("vivace_wal_commit_records",
                                        "Records made durable by one fdatasync.",
                                        {1, 2, 4, 8, 16, 32, 64, 128})),
      errors_(metrics.counter("vivace_wal_errors_total", "Failed writes or syncs of the log.")),
      damaged_bytes_(metrics.counter("vivace_wal_damaged_bytes_total",
                                     "Bytes of the log that were durable and cannot be read.")) {
  auto& bytes = metrics.gauge("vivace_wal_bytes", "Bytes of records that the log holds.");
  auto& segments = metrics.gauge("vivace_wal_segments", "Segments that hold records.");
  metrics.gauge("vivace_wal_bytes_max", "Limit of vivace_wal_bytes.")
      .Set(static_cast<double>(options.bytes_max));
  metrics.on_scrape([this, &bytes, &segments] {
    const std::lock_guard lock(mutex_);
    bytes.Set(static_cast<double>(budget_.used()));
    segments.Set(static_cast<double>(live_.size()));
  });
}

Wal::~Wal() { stop(); }

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
    Slot slot{.path = options_.folder + "/" + name};
    slot.file = TRY(storage_.open(slot.path, Storage::Open::existing));
    slot.bytes = TRY(slot.file->size());
    auto header = read_segment_header(*slot.file);
    if (!header) return std::unexpected(std::move(header).error().in(slot.path));
    if (*header) {
      live_.push_back({std::move(slot.path), std::move(slot.file), **header, 0, {}});
    } else {
      free_.push_back(std::move(slot));
    }
  }
  std::ranges::sort(live_, {}, [](const Segment& s) { return s.header.base; });
  return {};
}

Result<ReplayReport> Wal::replay(Lsn from, const RecordVisitor& visit) {
  ReplayReport report;
  ScanBounds bounds{.from = from};
  const RecordVisitor counted = [&](WalRecord record, Lsn lsn) {
    report.bytes += record_bytes(record);
    return visit(std::move(record), lsn);
  };
  for (size_t i = 0; i < live_.size(); ++i) {
    Segment& segment = live_[i];
    const SegmentHeader& header = segment.header;
    const uint64_t bytes_before = report.bytes;
    bounds.expected_end.reset();
    if (i + 1 < live_.size()) {
      const Lsn end = live_[i + 1].header.previous_end;
      if (end > header.base && end <= header.base + header.capacity) bounds.expected_end = end;
    }
    auto scan = scan_segment(*segment.file, header, bounds, counted);
    if (!scan) return std::unexpected(std::move(scan).error().in(segment.path));
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
  if (!live_.empty()) {
    offset_ = report.end - active().header.base;
    durable_end_ = report.end;
    roll_needed_ = false;
  }
  CHECK_OK(sync_all());
  release(from);
  return report;
}

// What was read may have been in the page cache alone: it becomes visible, so it must be durable.
Result<void> Wal::sync_all() {
  for (Segment& segment : live_) CHECK_OK(segment.file->sync());
  return storage_.sync_directory(options_.folder);
}

void Wal::start() {
  thread_ = std::thread([this] { run(); });
}

void Wal::stop() {
  queue_.close();
  if (thread_.joinable()) thread_.join();
}

void Wal::append(WalRecord record, Done done) {
  Pending pending{std::move(record), std::move(done)};
  if (!queue_.push(std::move(pending))) {
    pending.done(fail(Code::unavailable, "the log is closed"));
  }
}

void Wal::release(Lsn before) {
  std::vector<Segment> freed;
  {
    const std::lock_guard lock(mutex_);
    while (live_.size() > 1 &&
           live_.front().header.base + live_.front().header.capacity <= before) {
      freed.push_back(std::move(live_.front()));
      live_.pop_front();
    }
  }
  for (Segment& segment : freed) {
    if (segment.header.capacity > options_.segment_bytes) {  // made for one large body
      (void)storage_.remove(segment.path);
      continue;
    }
    const std::lock_guard lock(mutex_);
    free_.push_back({std::move(segment.path), std::move(segment.file), segment.header.capacity});
  }
}

void Wal::run() {
  while (true) {
    std::deque<Pending> group = queue_.pop_all();
    if (group.empty()) return;
    write_group(group);
  }
}

void Wal::write_group(std::deque<Pending>& group) {
  size_t first = 0;
  while (first < group.size()) {
    std::vector<std::string> heads;
    Result<void> outcome;
    size_t last = first + 1;
    const uint64_t bytes = record_bytes(group[first].record);
    if (roll_needed_ || offset_ + bytes > active().header.capacity) outcome = roll(bytes);
    if (outcome) {
      last = take_fitting(group, first, heads);
      outcome = write_and_sync(group, first, last, heads);
    }
    if (!outcome) {
      errors_.Increment();
      log::error("write-ahead log: commit failed", {{"err", outcome.error().message}});
    }
    Lsn lsn = live_.empty() ? 0 : active().header.base + offset_;
    for (size_t i = first; i < last; ++i) {
      const uint64_t size = record_bytes(group[i].record);
      if (outcome) {
        const std::lock_guard lock(mutex_);
        active().room.absorb(std::move(group[i].record.room));
      }
      group[i].record = WalRecord();  // frees the body before the next stage works on its copy
      group[i].done(outcome ? Result<Lsn>(lsn) : std::unexpected(outcome.error()));
      lsn += size;
    }
    if (outcome) {
      offset_ = lsn - active().header.base;
      durable_end_ = lsn;
      active().end = lsn;
    }
    first = last;
  }
}

// Encodes heads for as many records as the active segment has room for; at least one.
size_t Wal::take_fitting(std::deque<Pending>& group, size_t first,
                         std::vector<std::string>& heads) {
  uint64_t offset = offset_;
  size_t last = first;
  for (; last < group.size(); ++last) {
    const WalRecord& record = group[last].record;
    if (offset + record_bytes(record) > active().header.capacity) break;
    heads.push_back(
        encode_record_head(record, active().header.base + offset, epoch_, durable_end_));
    offset += record_bytes(record);
  }
  ASSERT(last > first);
  return last;
}

Result<void> Wal::write_and_sync(std::deque<Pending>& group, size_t first, size_t last,
                                 const std::vector<std::string>& heads) {
  const SystemClock clock;
  const int64_t began_ns = clock.steady_ns();
  std::vector<std::string_view> parts;
  std::string header;
  uint64_t at = offset_;
  if (!header_written_) {
    header = encode_segment_header(active().header);
    parts.push_back(header);
    at = 0;
  }
  for (size_t i = first; i < last; ++i) {
    const WalRecord& record = group[i].record;
    const size_t used = heads[i - first].size() + record.body.size();
    parts.push_back(heads[i - first]);
    parts.push_back(record.body);
    parts.push_back(kPadding.substr(0, record_bytes(record) - used));
  }
  roll_needed_ = true;  // until the sync has told otherwise, this segment is not to be trusted
  CHECK_OK(active().file->write(at, parts));
  CHECK_OK(active().file->sync());
  roll_needed_ = false;
  header_written_ = true;
  commit_seconds_.Observe(static_cast<double>(clock.steady_ns() - began_ns) / 1e9);
  commit_records_.Observe(static_cast<double>(last - first));
  return {};
}

// Makes a fresh segment the active one, with room for a record of that size. Its header is written
// together with its first records.
Result<void> Wal::roll(uint64_t bytes) {
  const uint64_t capacity = std::max(options_.segment_bytes, kSegmentHeaderBytes + bytes);
  Slot slot = TRY(take_slot(capacity));
  SegmentHeader header{.capacity = capacity};
  if (!live_.empty()) {
    header.base = active().header.base + active().header.capacity;
    header.previous_end = durable_end_;
  }
  const std::lock_guard lock(mutex_);
  live_.push_back({std::move(slot.path), std::move(slot.file), header, 0, {}});
  offset_ = kSegmentHeaderBytes;
  durable_end_ = header.base + offset_;
  active().end = durable_end_;
  header_written_ = false;
  roll_needed_ = false;
  return {};
}

Result<Wal::Slot> Wal::take_slot(uint64_t capacity) {
  {
    const std::lock_guard lock(mutex_);
    const auto fits =
        std::ranges::find_if(free_, [&](const Slot& s) { return s.bytes >= capacity; });
    if (fits != free_.end()) {
      Slot slot = std::move(*fits);
      free_.erase(fits);
      return slot;
    }
  }
  Slot slot{.path = options_.folder + "/" + slot_name(next_slot_), .bytes = capacity};
  slot.file = TRY(storage_.open(slot.path, Storage::Open::create));
  if (auto room = slot.file->allocate(capacity); !room) {
    (void)storage_.remove(slot.path);  // a half-made slot must not keep the space it could get
    return std::unexpected(std::move(room).error());
  }
  CHECK_OK(slot.file->sync());
  CHECK_OK(storage_.sync_directory(options_.folder));
  ++next_slot_;
  return slot;
}

}  // namespace vivace
