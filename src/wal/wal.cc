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
constexpr size_t kPeriods = 4;  // between calls of `tidy`, that tell how busy the log is

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
      sync_seconds_(metrics.histogram("vivace_wal_sync_seconds",
                                      "Time of one fdatasync of the log.",
                                      {0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1})),
      commit_records_(metrics.histogram("vivace_wal_commit_records",
                                        "Records made durable by one fdatasync.",
                                        {1, 2, 4, 8, 16, 32, 64, 128})),
      failing_gauge_(metrics.gauge("vivace_wal_failing",
                                   "1 while the log cannot be written: nothing is acknowledged.")),
      damaged_files_(metrics.gauge("vivace_wal_damaged_files",
                                   "Damaged segments that are kept for inspection.")),
      errors_(metrics.counter("vivace_wal_errors_total", "Failed writes or syncs of the log.")),
      damaged_bytes_(metrics.counter("vivace_wal_damaged_bytes_total",
                                     "Bytes of the log that were durable and cannot be read.")),
      freed_segments_(metrics.counter("vivace_wal_freed_segments_total",
                                      "Segments whose records live in blocks, to be reused.")) {
  auto& bytes = metrics.gauge("vivace_wal_bytes", "Bytes of records that the log holds.");
  auto& segments = metrics.gauge("vivace_wal_segments", "Segments that hold records.");
  metrics.gauge("vivace_wal_bytes_max", "Limit of vivace_wal_bytes.")
      .Set(static_cast<double>(options.bytes_max));
  on_scrape_ = metrics.on_scrape([this, &bytes, &segments] {
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
    if (pending.done) pending.done(fail(Code::unavailable, "the log is closed"));
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
    released_ = std::max(released_, before);
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
  const bool fits = bytes && *bytes == options_.segment_bytes;
  {
    const std::lock_guard lock(mutex_);
    if (fits && !short_of_disk_) {
      free_.push_back({std::move(path), std::move(file)});
      return;
    }
  }
  file.reset();
  (void)storage_.remove(path);
}

void Wal::tidy() { (void)queue_.try_push(Pending()); }  // a full queue says that it is busy

void Wal::set_short_of_disk(bool is_short) {
  std::vector<Slot> spare;
  {
    const std::lock_guard lock(mutex_);
    short_of_disk_ = is_short;
    if (is_short) spare.swap(free_);
  }
  for (Slot& slot : spare) {
    slot.file.reset();
    (void)storage_.remove(slot.path);
  }
}

void Wal::run() {
  name_thread("wal");
  while (true) {
    std::deque<Pending> group = queue_.pop_all();
    if (group.empty()) return;
    const size_t tidies =
        std::erase_if(group, [](const Pending& pending) { return !pending.done; });
    write_group(group);
    if (!group.empty()) appended_ = true;
    for (size_t i = 0; i < tidies; ++i) tidy_up();
  }
}

// A removal that does not reach the disk brings back a file that is free, or whose records are all
// before the replay point: the next start knows either.
void Wal::tidy_up() {
  size_t wanted = 0;
  for (const size_t filled : filled_) wanted += filled;
  filled_.push_back(0);
  if (filled_.size() > kPeriods) filled_.pop_front();
  std::vector<std::string> gone;
  {
    const std::lock_guard lock(mutex_);
    while (free_.size() > wanted) {
      gone.push_back(std::move(free_.back().path));
      free_.pop_back();
    }
    const bool is_idle = !std::exchange(appended_, false);
    if (is_idle && live_.size() == 1 && active_ == &live_.front() && !active_->damaged &&
        active_->end <= released_) {
      gone.push_back(std::move(active_->path));
      live_.clear();
      active_ = nullptr;
      roll_needed_ = true;
    }
  }
  for (const std::string& path : gone) (void)storage_.remove(path);
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
      refuse(group, first, last, outcome.error());
    }
    first = last;
  }
}

// Says when it begins and when it is over; a broken disk must not fill another one with its log.
void Wal::refuse(std::deque<Pending>& group, size_t first, size_t last, const Error& error) {
  errors_.Increment();
  if (!std::exchange(failing_, true)) {
    failing_gauge_.Set(1);
    log::error("the write-ahead log cannot be written; nothing is acknowledged until it can",
               {{"err", error.message}});
  }
  for (size_t i = first; i < last; ++i) {
    group[i].record = WalRecord();
    group[i].done(std::unexpected(error));
  }
}

// What was just synced becomes part of the log, then its owners hear of it.
void Wal::commit(std::deque<Pending>& group, size_t first, size_t last) {
  if (std::exchange(failing_, false)) {
    failing_gauge_.Set(0);
    log::info("the write-ahead log can be written again");
  }
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
    const size_t used = heads[i - first].size() + record.bytes().size();
    parts.push_back(heads[i - first]);
    parts.push_back(record.bytes());
    parts.push_back(kPadding.substr(0, record_bytes(record) - used));
  }
  roll_needed_ = true;  // until the sync has told otherwise, this segment is not to be trusted
  CHECK_OK(active_->file->write(offset_, parts));
  const int64_t written_ns = clock.steady_ns();
  CHECK_OK(active_->file->sync());
  roll_needed_ = false;
  sync_seconds_.Observe(static_cast<double>(clock.steady_ns() - written_ns) / 1e9);
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
    // What this disk says of a file whose sync failed is not to be believed a second time.
    slot.file.reset();
    (void)storage_.remove(slot.path);
    return written;
  }
  ++filled_.back();
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
  ++next_slot_;
  if (auto filled = fill_slot(slot, header); !filled) {
    slot.file.reset();
    (void)storage_.remove(slot.path);  // a half-made slot must not keep the space it could get
    return std::unexpected(std::move(filled).error());
  }
  return slot;
}

Result<void> Wal::fill_slot(Slot& slot, const SegmentHeader& header) {
  slot.file = TRY(storage_.open(slot.path, Storage::Open::create));
  CHECK_OK(slot.file->allocate(header.capacity));
  CHECK_OK(slot.file->sync());  // a segment that has a header has all its bytes
  CHECK_OK(write_header(*slot.file, header));
  return storage_.sync_directory(options_.folder);
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
