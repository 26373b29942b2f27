// `vivace block show`: what the file is made of. Sizes come from the directory and the headers of
// chunks, layouts from their contents.
#include <algorithm>
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "block/layout.h"
#include "tools/block_file.h"
#include "tools/text.h"
#include "tools/tool.h"

namespace vivace::tools {
namespace {

std::string time_of(int64_t unix_ns) { return exact_time_text(static_cast<uint64_t>(unix_ns)); }

std::string footer_text(const BlockFile& file) {
  const BlockFooter& footer = file.footer();
  const BlockIdentity& identity = footer.identity;
  const BlockSummary& sum = footer.summary;
  return fmt::format(
      "block      {} of tenant {}\n"
      "log        from {} to {}\n"
      "replaces   {}\n"
      "bytes      {}, {} a span; {} of them footer\n"
      "spans      {}; {} traces, {} events, {} links, {} resources, {} scopes\n"
      "started    {} to {}\n"
      "received   {} to {}\n"
      "shapes     {} of resources, {} of scopes, {} of spans, {} of events, {} of links\n",
      identity.number, identity.tenant, identity.log_from, identity.log_end,
      identity.replaces.empty() ? "nothing" : fmt::format("{}", fmt::join(identity.replaces, ", ")),
      file.bytes(), ratio_text(file.bytes(), sum.rows), file.footer_bytes(), sum.rows, sum.traces,
      footer.events, footer.links, footer.resources, footer.scopes,
      exact_time_text(sum.start_min_ns), exact_time_text(sum.end_max_ns),
      time_of(sum.received_min_ns), time_of(sum.received_max_ns), footer.shapes[0],
      footer.shapes[1], footer.shapes[2], footer.shapes[3], footer.shapes[4]);
}

std::string groups_text(const BlockFooter& footer) {
  Table table({"ROW GROUP", "SPANS", "EVENTS", "LINKS", "TRACES", "FIRST START", "LAST END",
               "RECEIVED TO"});
  uint32_t number = 0;
  for (const BlockGroup& group : footer.groups) {
    table.add({std::to_string(number++), std::to_string(group.of.rows.count),
               std::to_string(group.of.events.count), std::to_string(group.of.links.count),
               std::to_string(group.traces.count), exact_time_text(group.of.start_min_ns),
               exact_time_text(group.of.end_max_ns), time_of(group.of.received_max_ns)});
  }
  return table.text();
}

std::string sections_text(const BlockFile& file) {
  Table table({"SECTION", "OFFSET", "BYTES", "SHARE"});
  for (const BlockSection& section : file.footer().sections) {
    table.add({section_name(section.kind), std::to_string(section.offset),
               std::to_string(section.bytes), share_text(section.bytes, file.bytes())});
  }
  table.add({"footer", std::to_string(file.bytes() - file.footer_bytes()),
             std::to_string(file.footer_bytes()), share_text(file.footer_bytes(), file.bytes())});
  return table.text();
}

struct ColumnSum {
  uint32_t column = 0;
  uint32_t chunks = 0;  // all of them
  uint64_t stored = 0;
  uint64_t unpacked = 0;
  uint64_t dictionary_stored = 0;
  uint64_t dictionary_unpacked = 0;
  std::map<std::string, uint32_t> packings;
  std::map<std::string, uint32_t> layouts;  // without the dictionary

  // `layout` is empty for what is beside the values: dictionary, statistics.
  void add(const StoredChunk& chunk, const std::string& layout) {
    column = chunk.column;
    ++chunks;
    stored += chunk.bytes;
    unpacked += chunk.unpacked_bytes;
    ++packings[packing_name(chunk.packing)];
    if (!layout.empty()) ++layouts[layout];
    if (chunk.slot != kDictionarySlot) return;
    dictionary_stored = chunk.bytes;
    dictionary_unpacked = chunk.unpacked_bytes;
  }
};

// "zstd", or "raw 2, zstd 14".
std::string counts_text(const std::map<std::string, uint32_t>& counts) {
  if (counts.size() == 1) return counts.begin()->first;
  std::string out;
  for (const auto& [name, count] : counts) {
    out += fmt::format("{}{} {}", out.empty() ? "" : ", ", name, count);
  }
  return out;
}

std::string columns_text(const BlockFile& file, std::vector<ColumnSum> columns) {
  std::ranges::stable_sort(columns, std::greater(), &ColumnSum::stored);
  Table table({"COLUMN", "CHUNKS", "PACKING", "LAYOUT", "STORED", "UNPACKED", "RATIO", "SHARE",
               "B/SPAN", "DICTIONARY"});
  ColumnSum all;
  for (const ColumnSum& column : columns) {
    all.chunks += column.chunks;
    all.stored += column.stored;
    all.unpacked += column.unpacked;
    table.add({printable(file.column_name(column.column)), std::to_string(column.chunks),
               counts_text(column.packings), counts_text(column.layouts),
               std::to_string(column.stored), std::to_string(column.unpacked),
               ratio_text(column.unpacked, column.stored), share_text(column.stored, file.bytes()),
               ratio_text(column.stored, file.footer().summary.rows),
               column.dictionary_stored == 0
                   ? "-"
                   : fmt::format("{} ({} unpacked)", column.dictionary_stored,
                                 column.dictionary_unpacked)});
  }
  table.add({"all", std::to_string(all.chunks), "", "", std::to_string(all.stored),
             std::to_string(all.unpacked), ratio_text(all.unpacked, all.stored),
             share_text(all.stored, file.bytes()),
             ratio_text(all.stored, file.footer().summary.rows), ""});
  return table.text();
}

}  // namespace

Result<int> show_block(const Tool& tool) {
  const BlockFile file = TRY(BlockFile::open(tool.storage, tool.arguments[0]));
  tool.console.out(footer_text(file) + "\n" + groups_text(file.footer()) + "\n" +
                   sections_text(file) + "\n");
  auto directory = file.read_directory();
  if (!directory) return std::unexpected(std::move(directory).error().in("directory"));
  std::map<uint32_t, ColumnSum> columns;
  CHECK_OK(file.each_chunk(*directory, [&](const StoredChunk& chunk) {
    const bool is_beside =
        chunk.slot == kDictionarySlot || chunk.slot >= statistics_slot(file.footer().slots());
    if (is_beside) return columns[chunk.column].add(chunk, {});
    const auto content = file.unpack(chunk);
    columns[chunk.column].add(chunk, content ? layout_name(chunk, *content) : "DAMAGED");
  }));
  std::vector<ColumnSum> sums;
  for (auto& [number, sum] : columns) sums.push_back(std::move(sum));
  tool.console.out(columns_text(file, std::move(sums)));
  return 0;
}

}  // namespace vivace::tools
