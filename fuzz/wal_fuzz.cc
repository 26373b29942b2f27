// The write-ahead log on a disk that holds anything. The first byte of an input chooses:
//
//   bit 0   0: the rest is the image of a segment file; 1: the rest are changes to a valid log of
//           three segments, four bytes each: offset (3, over all files), mask (1)
//   bit 1   the checksums of segment headers, and of the heads that begin where heads began, are
//   made
//           to hold again, so that hostile sizes get past them
//   bit 2   the log is started, takes a record, and is opened once more
//
// Replay must end without a crash, in little memory. What it brings back from a changed log is what
// was written, in order; a record that was taken is there after the next start.
#include <cstdlib>
#include <vector>

#include <fmt/format.h>

#include "base/bytes.h"
#include "storage/fault_storage.h"
#include "wal/wal.h"

namespace vivace {
namespace {

constexpr char kFolder[] = "/disk";
constexpr uint64_t kSegment = 4'096;
constexpr int64_t kAppended = 1'000;
const WalOptions kOptions{.folder = kFolder, .segment_bytes = kSegment, .bytes_max = 1 << 20};

std::string path_of(size_t segment) { return fmt::format("{}/wal-{:06}.seg", kFolder, segment); }

WalRecord make_record(int64_t number) {
  WalRecord record;
  record.tenant = std::string(static_cast<size_t>(number % 9), 't');
  record.receive_time_ns = number;
  record.rejected.assign(static_cast<size_t>(number % 3), 7);
  record.body = std::string(static_cast<size_t>(100 + number * 97 % 300), 'b');
  record.body_hash = hash_body(record.tenant, record.body);
  return record;
}

void append(Wal& wal, int64_t number) {
  wal.append(make_record(number), [](Result<Lsn> lsn) { ASSERT(lsn); });
}

struct Log {
  std::vector<std::string> files;
  std::vector<uint64_t> heads;  // offsets over all files
};

// Six starts that commit a group of five records each: what waits before the start of the writer is
// one group, so that the log is the same in every process.
Log make_log() {
  FaultStorage disk;
  Log log;
  for (int64_t first = 1; first <= 30; first += 5) {
    Metrics metrics;
    auto wal = Wal::open(disk, kOptions, metrics).value();
    const auto nothing = wal->replay(0, [](const WalRecord&, Lsn) { return Result<void>(); });
    ASSERT(nothing);
    for (int64_t number = first; number < first + 5; ++number) {
      wal->append(make_record(number), [&log](Result<Lsn> lsn) { log.heads.push_back(*lsn); });
    }
    wal->start();
  }
  for (size_t i = 1; i <= 3; ++i) log.files.push_back(disk.durable(path_of(i)));
  ASSERT(disk.durable(path_of(4)).empty());
  return log;
}

void sign_header(std::string& file) {
  if (file.size() >= 40) store(file.data() + 32, hash64({file.data(), 32}));
}

void sign_head(std::string& file, uint64_t offset) {
  if (file.size() < offset + kRecordHeadBytes) return;
  const Lsn lsn = load<uint64_t>(file.data() + 8) + offset;
  char* const head = file.data() + offset;
  const size_t checked = kRecordHeadBytes + load<uint16_t>(head + 64) - 24;
  if (file.size() < offset + 24 + checked) return;
  store(head + 16, hash64({head + 24, checked}, hash64({head, 16}, lsn)));
}

std::vector<std::string> change(const Log& log, std::string_view changes) {
  std::vector<std::string> files = log.files;
  for (; changes.size() >= 4; changes.remove_prefix(4)) {
    const uint32_t word = load<uint32_t>(changes.data());
    const uint64_t at = (word & 0xffffff) % (files.size() * kSegment);
    char& byte = files[at / kSegment][at % kSegment];
    byte = static_cast<char>(byte ^ static_cast<char>(word >> 24));
  }
  return files;
}

// Empty when the log cannot be opened, which only an unknown version may cause.
std::vector<int64_t> open_and_replay(FaultStorage& disk, bool verbatim, bool with_append) {
  Metrics metrics;
  auto wal = Wal::open(disk, kOptions, metrics);
  if (!wal) {
    ASSERT(wal.error().code == Code::unimplemented);
    return {};
  }
  std::vector<int64_t> numbers;
  const auto report = (*wal)->replay(0, [&](const WalRecord& record, Lsn) {
    const int64_t number = record.receive_time_ns;
    numbers.push_back(number);
    if (!verbatim) return Result<void>();
    const WalRecord written = make_record(number);
    ASSERT(record.tenant == written.tenant && record.rejected == written.rejected &&
           record.body == written.body);
    ASSERT(numbers.size() == 1 || numbers[numbers.size() - 2] < number);
    return Result<void>();
  });
  ASSERT(report);
  ASSERT(report->records == numbers.size());
  if (with_append) {
    (*wal)->start();
    append(**wal, kAppended);
    (*wal)->stop();
  }
  return numbers;
}

void fuzz(std::string_view input) {
  static const Log log = make_log();
  if (input.empty()) return;
  const auto mode = static_cast<uint8_t>(input.front());
  input.remove_prefix(1);
  const bool changed = (mode & 1) != 0;
  const bool sign = (mode & 2) != 0;
  const bool again = (mode & 4) != 0;
  std::vector<std::string> files =
      changed ? change(log, input) : std::vector<std::string>{std::string(input)};
  FaultStorage disk;
  for (size_t i = 0; i < files.size(); ++i) {
    if (sign) {
      sign_header(files[i]);
      if (!changed) sign_head(files[i], kSegmentHeaderBytes);
      for (const uint64_t head : log.heads) {
        if (changed && head / kSegment == i) sign_head(files[i], head % kSegment);
      }
    }
    disk.set_durable(path_of(i + 1), std::move(files[i]));
  }
  const bool verbatim = changed && !sign;
  const auto first = open_and_replay(disk, verbatim, again);
  if (!again || first.empty()) return;
  auto expected = first;
  expected.push_back(kAppended);
  disk.restart(FaultStorage::Unsynced::dropped);
  const auto second = open_and_replay(disk, verbatim, false);
  ASSERT(!verbatim || second == expected);
}

}  // namespace
}  // namespace vivace

// What the log says about damage would be most of the fuzzer's output.
extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  static std::vector<char*> arguments(*argv, *argv + *argc);
  static char quiet[] = "-close_fd_mask=2";
  arguments.push_back(quiet);
  arguments.push_back(nullptr);
  *argc += 1;
  *argv = arguments.data();
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  vivace::fuzz({reinterpret_cast<const char*>(data), size});
  return 0;
}
