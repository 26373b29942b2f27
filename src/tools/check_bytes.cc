// The first half: every byte belongs to something that has a checksum, and the checksum holds. (The
// footer's held already, or there would be no BlockFile.)
#include <algorithm>

#include <fmt/format.h>

#include "block/layout.h"
#include "block/trace_filter.h"
#include "block/trace_index.h"
#include "tools/check_block.h"

namespace vivace::tools {
namespace {

void check_magic(const BlockFile& file, BlockReport& report) {
  const auto magic = file.read(0, kBlockMagic.size());
  if (!magic) return report.add("magic", magic.error().message);
  if (*magic != kBlockMagic) report.add("magic", "not that of a block; nothing else needs it");
}

// From the magic to the footer without a gap.
void check_layout(const BlockFile& file, BlockReport& report) {
  std::vector<BlockSection> sections = file.footer().sections;
  std::ranges::sort(sections, {}, &BlockSection::offset);
  uint64_t at = kBlockMagic.size();
  const auto expect = [&](uint64_t offset, const std::string& name) {
    if (offset == at) return;
    report.add(name, fmt::format("begins at {}, but what is before it ends at {}", offset, at));
  };
  for (const BlockSection& section : sections) {
    expect(section.offset, section_name(section.kind));
    at = section.offset + section.bytes;
  }
  expect(file.bytes() - file.footer_bytes(), "footer");
}

void check_chunks(const BlockFile& file, BlockReport& report) {
  const auto directory = file.read_directory();
  if (!directory) {
    report.bad_sections.insert(kSectionDirectory);
    report.add("directory", directory.error().message);
    report.notes.emplace_back("without its directory no column can be found");
    return;
  }
  const auto walked = file.each_chunk(*directory, [&](const StoredChunk& chunk) {
    ++report.chunks;
    const auto content = file.unpack(chunk);
    if (content) return;
    report.bad_chunks.emplace(chunk.column, chunk.slot);
    report.add(
        "section columns, " + file.place_name(chunk.column, chunk.slot),
        fmt::format("{} ({} bytes at {})", content.error().message, chunk.bytes, chunk.offset));
  });
  if (!walked) report.add("section columns", walked.error().message);
}

// Sections of pages: `check` looks at one.
template <class Place, class Check>
void check_pages(const BlockFile& file, const BlockSection& section, uint32_t pages, Place place,
                 Check check, BlockReport& report) {
  for (uint32_t page = 0; page < pages; ++page) {
    ++report.pages;
    const IndexPage at = place(page);
    const auto bytes = file.read(section.offset + at.offset, at.bytes);
    const Result<void> checked =
        bytes ? check(*bytes, page) : Result<void>(std::unexpected(bytes.error()));
    if (checked) continue;
    report.bad_sections.insert(section.kind);
    report.add(fmt::format("section {}, page {}", section_name(section.kind), page),
               checked.error().message);
  }
}

void check_index(const BlockFile& file, const BlockSection& section, BlockReport& report) {
  const uint32_t traces = file.footer().summary.traces;
  const uint64_t seed = file.footer().seed;
  const auto check = [&](std::string_view bytes, uint32_t page) -> Result<void> {
    std::vector<uint32_t> ordinals;
    TRY(find_in_index_page(bytes, index_page_place(seed, page), 0, ordinals));
    return {};
  };
  check_pages(
      file, section, index_pages(traces), [&](uint32_t page) { return index_page(traces, page); },
      check, report);
}

void check_filter(const BlockFile& file, const BlockSection& section, BlockReport& report) {
  const uint32_t traces = file.footer().summary.traces;
  const uint64_t seed = file.footer().seed;
  const auto check = [&](std::string_view bytes, uint32_t page) -> Result<void> {
    TRY(FilterPage::take(bytes, filter_page_place(seed, page)));
    return {};
  };
  check_pages(
      file, section, filter_pages(traces), [&](uint32_t page) { return filter_page(traces, page); },
      check, report);
}

void check_section(const BlockFile& file, const BlockSection& section, BlockReport& report) {
  switch (section.kind) {
    case kSectionColumns:
      return check_chunks(file, report);
    case kSectionDirectory:
      return;  // with the columns
    case kSectionIndexPages:
      return check_index(file, section, report);
    case kSectionTraceFilter:
      return check_filter(file, section, report);
    default:
      break;
  }
  // All others are one chunk; what a later version adds may be something else.
  const auto content = file.read_section(section);
  if (content) {
    ++report.chunks;
    return;
  }
  if (section.kind > kSectionSplits) {
    report.notes.push_back(section_name(section.kind) + " is not known to this program");
    return;
  }
  report.bad_sections.insert(section.kind);
  report.add("section " + section_name(section.kind), content.error().message);
}

}  // namespace

void check_bytes(const BlockFile& file, BlockReport& report) {
  report.bytes = file.bytes();
  check_magic(file, report);
  check_layout(file, report);
  for (const BlockSection& section : file.footer().sections) check_section(file, section, report);
}

BlockReport check_block(Storage& storage, const std::string& path) {
  BlockReport report;
  const auto file = BlockFile::open(storage, path);
  if (!file) {
    report.add("footer", file.error().message);
    return report;
  }
  check_bytes(*file, report);
  if (!report.bad_sections.contains(kSectionDirectory)) {
    check_contents(storage, path, *file, report);
  }
  return report;
}

}  // namespace vivace::tools
