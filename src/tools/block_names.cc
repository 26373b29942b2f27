// What fields, sections, packings and layouts are called. A number without a name here is shown as
// it is, so that files of a later version can still be looked at.
#include <array>

#include <fmt/format.h>

#include "block/layout.h"
#include "tools/block_file.h"

namespace vivace::tools {
namespace {

constexpr std::array<std::string_view, kFields> kFieldNames = {
    "trace",
    "span_id",
    "parent_id",
    "start",
    "duration",
    "name",
    "kind",
    "status",
    "resource",
    "scope",
    "received",
    "shape",
    "status_message",
    "trace_state",
    "flags",
    "dropped_attributes",
    "dropped_events",
    "dropped_links",
    "span",
    "time",
    "name",
    "shape",
    "dropped_attributes",
    "span",
    "trace_id bytes 0-7",
    "trace_id bytes 8-15",
    "span_id",
    "shape",
    "trace_state",
    "flags",
    "dropped_attributes",
    "shape",
    "schema_url",
    "dropped_attributes",
    "shape",
    "name",
    "version",
    "schema_url",
    "dropped_attributes",
    "parent_row",
};
static_assert(!kFieldNames.back().empty());

constexpr std::array<std::string_view, kScopes> kScopeNames = {"resource", "scope", "span", "event",
                                                               "link"};
constexpr std::array<std::string_view, kValueTypes> kTypeNames = {
    "empty", "string", "boolean", "integer", "real", "bytes", "array", "map"};
constexpr std::array<std::string_view, 4> kPieceNames = {"keys", "types", "values", "texts"};
constexpr std::array<std::string_view, 4> kOwnerForms = {"dense", "bitmap", "list", "by shape"};
constexpr std::array<std::string_view, 5> kValueForms = {"none", "32 bits", "64 bits", "codes",
                                                         "texts"};
constexpr std::array<std::string_view, 4> kCodings = {"", ", references", ", running", ", by name"};

// A number that has no name is one of a later version.
template <size_t N>
std::string name_in(const std::array<std::string_view, N>& names, char number) {
  const auto at = static_cast<uint8_t>(number);
  return at < N ? std::string(names[at]) : fmt::format("form {}", at);
}

bool holds_values(uint32_t column) {
  return column < kFields || column >= kFirstAttributeColumn ||
         (column >= overflow_column(Scope::resource, OverflowPiece::keys) &&
          column <= overflow_column(Scope::link, OverflowPiece::texts));
}

}  // namespace

std::string_view scope_name(Scope owner) { return kScopeNames[static_cast<size_t>(owner)]; }
std::string_view type_name(ValueType type) { return kTypeNames[static_cast<size_t>(type)]; }
std::string_view field_name(Field field) { return kFieldNames[static_cast<size_t>(field)]; }

std::string section_name(uint16_t kind) {
  switch (kind) {
    case kSectionColumns:
      return "columns";
    case kSectionIndexPages:
      return "index of traces";
    case kSectionIndexFirsts:
      return "first fingerprints";
    case kSectionDirectory:
      return "directory";
    case kSectionTraceFilter:
      return "trace filter";
    case kSectionSplits:
      return "split traces";
    default:
      return fmt::format("section {}", kind);
  }
}

std::string packing_name(uint8_t packing) {
  if (packing == kPackedRaw) return "raw";
  if (packing == kPackedZstd) return "zstd";
  return fmt::format("packing {}", packing);
}

// As column_content.h draws it.
std::string layout_name(const StoredChunk& chunk, std::string_view content) {
  if (chunk.codec != kCodecPlain) return fmt::format("codec {}", chunk.codec);
  if (chunk.column == kTraceColumn) return "table";
  if (!holds_values(chunk.column) || content.size() < 8) return "trie";
  return fmt::format("{} {}{}", name_in(kOwnerForms, content[4]), name_in(kValueForms, content[5]),
                     name_in(kCodings, content[6]));
}

std::string BlockFile::column_name(uint32_t column) const {
  if (column < kFields) {
    const auto field = static_cast<Field>(column);
    return fmt::format("{}.{}", scope_name(info(field).owner), field_name(field));
  }
  for (const Scope owner : kAllScopes) {
    if (column == shapes_column(owner)) return fmt::format("shapes of {}s", scope_name(owner));
    const uint32_t overflow = overflow_column(owner, OverflowPiece::keys);
    if (column >= overflow && column < overflow + kPieceNames.size()) {
      return fmt::format("overflow of {}s, {}", scope_name(owner), kPieceNames[column - overflow]);
    }
    const std::vector<BlockColumn>& attributes = footer_.columns[static_cast<size_t>(owner)];
    const uint32_t first = footer_.attribute_column(owner, 0);
    if (column >= first && column - first < attributes.size()) {
      const BlockColumn& found = attributes[column - first];
      return fmt::format("{} attribute {}:{}", scope_name(owner), found.key, type_name(found.type));
    }
  }
  return column == kTraceColumn ? "trace table" : fmt::format("column {}", column);
}

std::string BlockFile::place_name(uint32_t column, uint32_t slot) const {
  std::string piece = fmt::format("row group {}", slot - 1);
  if (slot == kDictionarySlot) piece = "dictionary";
  if (slot == statistics_slot(footer_.slots())) piece = "statistics";
  if (slot == text_filter_slot(footer_.slots())) piece = "filter of its texts";
  return fmt::format("column {}, {}", column_name(column), piece);
}

}  // namespace vivace::tools
