// The numbers of the format that reader and writer share; FORMAT.md says what they mean. What is
// called max bounds what a reader believes.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/hash.h"
#include "model/columns.h"

namespace vivace {

constexpr std::string_view kBlockMagic = "VIVBLK01";  // the last two: version
constexpr uint32_t kTailBytes = 24;
constexpr uint32_t kChunkHeaderBytes = 16;
constexpr uint32_t kChunkBytesMax = 1U << 30;    // unpacked
constexpr uint32_t kZstdRatioMax = 32'768;       // no frame of zstd grows more than this
constexpr uint64_t kOpenReadBytes = 1ULL << 20;  // in one read at the end

// Row groups.
constexpr uint32_t kGroupRows = 16'384;
constexpr uint32_t kGroupRowsMax = 65'536;
constexpr uint32_t kGroupChildrenMax = 1U << 24;  // events, and links
constexpr uint32_t kGroupValuesMax = 1U << 24;    // of one column
constexpr uint32_t kGroupsMax = 4'096;
constexpr uint32_t kAttributeColumnsMax = 1'024;  // of a kind of owner
constexpr uint32_t kShapesMax = 1U << 24;

// Dictionaries.
constexpr uint32_t kDictionaryTexts = 65'536;
constexpr uint32_t kDictionaryBytes = 1U << 20;

// Columns of the file. 0-63: the fields.
constexpr uint32_t field_column(Field field) { return static_cast<uint32_t>(field); }
// FORMAT.md lists them: a field that is added later goes behind the others.
static_assert(kFields == 40 && static_cast<int>(Field::link_span) == 23 &&
              static_cast<int>(Field::resource_shape) == 31 && kFields <= 64);
// Some fields follow from others, and have no chunks.
constexpr bool is_stored(Field field) {
  return field != Field::trace && field != Field::received_ns && field != Field::parent_row;
}
static_assert(static_cast<int>(ValueType::map) == 7 && static_cast<int>(Scope::link) == 4);
constexpr uint32_t shapes_column(Scope owner) { return 64 + static_cast<uint32_t>(owner); }
enum class OverflowPiece : uint8_t { keys, types, values, texts };
constexpr uint32_t overflow_column(Scope owner, OverflowPiece piece) {
  return 69 + 4 * static_cast<uint32_t>(owner) + static_cast<uint32_t>(piece);
}
// Of the owners that know row groups.
constexpr bool is_overflow_keys(uint32_t column) {
  return column == overflow_column(Scope::span, OverflowPiece::keys) ||
         column == overflow_column(Scope::event, OverflowPiece::keys) ||
         column == overflow_column(Scope::link, OverflowPiece::keys);
}
constexpr uint32_t kTraceColumn = 89;
constexpr uint32_t kFirstAttributeColumn = 128;

// Slots of a column: its dictionary, a chunk for each row group (one at least), its statistics, and
// the filter of its texts.
constexpr uint32_t kDictionarySlot = 0;
constexpr uint32_t group_slot(uint32_t group) { return 1 + group; }
constexpr uint32_t statistics_slot(uint32_t slots) { return slots - 2; }
constexpr uint32_t text_filter_slot(uint32_t slots) { return slots - 1; }

// Sections.
constexpr uint16_t kSectionColumns = 1;
constexpr uint16_t kSectionIndexPages = 2;
constexpr uint16_t kSectionIndexFirsts = 3;
constexpr uint16_t kSectionDirectory = 4;
constexpr uint16_t kSectionTraceFilter = 5;
constexpr uint16_t kSectionSplits = 6;          // only where there are any
constexpr uint32_t kSectionPlace = 0xffff0000;  // plus the kind: their "column" in checksums

// The index of traces.
constexpr uint64_t kFingerprintSeed = 0x7669766163652031;
constexpr uint32_t kPageEntries = 512;
constexpr uint32_t kPageHeaderBytes = 8;
constexpr uint32_t kIndexPageHeaderBytes = kPageHeaderBytes + 1;
constexpr uint32_t kPageEntryBytes = 5;
inline uint64_t fingerprint(const TraceId& id) { return hash64(id.view(), kFingerprintSeed); }

// How a chunk is packed, and how its content is laid out.
constexpr uint8_t kPackedRaw = 0;
constexpr uint8_t kPackedZstd = 1;
constexpr uint8_t kCodecPlain = 1;

// Forms of runs of numbers, beside the count of their planes.
constexpr uint8_t kNumberBits = 16;
constexpr uint8_t kNumberClasses = 17;

enum class OwnerForm : uint8_t { dense, bitmap, list, shapes };
enum class ValueForm : uint8_t { none, words, longs, codes, texts };
// What values are written as: themselves; or by way of what else the row group knows.
enum class Coding : uint8_t { plain, references, running, by_name };

constexpr bool has_row_groups(Scope owner) {
  return owner != Scope::resource && owner != Scope::scope;
}
constexpr Scope kAllScopes[] = {Scope::resource, Scope::scope, Scope::span, Scope::event,
                                Scope::link};

}  // namespace vivace
