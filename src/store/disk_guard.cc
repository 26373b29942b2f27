// Measuring is cheap (a call a volume, a look at the names in our folders); Tempo's folders are
// looked through every few minutes. What is decided is decided by disk_budget.
#include "store/disk_guard.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "base/log.h"

namespace vivace {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;
constexpr uint64_t kMeasureBytes = 8 << 20;
constexpr int64_t kTempoPeriodNs = 300 * kSecondNs;
// An operator who sees what was found can stop us before anything of Tempo's goes for its age.
constexpr int64_t kTempoGraceNs = 3600 * kSecondNs;

double as_double(uint64_t bytes) { return static_cast<double>(bytes); }

uint64_t less(uint64_t a, uint64_t b) { return a > b ? a - b : 0; }

std::string mib(uint64_t bytes) { return fmt::format("{} MiB", bytes >> 20); }

}  // namespace

DiskGuard::DiskGuard(CountedStorage& storage, const DiskOptions& options, Folders folders,
                     const Clock& clock, Metrics& metrics)
    : storage_(storage),
      options_(options),
      folders_(std::move(folders)),
      clock_(clock),
      ballast_(storage, folders_.blocks),
      merges_("merges", std::numeric_limits<int64_t>::max()),
      began_ns_(clock.steady_ns()),
      measured_ns_(clock.steady_ns()),
      gauges_([&] {
        const auto free = [&](const char* volume) -> Gauge& {
          return metrics.gauge("vivace_disk_free_bytes", "Free on the volume of a folder.",
                               {{"folder", volume}});
        };
        const auto kind = [&](const char* name) -> Gauge& {
          return metrics.gauge("vivace_disk_bytes", "What takes room on the disk.",
                               {{"kind", name}});
        };
        return Gauges{.wal_free = free("wal"),
                      .blocks_free = free("blocks"),
                      .blocks = kind("blocks"),
                      .wal = kind("wal"),
                      .ballast = kind("ballast"),
                      .other = kind("other"),
                      .tempo = kind("tempo"),
                      .state = metrics.gauge("vivace_disk_state",
                                             "0: there is room; 1: the oldest blocks go to make "
                                             "some; 2: requests are refused; 3: read-only.")};
      }()),
      refused_(metrics.counter("vivace_disk_refused_requests_total",
                               "Requests refused because the disk was full or read-only.")),
      tempo_removed_(metrics.counter("vivace_tempo_blocks_removed_total",
                                     "Blocks of Tempo removed by retention.")) {
  metrics.gauge("vivace_disk_bytes_max", "Limit of the sum of vivace_disk_bytes; 0: none.")
      .Set(as_double(options.limits.bytes_max));
  using Kind = CountedStorage::Kind;
  const auto written = [&](const char* name) {
    return &metrics.counter("vivace_disk_written_bytes_total", "Bytes written to files.",
                            {{"kind", name}});
  };
  on_scrape_ = metrics.on_scrape(
      [this, wal = written("wal"), block = written("block"), other = written("other")] {
        const auto set = [this](Counter* counter, Kind of) {
          counter->Increment(as_double(storage_.written_bytes(of)) - counter->Value());
        };
        set(wal, Kind::wal);
        set(block, Kind::block);
        set(other, Kind::other);
      });
}

void DiskGuard::open(std::vector<StoredBlock> blocks, int64_t received_after_ns) {
  if (auto opened = ballast_.open(); !opened) {
    log::error("the ballast cannot be opened", {{"err", opened.error().message}});
  }
  (void)may_age(blocks, received_after_ns);
  const std::lock_guard lock(mutex_);
  measure_volumes();
  judge();
}

// ---------------------------------------------------------------------------- any thread

bool DiskGuard::is_due(uint64_t bytes) {
  const int64_t now_ns = clock_.steady_ns();
  const bool is_due =
      admitted_bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes >= kMeasureBytes ||
      now_ns - measured_ns_.load(std::memory_order_relaxed) >= kSecondNs;
  if (!is_due) return false;
  measured_ns_.store(now_ns, std::memory_order_relaxed);
  admitted_bytes_.store(0, std::memory_order_relaxed);
  return true;
}

Result<void> DiskGuard::admit(uint64_t bytes) {
  if (is_due(bytes)) {
    const std::lock_guard lock(mutex_);
    measure_volumes();
    judge();
    const bool may_change = state_ != State::good;
    if (may_change && clock_.steady_ns() - looked_ns_ >= kSecondNs) wants_look_ = true;
  }
  if (!refuses_.load(std::memory_order_relaxed)) return {};
  refused_.Increment();
  const std::lock_guard lock(mutex_);
  return fail(state_ == State::read_only ? Code::unavailable : Code::limit, reason());
}

std::optional<Reservation> DiskGuard::reserve_for_merge(uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  if (state_ != State::good) return std::nullopt;
  const uint64_t taken = static_cast<uint64_t>(merges_.used()) + bytes;
  const DiskLimits& limits = options_.limits;
  if (limits.bytes_max > 0 && used_ + taken > limits.bytes_max) return std::nullopt;
  if (blocks_volume_.free_bytes < blocks_volume_.free_min / 2 + taken) return std::nullopt;
  return merges_.reserve_always(static_cast<int64_t>(bytes));
}

void DiskGuard::measure_volumes() {
  const auto measure = [&](const std::string& folder, Volume& volume) {
    const auto space = storage_.space(folder);
    if (!space) return;  // as far as is known
    volume = {.free_bytes = space->free_bytes,
              .free_min = free_min_of(options_.limits, space->capacity_bytes),
              .read_only = space->read_only};
  };
  measure(folders_.wal, wal_volume_);
  measure(folders_.blocks, blocks_volume_);
  gauges_.wal_free.Set(as_double(wal_volume_.free_bytes));
  gauges_.blocks_free.Set(as_double(blocks_volume_.free_bytes));
}

// The output of merges may take half of what is to be kept free: it goes again.
uint64_t DiskGuard::volume_shortage() const {
  const uint64_t merging =
      std::min(static_cast<uint64_t>(merges_.used()), blocks_volume_.free_min / 2);
  return std::max(less(wal_volume_.free_min, wal_volume_.free_bytes),
                  less(blocks_volume_.free_min - merging, blocks_volume_.free_bytes));
}

void DiskGuard::judge() {
  const auto is_critical = [](const Volume& v) { return v.free_bytes < v.free_min / 2; };
  const bool is_short = volume_shortage() > 0;
  const bool is_over = options_.limits.bytes_max > 0 && used_ > options_.limits.bytes_max;
  State state = State::good;
  if (is_short || is_over) state = can_remove_ ? State::removing : State::refusing;
  if (is_critical(wal_volume_) || is_critical(blocks_volume_)) state = State::refusing;
  if (wal_volume_.read_only || blocks_volume_.read_only) state = State::read_only;
  is_short_ = state != State::good;
  refuses_ = state == State::refusing || state == State::read_only;
  if (state == state_) return;
  state_ = state;
  gauges_.state.Set(static_cast<double>(state));
  if (state == State::good) {
    log::info("the disk has room again", {{"free_bytes", blocks_volume_.free_bytes}});
  } else if (state == State::removing) {
    log::warn("the disk is short of room: the oldest blocks go", {{"reason", reason()}});
  } else {
    log::error("requests are refused until the disk has room", {{"reason", reason()}});
  }
}

std::string DiskGuard::reason() const {
  if (state_ == State::read_only) return "the disk is read-only; try again later";
  const DiskLimits& limits = options_.limits;
  if (volume_shortage() == 0 && limits.bytes_max > 0 && used_ > limits.bytes_max) {
    return fmt::format(
        "the data takes {}, which is more than storage.trace.local.max_bytes ({}); "
        "try again later",
        mib(used_), mib(limits.bytes_max));
  }
  const bool wal_is_fuller = less(wal_volume_.free_min, wal_volume_.free_bytes) >
                             less(blocks_volume_.free_min, blocks_volume_.free_bytes);
  const Volume& volume = wal_is_fuller ? wal_volume_ : blocks_volume_;
  return fmt::format(
      "the disk of {} is full: {} are free, {} are to be kept free "
      "(storage.trace.local.min_free_bytes); try again later",
      wal_is_fuller ? folders_.wal : folders_.blocks, mib(volume.free_bytes), mib(volume.free_min));
}

// ---------------------------------------------------------------------------- the cut thread

DiskGuard::Going DiskGuard::look(std::vector<StoredBlock> blocks, int64_t received_after_ns) {
  const int64_t steady_ns = clock_.steady_ns();
  wants_look_ = false;
  if (!tempo_found_ns_ || steady_ns - *tempo_found_ns_ >= kTempoPeriodNs) find_tempo();
  const Usage usage = measure_usage(blocks);
  const uint64_t going = count_going();
  const DiskLimits& limits = options_.limits;

  DiskDemand demand;
  if (may_age(blocks, received_after_ns)) demand.received_before_ns = received_after_ns;
  const bool tempo_may_age = steady_ns - began_ns_ >= kTempoGraceNs;
  for (size_t i = 0; i < tempo_.size(); ++i) {
    blocks.push_back({.number = i,
                      .is_tempo = true,
                      .bytes = tempo_[i].bytes,
                      .received_max_ns = tempo_[i].end_ns});
  }
  DiskVerdict verdict;
  {
    const std::lock_guard lock(mutex_);
    measure_volumes();
    used_ = less(usage.total(), going);
    const uint64_t bytes_max = limits.bytes_max - merge_room_of(limits);
    if (limits.bytes_max > 0)
      demand.bytes = less(less(used_, static_cast<uint64_t>(merges_.used())), bytes_max);
    demand.bytes = std::max(demand.bytes, less(volume_shortage(), going));
    verdict = choose_what_goes(std::move(blocks), demand);
    can_remove_ = verdict.missing_bytes == 0;
    looked_ns_ = steady_ns;
    judge();
  }
  show(usage);
  Going out;
  for (const StoredBlock& block : verdict.too_old) {
    if (!block.is_tempo) out.too_old.push_back(block.number);
  }
  for (const StoredBlock& block : verdict.displaced) out.displaced.push_back(block.number);
  if (tempo_may_age || demand.bytes > 0) remove_tempo(verdict.too_old);
  return out;
}

// Puts their times right as well.
bool DiskGuard::may_age(std::vector<StoredBlock>& blocks, int64_t received_after_ns) {
  const int64_t now_ns = clock_.unix_ns();
  correct_times(blocks, now_ns);
  const auto is_old = [&](const StoredBlock& b) { return b.received_max_ns < received_after_ns; };
  const bool all_old = !blocks.empty() && std::ranges::all_of(blocks, is_old);
  return clock_watch_.is_trusted(now_ns, clock_.steady_ns(), all_old);
}

DiskGuard::Usage DiskGuard::measure_usage(const std::vector<StoredBlock>& blocks) {
  Usage out{.wal = bytes_below(storage_, folders_.wal).value_or(0), .ballast = ballast_.bytes()};
  for (const StoredBlock& block : blocks) out.blocks += block.bytes;
  const uint64_t ours = bytes_below(storage_, folders_.blocks).value_or(0);
  out.other = less(ours, out.blocks + out.ballast);
  for (const TempoBlock& block : tempo_) out.tempo += block.bytes;
  return out;
}

void DiskGuard::show(const Usage& usage) {
  gauges_.blocks.Set(as_double(usage.blocks));
  gauges_.wal.Set(as_double(usage.wal));
  gauges_.ballast.Set(as_double(usage.ballast));
  gauges_.other.Set(as_double(usage.other));
  gauges_.tempo.Set(as_double(usage.tempo));
}

void DiskGuard::note_removed(std::span<const StoredBlock> blocks,
                             std::span<const uint64_t> numbers) {
  for (const StoredBlock& block : blocks) {
    if (std::ranges::find(numbers, block.number) != numbers.end()) going_.push_back(block);
  }
}

uint64_t DiskGuard::count_going() {
  std::erase_if(going_, [](const StoredBlock& block) { return block.readers.expired(); });
  uint64_t bytes = 0;
  for (const StoredBlock& block : going_) bytes += block.bytes;
  return bytes;
}

void DiskGuard::find_tempo() {
  if (options_.tempo_folder.empty()) return;
  tempo_found_ns_ = clock_.steady_ns();
  tempo_ = find_tempo_blocks(storage_, options_.tempo_folder);
  if (tempo_.empty() || std::exchange(tempo_told_, true)) return;
  uint64_t bytes = 0;
  for (const TempoBlock& block : tempo_) bytes += block.bytes;
  log::info("blocks of Tempo were found; they are not read, and go by the same retention",
            {{"blocks", tempo_.size()}, {"bytes", bytes}});
}

void DiskGuard::remove_tempo(const std::vector<StoredBlock>& blocks) {
  size_t removed = 0;
  for (const StoredBlock& block : blocks) {
    if (!block.is_tempo) continue;
    const TempoBlock& tempo = tempo_[block.number];
    if (auto done = remove_tempo_block(storage_, tempo); !done) {
      log::error("a block of Tempo could not be removed", {{"err", done.error().message}});
      continue;
    }
    ++removed;
    log::info("deleting block", {{"folder", tempo.folder}, {"why", "past retention"}});
  }
  if (removed == 0) return;
  tempo_removed_.Increment(static_cast<double>(removed));
  tempo_found_ns_ = std::nullopt;  // look again
}

void DiskGuard::keep_ballast(uint64_t bytes) {
  if (bytes > 0 && is_short()) return;  // what there is stays
  if (auto kept = ballast_.keep(bytes); !kept && kept.error().code != Code::limit) {
    log::error("the ballast cannot be kept", {{"err", kept.error().message}});
  }
}

bool DiskGuard::release_ballast() { return ballast_.release(); }

}  // namespace vivace
