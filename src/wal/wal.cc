// Group commit and release. One pwritev and one fdatasync a group and segment; the parts of
// the write are the records' heads, bodies and padding where they lie, so that nothing is copied.
#include "wal/wal.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/workers.h"

namespace vivace {
namespace {

constexpr std::string_view kPadding("\0\0\0\0\0\0\0", 7);
constexpr size_t kQueueRecords = 16'384;

std::string slot_name(uint64_t number) { return fmt::format("wal-{:06}.seg", number); }

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
                                     "Bytes of the log that were durable and cannot be read.")),
      freed_segments_(metrics.counter("vivace_wal_freed_segments_total",
                                      "Segments whose records live in blocks, to be reused.")) {
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

void Wal::start() {
  thread_ = std::thread([this] { run(); });
}

void Wal::stop() {
  queue_.close();
  if (thread_.joinable()) thread_.join();
  for (Pending& pending : queue_.pop_all()) {  // when it was never started
    pending.done(fail(Code::unavailable, "the log is closed"));
  }
}

void Wal::append(WalRecord record, Done done) {
  Pending pending{std::move(record), std::move(done)};
  if (!queue_.push(std::move(pending))) {
    // A refused push leaves the value as it was. NOLINTNEXTLINE(bugprone-use-after-move)
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
    for (Segment& segment : live_) {
      if (segment.end <= before) segment.room.release();
    }
  }
  freed_segments_.Increment(static_cast<double>(freed.size()));
  for (Segment& segment : freed) {
    if (!segment.damaged) free_slot(std::move(segment.path), std::move(segment.file));
  }
}

// A file of another size was made for one large body, or under another configuration.
void Wal::free_slot(std::string path, std::unique_ptr<File> file) {
  const auto bytes = file->size();
  if (bytes && *bytes != options_.segment_bytes) {
    (void)storage_.remove(path);
    return;
  }
  const std::lock_guard lock(mutex_);
  free_.push_back({std::move(path), std::move(file)});
}

void Wal::run() {
  name_thread("wal");
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
    if (roll_needed_ || offset_ + bytes > active_->header.capacity) outcome = roll(bytes);
    if (outcome) {
      last = take_fitting(group, first, heads);
      outcome = write_and_sync(group, first, last, heads);
    }
    if (outcome) {
      commit(group, first, last);
    } else {
      errors_.Increment();
      log::error("write-ahead log: commit failed", {{"err", outcome.error().message}});
      for (size_t i = first; i < last; ++i) {
        group[i].record = WalRecord();
        group[i].done(std::unexpected(outcome.error()));
      }
    }
    first = last;
  }
}

// What was just synced becomes part of the log, then its owners hear of it.
void Wal::commit(std::deque<Pending>& group, size_t first, size_t last) {
  std::vector<Lsn> places;
  {
    const std::lock_guard lock(mutex_);
    for (size_t i = first; i < last; ++i) {
      WalRecord& record = group[i].record;
      places.push_back(active_->header.base + offset_);
      offset_ += record_bytes(record);
      active_->room.absorb(std::move(record.room));
    }
    durable_end_ = active_->header.base + offset_;
    active_->end = durable_end_;
  }
  for (size_t i = first; i < last; ++i) {
    group[i].record = WalRecord();  // frees the body before the next stage works on its copy
    group[i].done(places[i - first]);
  }
}

// Encodes heads for as many records as the active segment has room for; at least one. They all say
// that what lies before the first is durable.
size_t Wal::take_fitting(std::deque<Pending>& group, size_t first,
                         std::vector<std::string>& heads) {
  const Lsn begin = active_->header.base + offset_;
  uint64_t offset = offset_;
  size_t last = first;
  for (; last < group.size(); ++last) {
    const WalRecord& record = group[last].record;
    if (offset + record_bytes(record) > active_->header.capacity) break;
    heads.push_back(encode_record_head(record, active_->header.base + offset, epoch_, begin));
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
  for (size_t i = first; i < last; ++i) {
    const WalRecord& record = group[i].record;
    const size_t used = heads[i - first].size() + record.body.size();
    parts.push_back(heads[i - first]);
    parts.push_back(record.body);
    parts.push_back(kPadding.substr(0, record_bytes(record) - used));
  }
  roll_needed_ = true;  // until the sync has told otherwise, this segment is not to be trusted
  CHECK_OK(active_->file->write(offset_, parts));
  CHECK_OK(active_->file->sync());
  roll_needed_ = false;
  commit_seconds_.Observe(static_cast<double>(clock.steady_ns() - began_ns) / 1e9);
  commit_records_.Observe(static_cast<double>(last - first));
  return {};
}

// Makes a fresh segment the active one, with room for a record of that size. Its header is durable
// before a record is written: records without it would have LSNs that the next start gives again.
Result<void> Wal::roll(uint64_t bytes) {
  const SegmentHeader header{
      .base = next_base_,
      .capacity = std::max(options_.segment_bytes, kSegmentHeaderBytes + bytes),
      .previous_end = durable_end_};
  Slot slot;
  {
    const std::lock_guard lock(mutex_);
    if (header.capacity == options_.segment_bytes && !free_.empty()) {
      slot = std::move(free_.front());
      free_.erase(free_.begin());
    }
  }
  if (slot.file == nullptr) {
    slot = TRY(make_slot(header));
  } else if (auto written = write_header(*slot.file, header); !written) {
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(slot));
    return written;
  }
  const std::lock_guard lock(mutex_);
  const Lsn begin = header.base + kSegmentHeaderBytes;
  live_.push_back({std::move(slot.path), std::move(slot.file), header, false, begin, {}});
  active_ = &live_.back();
  offset_ = kSegmentHeaderBytes;
  roll_needed_ = false;
  return {};
}

Result<Wal::Slot> Wal::make_slot(const SegmentHeader& header) {
  Slot slot{.path = options_.folder + "/" + slot_name(next_slot_)};
  slot.file = TRY(storage_.open(slot.path, Storage::Open::create));
  if (auto room = slot.file->allocate(header.capacity); !room) {
    (void)storage_.remove(slot.path);  // a half-made slot must not keep the space it could get
    return std::unexpected(std::move(room).error());
  }
  CHECK_OK(slot.file->sync());  // a segment that has a header has all its bytes
  CHECK_OK(write_header(*slot.file, header));
  CHECK_OK(storage_.sync_directory(options_.folder));
  ++next_slot_;
  return slot;
}

Result<void> Wal::write_header(File& file, const SegmentHeader& header) {
  // Even if this fails it may reach the disk, and then it says where the active segment ends.
  roll_needed_ = true;
  next_base_ = header.base + header.capacity;
  const std::string bytes = encode_segment_header(header);
  const std::string_view part = bytes;
  CHECK_OK(file.write(0, {&part, 1}));
  return file.sync();
}

}  // namespace vivace
