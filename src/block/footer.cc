// The footer as bytes. Reading believes nothing: the tail's checksum first, then every number
// against the limits of the format, against the others, and against the size of the file.
#include "block/footer.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/hash.h"
#include "block/byte_reader.h"
#include "block/chunk.h"
#include "block/layout.h"
#include "model/tenant.h"

namespace vivace {
namespace {

constexpr uint64_t kGroupBytes = 5 * 4 + 3 * 8;
constexpr uint64_t kSectionBytes = 24;

void append_text(std::string& out, std::string_view text) {
  append_le(out, static_cast<uint32_t>(text.size()));
  out += text;
}

std::string_view take_text(ByteReader& in) { return in.take_bytes(in.take<uint32_t>()); }

void append_identity(std::string& out, const BlockFooter& footer) {
  const BlockIdentity& identity = footer.identity;
  append_text(out, identity.tenant);
  append_le(out, identity.number);
  append_le(out, identity.log_from);
  append_le(out, identity.log_end);
  append_le(out, static_cast<uint32_t>(identity.replaces.size()));
  for (const uint64_t number : identity.replaces) append_le(out, number);
}

void take_identity(ByteReader& in, BlockFooter& footer) {
  BlockIdentity& identity = footer.identity;
  identity.tenant = take_text(in);
  identity.number = in.take<uint64_t>();
  identity.log_from = in.take<uint64_t>();
  identity.log_end = in.take<uint64_t>();
  const auto replaces = in.take<uint32_t>();
  if (replaces > in.left() / 8) return in.set_failed();
  for (uint32_t i = 0; i < replaces; ++i) identity.replaces.push_back(in.take<uint64_t>());
  if (!is_valid_tenant(identity.tenant)) in.set_failed();
}

void append_summary(std::string& out, const BlockFooter& footer) {
  const BlockSummary& summary = footer.summary;
  append_le(out, summary.rows);
  append_le(out, summary.traces);
  append_le(out, summary.start_min_ns);
  append_le(out, summary.end_max_ns);
  append_le(out, summary.received_min_ns);
  append_le(out, summary.received_max_ns);
  append_le(out, footer.events);
  append_le(out, footer.links);
  append_le(out, footer.resources);
  append_le(out, footer.scopes);
  for (const uint32_t shapes : footer.shapes) append_le(out, shapes);
}

void take_summary(ByteReader& in, BlockFooter& footer) {
  BlockSummary& summary = footer.summary;
  summary.rows = in.take<uint32_t>();
  summary.traces = in.take<uint32_t>();
  summary.start_min_ns = in.take<uint64_t>();
  summary.end_max_ns = in.take<uint64_t>();
  summary.received_min_ns = in.take<int64_t>();
  summary.received_max_ns = in.take<int64_t>();
  footer.events = in.take<uint32_t>();
  footer.links = in.take<uint32_t>();
  footer.resources = in.take<uint32_t>();
  footer.scopes = in.take<uint32_t>();
  for (uint32_t& shapes : footer.shapes) shapes = in.take<uint32_t>();
  const bool sane = summary.rows <= kBlockRowsMax && summary.traces <= summary.rows &&
                    footer.resources <= kBlockRowsMax && footer.scopes <= kBlockRowsMax &&
                    std::ranges::all_of(footer.shapes, [](uint32_t n) { return n <= kShapesMax; });
  if (!sane) in.set_failed();
}

void append_groups(std::string& out, const BlockFooter& footer) {
  append_le(out, static_cast<uint32_t>(footer.groups.size()));
  for (const BlockGroup& group : footer.groups) {
    append_le(out, group.of.rows.count);
    append_le(out, group.of.events.count);
    append_le(out, group.of.links.count);
    append_le(out, group.traces.first);
    append_le(out, group.traces.count);
    append_le(out, group.of.start_min_ns);
    append_le(out, group.of.end_max_ns);
    append_le(out, group.of.received_max_ns);
  }
}

BlockGroup take_group(ByteReader& in, const RowGroup& before) {
  BlockGroup group;
  group.of.rows = {before.rows.end(), in.take<uint32_t>()};
  group.of.events = {before.events.end(), in.take<uint32_t>()};
  group.of.links = {before.links.end(), in.take<uint32_t>()};
  group.traces.first = in.take<uint32_t>();
  group.traces.count = in.take<uint32_t>();
  group.of.start_min_ns = in.take<uint64_t>();
  group.of.end_max_ns = in.take<uint64_t>();
  group.of.received_max_ns = in.take<int64_t>();
  return group;
}

// A group begins with the trace after the last one, or goes on with that one, alone.
bool follows(const BlockGroup& group, uint32_t traces_before) {
  const bool goes_on = group.traces.count == 1 && group.traces.first + 1 == traces_before;
  return (goes_on || group.traces.first == traces_before) && group.of.rows.count > 0 &&
         group.of.rows.count <= kGroupRowsMax && group.of.events.count <= kGroupChildrenMax &&
         group.of.links.count <= kGroupChildrenMax && group.traces.count > 0 &&
         group.traces.count <= group.of.rows.count && group.of.end_max_ns >= group.of.start_min_ns;
}

void take_groups(ByteReader& in, BlockFooter& footer) {
  const auto count = in.take<uint32_t>();
  if (count > kGroupsMax || count > in.left() / kGroupBytes) return in.set_failed();
  RowGroup last;
  uint32_t traces = 0;
  uint64_t events = 0;
  uint64_t links = 0;
  for (uint32_t i = 0; i < count; ++i) {
    const BlockGroup group = take_group(in, last);
    if (!follows(group, traces)) return in.set_failed();
    traces = group.traces.end();
    events += group.of.events.count;
    links += group.of.links.count;
    last = group.of;
    footer.groups.push_back(group);
  }
  if (last.rows.end() != footer.summary.rows || traces != footer.summary.traces ||
      events != footer.events || links != footer.links) {
    in.set_failed();
  }
}

void append_columns(std::string& out, const BlockFooter& footer) {
  for (const auto& columns : footer.columns) {
    append_le(out, static_cast<uint32_t>(columns.size()));
    for (const BlockColumn& column : columns) {
      out.push_back(static_cast<char>(column.type));
      append_text(out, column.key);
    }
  }
}

void take_columns(ByteReader& in, BlockFooter& footer) {
  for (auto& columns : footer.columns) {
    const auto count = in.take<uint32_t>();
    if (count > kAttributeColumnsMax) return in.set_failed();
    for (uint32_t i = 0; i < count && in.ok(); ++i) {
      const auto type = in.take<uint8_t>();
      if (type >= kValueTypes) return in.set_failed();
      columns.push_back({std::string(take_text(in)), static_cast<ValueType>(type)});
    }
  }
}

void append_sections(std::string& out, const BlockFooter& footer) {
  append_le(out, static_cast<uint32_t>(footer.sections.size()));
  for (const BlockSection& section : footer.sections) {
    append_le(out, section.kind);
    append_le<uint16_t>(out, 0);
    append_le<uint32_t>(out, 0);
    append_le(out, section.offset);
    append_le(out, section.bytes);
  }
}

// Kinds that this program does not know are passed over: they hold what can be done without.
void take_sections(ByteReader& in, BlockFooter& footer, uint64_t sections_end) {
  const auto count = in.take<uint32_t>();
  if (count > in.left() / kSectionBytes) return in.set_failed();
  for (uint32_t i = 0; i < count; ++i) {
    BlockSection section;
    section.kind = in.take<uint16_t>();
    in.take<uint16_t>();
    in.take<uint32_t>();
    section.offset = in.take<uint64_t>();
    section.bytes = in.take<uint64_t>();
    if (section.bytes > sections_end || section.offset > sections_end - section.bytes) {
      return in.set_failed();
    }
    footer.sections.push_back(section);
  }
  for (const uint16_t kind : {kSectionColumns, kSectionIndexPages, kSectionIndexFirsts,
                              kSectionDirectory, kSectionTraceFilter}) {
    if (footer.section(kind) == nullptr) in.set_failed();
  }
}

uint64_t tail_checksum(std::string_view footer, std::string_view tail) {
  return hash64(footer, hash64(tail.substr(0, 8), hash64(kBlockMagic)));
}

// Whether this is a block of a version that comes after ours.
bool is_later_version(std::string_view magic) {
  const std::string_view version = magic.substr(6);
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  return magic.starts_with(kBlockMagic.substr(0, 6)) && std::ranges::all_of(version, is_digit) &&
         version > kBlockMagic.substr(6);
}

std::string_view magic_of(std::string_view tail) {
  return tail.substr(kTailBytes - kBlockMagic.size());
}

Error later_version(std::string_view magic) {
  return {Code::unimplemented,
          fmt::format("the file has version {} of the format, this program knows {}",
                      magic.substr(6), kBlockMagic.substr(6))};
}

}  // namespace

const BlockSection* BlockFooter::section(uint16_t kind) const {
  const auto found = std::ranges::find(sections, kind, &BlockSection::kind);
  return found == sections.end() ? nullptr : &*found;
}

uint32_t BlockFooter::file_columns() const {
  size_t count = kFirstAttributeColumn;
  for (const auto& of_owner : columns) count += of_owner.size();
  return static_cast<uint32_t>(count);
}

uint32_t BlockFooter::slots() const {
  return group_slot(std::max(1U, static_cast<uint32_t>(groups.size()))) + 2;
}

bool BlockFooter::has_statistics(uint32_t column) const {
  if (is_overflow_keys(column)) return true;  // the list is dear even in a block of one row group
  if (groups.size() < 2) return false;
  if (column >= kFirstAttributeColumn) return column >= attribute_column(Scope::span, 0);
  return column == field_column(Field::duration_ns) || column == field_column(Field::name) ||
         column == field_column(Field::status_message) || column == field_column(Field::event_name);
}

uint32_t BlockFooter::attribute_column(Scope owner, uint32_t column) const {
  size_t at = kFirstAttributeColumn;
  for (size_t i = 0; i < static_cast<size_t>(owner); ++i) at += columns[i].size();
  return static_cast<uint32_t>(at) + column;
}

int64_t BlockFooter::memory_bytes() const {
  size_t bytes = sizeof *this + groups.capacity() * sizeof(BlockGroup) +
                 sections.capacity() * sizeof(BlockSection) + identity.replaces.capacity() * 8;
  for (const auto& of_owner : columns) {
    bytes += of_owner.capacity() * sizeof(BlockColumn);
    for (const BlockColumn& column : of_owner) bytes += column.key.capacity();
  }
  return static_cast<int64_t>(bytes);
}

std::string write_footer(const BlockFooter& footer) {
  std::string out;
  append_identity(out, footer);
  append_summary(out, footer);
  append_groups(out, footer);
  append_columns(out, footer);
  append_sections(out, footer);
  std::string tail;
  append_le(tail, static_cast<uint32_t>(out.size()));
  append_le<uint32_t>(tail, 0);
  append_le(tail, tail_checksum(out, tail));
  tail += kBlockMagic;
  return out + tail;
}

Result<uint64_t> footer_bytes(std::string_view tail, uint64_t file_bytes) {
  const std::string_view magic = magic_of(tail);
  if (magic != kBlockMagic && !is_later_version(magic)) {
    return fail(Code::corrupt, "tail: not that of a block");
  }
  const uint64_t bytes = load<uint32_t>(tail.data()) + uint64_t{kTailBytes};
  if (bytes <= file_bytes - kBlockMagic.size()) return bytes;
  if (magic != kBlockMagic) return std::unexpected(later_version(magic));
  return fail(Code::corrupt, "tail: impossible size");
}

Result<BlockFooter> read_footer(std::string_view footer_and_tail, uint64_t file_bytes) {
  const std::string_view bytes = footer_and_tail.substr(0, footer_and_tail.size() - kTailBytes);
  const std::string_view tail = footer_and_tail.substr(bytes.size());
  const std::string_view magic = magic_of(tail);
  const bool holds = load<uint64_t>(tail.data() + 8) == tail_checksum(bytes, tail);
  if (magic != kBlockMagic && !holds) return std::unexpected(later_version(magic));
  if (magic != kBlockMagic) return fail(Code::corrupt, "tail: the version is damaged");
  if (!holds) return fail(Code::corrupt, "footer: the checksum does not match");
  BlockFooter footer;
  ByteReader in(bytes);
  take_identity(in, footer);
  if (in.ok()) take_summary(in, footer);
  if (in.ok()) take_groups(in, footer);
  if (in.ok()) take_columns(in, footer);
  if (in.ok()) take_sections(in, footer, file_bytes - footer_and_tail.size());
  if (!in.at_end()) return fail(Code::corrupt, "footer: it contradicts itself");
  footer.summary.file_bytes = file_bytes;
  footer.seed = block_seed(footer.identity.tenant, footer.identity.number);
  return footer;
}

}  // namespace vivace
