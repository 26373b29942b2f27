// `vivace snapshot`: the backup, beside a server that goes on cutting, merging and removing blocks.
//
// The order makes it consistent, without a lock:
//
//   1. The log is copied: the valid records of every segment that the block list does not make
//   free.
//   2. The block list is read, after the copy. What is behind its replay point has not been
//      overwritten up to now, so the copy of it is good; what is before lies in the blocks it
//      names.
//   3. Those blocks are linked. One that has gone meanwhile was merged or is past retention, and a
//      newer list says so: back to 2. Links of blocks that the last list does not name are removed.
//   4. Copied segments that lie before the replay point are removed, the list is written, all is
//      synced, and the folder gets its name.
//
// What was acknowledged before step 1 was in the log then, or in blocks that some list named; every
// later list names them or what took their place. (Nothing is retained longer than the server
// does.) A record that is being written while its segment is copied is not in the copy, nor is
// anything behind it.
#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "base/log.h"
#include "store/block_list.h"
#include "tools/block_files.h"
#include "tools/log_files.h"
#include "tools/places.h"
#include "tools/tool.h"

namespace vivace::tools {
namespace {

constexpr int kTriesMax = 1'000;        // of reading a list that changes all the time
constexpr int kScansMax = 5;            // of a segment that is being written
constexpr size_t kCopyBytes = 1 << 20;  // at once

class SnapshotTaker {
 public:
  SnapshotTaker(Storage& storage, Places from, std::string to)
      : storage_(storage),
        from_(std::move(from)),
        blocks_(to + "/blocks/vivace/blocks"),
        log_(to + "/wal/vivace") {}

  Result<void> run() {
    CHECK_OK(storage_.make_folders(blocks_));
    CHECK_OK(storage_.make_folders(log_));
    CHECK_OK(copy_log());
    CHECK_OK(link_blocks());
    CHECK_OK(drop_freed_segments());
    CHECK_OK(link_set_aside());
    CHECK_OK(write_block_list(storage_, blocks_, list_));
    return storage_.sync_directory(log_);
  }

  const BlockList& list() const { return list_; }
  size_t segments() const { return copied_.size(); }
  const std::vector<std::string>& missing() const { return missing_; }

 private:
  Result<void> copy(const std::string& from, const std::string& to, uint64_t bytes,
                    uint64_t file_bytes);
  Result<void> link_or_copy(const std::string& from, const std::string& to);

  Result<std::vector<LogFile>> find_segments();
  Result<void> copy_log();
  Result<SegmentScan> scan(const LogFile& segment, const ScanBounds& bounds);
  Result<void> copy_segment(const LogFile& file, ScanBounds& bounds);

  Result<bool> link_listed();
  Result<void> link_blocks();
  Result<void> drop_freed_segments();
  Result<void> link_set_aside();

  Storage& storage_;
  const Places from_;
  const std::string blocks_;
  const std::string log_;
  BlockList list_;
  struct Copied {
    LogFile file;
    Lsn end = 0;  // of its records in the copy
  };
  std::vector<Copied> copied_;
  std::vector<LogFile> gone_;     // while they were being copied
  std::set<std::string> linked_;  // paths in the snapshot
  std::vector<std::string> missing_;
};

// The first `bytes`; the rest of the file is zeros.
Result<void> SnapshotTaker::copy(const std::string& from, const std::string& to, uint64_t bytes,
                                 uint64_t file_bytes) {
  const auto source = TRY(storage_.open(from, Storage::Open::existing));
  CHECK_OK(storage_.remove(to));
  const auto target = TRY(storage_.open(to, Storage::Open::create));
  if (file_bytes > bytes) CHECK_OK(target->allocate(file_bytes));
  std::string buffer;
  for (uint64_t at = 0; at < bytes; at += buffer.size()) {
    buffer.resize(std::min<uint64_t>(kCopyBytes, bytes - at));
    const ReadRange range{at, buffer};
    CHECK_OK(source->read({&range, 1}));
    const std::string_view part = buffer;
    CHECK_OK(target->write(at, {&part, 1}));
  }
  return target->sync();
}

// Blocks never change, and stay readable while they are open.
Result<void> SnapshotTaker::link_or_copy(const std::string& from, const std::string& to) {
  auto linked = storage_.link(from, to);
  if (linked || linked.error().code != Code::unimplemented) return linked;
  const auto file = TRY(storage_.open(from, Storage::Open::existing));
  const uint64_t bytes = TRY(file->size());
  return copy(from, to, bytes, bytes);
}

// Headers do not change together: twice the same means that no segment was begun in between, so
// that none is missing from the middle.
Result<std::vector<LogFile>> SnapshotTaker::find_segments() {
  const auto same = [](const LogFile& a, const LogFile& b) {
    return a.name == b.name && a.is_segment() == b.is_segment() && a.base() == b.base();
  };
  std::vector<LogFile> last = TRY(find_log_files(storage_, from_.log));
  for (int i = 0; i < kTriesMax; ++i) {
    std::vector<LogFile> now = TRY(find_log_files(storage_, from_.log));
    if (std::ranges::equal(last, now, same)) return now;
    last = std::move(now);
  }
  return fail(Code::limit, "the log changes faster than it can be read");
}

// A record that is being written looks like damage when a later one is there already; it does not
// the next time.
Result<SegmentScan> SnapshotTaker::scan(const LogFile& segment, const ScanBounds& bounds) {
  const auto file = TRY(storage_.open(segment.path, Storage::Open::existing));
  const auto count = [](const WalRecord&, Lsn) -> Result<void> { return {}; };
  SegmentScan last;
  for (int i = 0; i < kScansMax; ++i) {
    last = TRY(scan_segment(*file, *segment.slot.header, bounds, count));
    if (last.damaged_bytes == 0) break;
  }
  return last;
}

Result<void> SnapshotTaker::copy_log() {
  if (from_.log.empty()) return {};
  // A segment that is free now stays so; without a list all are needed.
  const auto list = read_block_list(storage_, from_.blocks);
  const Lsn replay_from = list ? list->replay_from : 0;
  const std::vector<LogFile> files = TRY(find_segments());
  ScanBounds bounds{.from = replay_from};
  for (size_t i = 0; i < files.size(); ++i) {
    const LogFile& file = files[i];
    if (!file.is_segment()) {
      // One that has lost its header may have records; a blank slot has none.
      if (!file.slot.damaged) continue;
      CHECK_OK(copy(file.path, log_ + "/" + file.name, file.bytes, file.bytes));
      continue;
    }
    if (file.end() <= replay_from) continue;
    bounds.expected_end = expected_end(file, i + 1 < files.size() ? &files[i + 1] : nullptr);
    auto copied = copy_segment(file, bounds);
    if (copied) continue;
    const Code code = copied.error().code;
    if (code != Code::not_found && code != Code::corrupt) return copied;
    gone_.push_back(file);  // removed or written over: it must be free by now
  }
  return {};
}

Result<void> SnapshotTaker::copy_segment(const LogFile& file, ScanBounds& bounds) {
  const SegmentScan scanned = TRY(scan(file, bounds));
  const bool damaged = scanned.damaged_bytes > 0 || file.slot.damaged;
  const uint64_t bytes = damaged ? file.bytes : scanned.end - file.base();
  CHECK_OK(copy(file.path, log_ + "/" + file.name, bytes, file.bytes));
  bounds.epoch = scanned.epoch;
  copied_.push_back({file, damaged ? file.end() : scanned.end});
  return {};
}

// False when a block has gone.
Result<bool> SnapshotTaker::link_listed() {
  missing_.clear();
  for (const ListedBlock& block : list_.blocks) {
    const std::string to = block_path(blocks_, block.tenant, block.number);
    if (linked_.contains(to)) continue;
    CHECK_OK(storage_.make_folders(blocks_ + "/" + block.tenant));
    const auto linked = link_or_copy(block_path(from_.blocks, block.tenant, block.number), to);
    if (linked) {
      linked_.insert(to);
      continue;
    }
    if (linked.error().code != Code::not_found) return std::unexpected(linked.error());
    missing_.push_back(linked.error().message);
  }
  return missing_.empty();
}

Result<void> SnapshotTaker::link_blocks() {
  list_ = TRY(read_block_list(storage_, from_.blocks));
  for (int i = 0; i < kTriesMax; ++i) {
    if (TRY(link_listed())) break;
    BlockList now = TRY(read_block_list(storage_, from_.blocks));
    if (now == list_) break;  // it names what is not there: the source is damaged
    list_ = std::move(now);
  }
  std::set<std::string> folders;
  for (const ListedBlock& block : list_.blocks) {
    linked_.erase(block_path(blocks_, block.tenant, block.number));
    folders.insert(blocks_ + "/" + block.tenant);
  }
  for (const std::string& path : linked_) CHECK_OK(storage_.remove(path));
  for (const std::string& folder : folders) CHECK_OK(storage_.sync_directory(folder));
  return {};
}

// All of whose records are in blocks by now; and none may be missing that has others.
Result<void> SnapshotTaker::drop_freed_segments() {
  for (const LogFile& file : gone_) {
    if (file.end() <= list_.replay_from) continue;
    return fail(Code::corrupt, file.path + " went while it was being copied, and is not in blocks");
  }
  const auto is_free = [&](const Copied& copied) { return copied.end <= list_.replay_from; };
  for (const Copied& copied : copied_) {
    if (is_free(copied)) CHECK_OK(storage_.remove(log_ + "/" + copied.file.name));
  }
  std::erase_if(copied_, is_free);
  return {};
}

// Bodies that could not be read once.
Result<void> SnapshotTaker::link_set_aside() {
  for (const std::string& name : TRY(storage_.list(from_.blocks))) {
    if (!name.starts_with("undecodable-")) continue;
    CHECK_OK(link_or_copy(from_.blocks + "/" + name, blocks_ + "/" + name));
  }
  return {};
}

std::string parent_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Result<void> sync_folders(Storage& storage, const std::string& root) {
  for (const char* below : {"/blocks/vivace", "/blocks", "/wal", ""}) {
    CHECK_OK(storage.sync_directory(root + below));
  }
  return {};
}

Result<void> check_empty(Storage& storage, const std::string& folder, std::string_view hint) {
  const auto names = storage.list(folder);
  const bool is_file = !names && storage.open(folder, Storage::Open::existing).has_value();
  if (!is_file && (!names || names->empty())) return {};
  return fail(Code::io, fmt::format("{} is there already{}", folder, hint));
}

}  // namespace

Result<int> take_snapshot(const Tool& tool) {
  std::string to = tool.arguments[0];
  while (to.size() > 1 && to.ends_with('/')) to.pop_back();
  const std::string unfinished = to + ".unfinished";
  const Places places = TRY(places_of(tool, tool.arguments.flag("from")));
  if (places.blocks.empty()) {
    return fail(Code::not_found, "there is no block list: a server that has started makes one");
  }
  CHECK_OK(check_empty(tool.storage, to, "; a snapshot needs a new folder"));
  CHECK_OK(
      check_empty(tool.storage, unfinished, ": a snapshot that did not end left it. Remove it"));
  SnapshotTaker taker(tool.storage, places, unfinished);
  CHECK_OK(taker.run());
  CHECK_OK(sync_folders(tool.storage, unfinished));
  CHECK_OK(tool.storage.rename(unfinished, to));
  CHECK_OK(tool.storage.sync_directory(parent_of(to)));
  uint64_t spans = 0;
  for (const ListedBlock& block : taker.list().blocks) spans += block.rows;
  tool.console.out(
      fmt::format("{}: {} blocks with {} spans, {} segments of the log, replay from {}\n", to,
                  taker.list().blocks.size(), spans, taker.segments(), taker.list().replay_from));
  for (const std::string& missing : taker.missing()) {
    tool.console.err("missing, here and in the snapshot: " + missing + "\n");
  }
  return taker.missing().empty() ? 0 : 1;
}

}  // namespace vivace::tools
