// Names and headers, in the order of the log. Records are read by whoever needs them, with the
// log's own reader.
#include "tools/log_files.h"

#include <algorithm>

namespace vivace::tools {

Result<LogFile> read_log_file(Storage& storage, const std::string& path) {
  LogFile out;
  out.path = path;
  out.name = path.substr(path.rfind('/') + 1);
  const auto file = TRY(storage.open(path, Storage::Open::existing));
  out.bytes = TRY(file->size());
  auto slot = read_segment_header(*file);
  if (!slot) return std::unexpected(std::move(slot).error().in(path));
  out.slot = *slot;
  return out;
}

Result<std::vector<LogFile>> find_log_files(Storage& storage, const std::string& folder) {
  std::vector<LogFile> out;
  for (const std::string& name : TRY(storage.list(folder))) {
    if (!name.starts_with("wal-") || !(name.ends_with(".seg") || name.ends_with(".damaged"))) {
      continue;
    }
    auto file = read_log_file(storage, folder + "/" + name);
    if (!file && file.error().code == Code::not_found) continue;  // freed and removed meanwhile
    out.push_back(TRY(std::move(file)));
  }
  std::ranges::stable_sort(out, {}, [](const LogFile& file) { return file.base(); });
  return out;
}

std::optional<Lsn> expected_end(const LogFile& segment, const LogFile* next) {
  if (next == nullptr) return std::nullopt;
  const Lsn end = next->slot.header->previous_end;
  if (end == 0 || end > segment.end()) return std::nullopt;
  return std::max(end, segment.base());
}

}  // namespace vivace::tools
