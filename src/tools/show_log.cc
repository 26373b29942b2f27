// `vivace wal show`: segments in the order of the log, and a line for each record. Where the next
// record does not begin at the end of the one before, the bytes between are damaged.
#include <charconv>

#include <fmt/format.h>

#include "decode/otlp.h"
#include "store/block_list.h"
#include "tools/log_files.h"
#include "tools/places.h"
#include "tools/text.h"
#include "tools/tool.h"
#include "wire/compression.h"

namespace vivace::tools {
namespace {

constexpr size_t kBodyBytesMax = 1 << 30;

std::string_view encoding_name(uint8_t encoding) {
  switch (static_cast<ContentEncoding>(encoding)) {
    case ContentEncoding::identity:
      return "identity";
    case ContentEncoding::gzip:
      return "gzip";
    case ContentEncoding::zstd:
      return "zstd";
    case ContentEncoding::zlib:
      return "zlib";
    case ContentEncoding::deflate:
      return "deflate";
    case ContentEncoding::snappy:
      return "snappy";
    case ContentEncoding::snappy_block:
      return "snappy block";
    case ContentEncoding::lz4:
      return "lz4";
  }
  return "unknown";
}

std::string spans_text(const WalRecord& record) {
  const auto body =
      unpack(static_cast<ContentEncoding>(record.encoding), record.body, kBodyBytesMax);
  if (record.decoder_version != kDecoderOtlpProtobuf || !body) return "not decodable";
  const uint64_t spans = count_spans(*body);
  if (record.rejected.empty()) return fmt::format("{} spans", spans);
  return fmt::format("{} spans, {} of them refused", spans, record.rejected.size());
}

class LogShow {
 public:
  LogShow(const Tool& tool, Lsn from) : tool_(tool), from_(from) {}

  // `next`: the segment behind it.
  Result<void> show(const LogFile& file, const LogFile* next) {
    if (!file.is_segment()) {
      line(fmt::format("{}: {}", file.name,
                       file.slot.damaged ? "DAMAGED: it has no header" : "blank"));
      damaged_ += file.slot.damaged ? 1 : 0;
      return {};
    }
    line(fmt::format("{}: LSN {} to {}; {} bytes; the segment before it ends at {}{}", file.name,
                     file.base(), file.end(), file.bytes, file.slot.header->previous_end,
                     file.end() <= from_ ? "; free: all of it is in blocks" : ""));
    if (file.slot.damaged) damage("its header", kSegmentHeaderBytes);
    if (file.end() <= from_) return {};
    return show_records(file, next);
  }
  Result<int> finish() {
    line(fmt::format("{} records, {} bytes, {} spans; {} places of damage", records_, bytes_,
                     spans_, damaged_));
    return damaged_ == 0 ? 0 : 1;
  }

 private:
  void line(const std::string& text) { tool_.console.out(text + "\n"); }
  void damage(const std::string& what, uint64_t bytes) {
    ++damaged_;
    line(fmt::format("  DAMAGED: {}, {} bytes", what, bytes));
  }
  Result<void> show_records(const LogFile& file, const LogFile* next);
  void show_record(const WalRecord& record, Lsn lsn);

  const Tool& tool_;
  const Lsn from_;
  uint64_t records_ = 0;
  uint64_t bytes_ = 0;
  uint64_t spans_ = 0;
  uint64_t damaged_ = 0;
};

Result<void> LogShow::show_records(const LogFile& file, const LogFile* next) {
  const auto bytes = TRY(tool_.storage.open(file.path, Storage::Open::existing));
  Lsn at = file.base() + kSegmentHeaderBytes;
  uint64_t named = 0;
  const ScanBounds bounds{.from = 0, .expected_end = expected_end(file, next)};
  const auto gap_before = [&](Lsn lsn) {
    if (lsn > at) damage(fmt::format("LSN {} to {}", at, lsn), lsn - at);
    named += lsn > at ? lsn - at : 0;
  };
  auto scan = scan_segment(*bytes, *file.slot.header, bounds,
                           [&](const WalRecord& record, Lsn lsn) -> Result<void> {
                             gap_before(lsn);
                             at = lsn + record_bytes(record);
                             if (lsn >= from_) show_record(record, lsn);
                             return {};
                           });
  if (!scan) return std::unexpected(std::move(scan).error().in(file.path));
  gap_before(scan->end);
  if (scan->damaged_bytes > named) damage("behind the records", scan->damaged_bytes - named);
  line(fmt::format("  records end at {}", scan->end));
  return {};
}

void LogShow::show_record(const WalRecord& record, Lsn lsn) {
  ++records_;
  bytes_ += record_bytes(record);
  if (const auto body =
          unpack(static_cast<ContentEncoding>(record.encoding), record.body, kBodyBytesMax)) {
    spans_ += count_spans(*body);
  }
  line(fmt::format("  {} {} {} {} bytes, body {} {}, {}", lsn,
                   exact_time_text(static_cast<uint64_t>(record.receive_time_ns)),
                   record.tenant.empty() ? "-" : printable(record.tenant), record_bytes(record),
                   record.body.size(), encoding_name(record.encoding), spans_text(record)));
}

// --from, else what the block list says.
Result<Lsn> first_lsn(const Tool& tool, const std::string& blocks) {
  const std::string given = tool.arguments.flag("from");
  Lsn from = 0;
  if (!given.empty()) {
    const auto [end, failed] = std::from_chars(given.data(), given.data() + given.size(), from);
    if (failed == std::errc() && end == given.data() + given.size()) return from;
    return fail(Code::invalid_argument, given + " is no LSN");
  }
  if (blocks.empty()) return from;
  const auto list = read_block_list(tool.storage, blocks);
  return list ? list->replay_from : from;
}

}  // namespace

Result<int> show_log(const Tool& tool) {
  const std::string named = tool.arguments.count() > 0 ? tool.arguments[0] : std::string();
  if (!named.empty() && !is_folder(tool.storage, named)) {
    const LogFile file = TRY(read_log_file(tool.storage, named));
    LogShow show(tool, TRY(first_lsn(tool, "")));
    CHECK_OK(show.show(file, nullptr));
    return show.finish();
  }
  const Places places = TRY(places_of(tool, named));
  if (places.log.empty()) return fail(Code::not_found, "there is no log, only blocks");
  LogShow show(tool, TRY(first_lsn(tool, places.blocks)));
  const std::vector<LogFile> files = TRY(find_log_files(tool.storage, places.log));
  for (size_t i = 0; i < files.size(); ++i) {
    CHECK_OK(show.show(files[i], i + 1 < files.size() ? &files[i + 1] : nullptr));
  }
  return show.finish();
}

}  // namespace vivace::tools
