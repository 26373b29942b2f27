// The second half: everything can be decoded, and tells the same story: rows, trace table, index,
// filter, row groups, footer. What needs a chunk that is known to be damaged is passed over.
#include <algorithm>
#include <tuple>

#include <boost/unordered/unordered_flat_set.hpp>
#include <fmt/format.h>

#include "base/bytes.h"
#include "block/block.h"
#include "block/layout.h"
#include "block/split_list.h"
#include "block/trace_filter.h"
#include "block/trace_index.h"
#include "model/row_reader.h"
#include "tools/check_block.h"

namespace vivace::tools {
namespace {

constexpr int64_t kCacheBytes = 64 << 20;
constexpr size_t kDamagesMax = 1'000;  // a broken writer would repeat itself for each span

// The place stands in front already.
std::string without_path(std::string message, const std::string& path) {
  const std::string front = "block " + path + ": ";
  if (message.starts_with(front)) message.erase(0, front.size());
  return message;
}

class ContentCheck {
 public:
  ContentCheck(const Block& block, const BlockFile& file, BlockReport& report)
      : block_(block), file_(file), report_(report) {}

  void run() {
    for (uint32_t group = 0; group < block_.groups(); ++group) {
      check_columns(group);
      check_rows(group);
    }
    end_trace();
    check_shapes();
    check_traces();
    check_splits();
  }

 private:
  void add(std::string place, const std::string& what) {
    if (report_.damages.size() == kDamagesMax) report_.notes.emplace_back("more was not listed");
    if (report_.damages.size() < kDamagesMax) {
      report_.add(std::move(place), without_path(what, block_.path()));
    }
  }
  bool is_bad(uint32_t column, uint32_t slot) const {
    return report_.bad_chunks.contains({column, slot}) ||
           report_.bad_chunks.contains({column, kDictionarySlot});
  }
  static uint32_t slot_of(Scope owner, uint32_t group) {
    return group_slot(has_row_groups(owner) ? group : 0);
  }

  template <class Read>
  void check_column(uint32_t column, uint32_t slot, Read read) {
    if (is_bad(column, slot)) return;
    ++report_.columns;
    const auto got = read();
    // Many columns are told by others: what a damaged one takes with it has its place there.
    if (got || (slot != kDictionarySlot && !is_sound(slot - 1))) return;
    add("section columns, " + file_.place_name(column, slot), got.error().message);
  }
  void check_columns(uint32_t group);
  void check_owner(Scope owner, uint32_t group);
  void check_shapes();

  bool is_sound(uint32_t group) const;
  void check_rows(uint32_t group);
  void check_row(uint32_t row, uint32_t ordinal, const SpanView& span);
  void end_trace();

  void check_traces();
  bool in_filter(uint64_t fingerprint);
  void load_filter();
  void check_splits();

  const Block& block_;
  const BlockFile& file_;
  BlockReport& report_;
  Inspected inspected_;
  std::vector<FilterPage> filter_;

  // The trace whose rows are being read.
  struct Seen {
    uint32_t ordinal = 0;
    uint32_t first_row = 0;
    bool whole = true;  // all row groups of it could be read
    TraceEntry entry;
    std::tuple<uint64_t, SpanId, int32_t> last;
    boost::unordered_flat_set<std::pair<uint64_t, int32_t>> ids;
  };
  std::optional<Seen> trace_;
  TraceEntry before_;  // the trace before it
};

void ContentCheck::check_columns(uint32_t group) {
  ++report_.groups;
  for (uint32_t i = 0; i < kFields; ++i) {
    const auto field = static_cast<Field>(i);
    const Scope owner = info(field).owner;
    if (!has_row_groups(owner) && group > 0) continue;
    const uint32_t column = field == Field::trace ? kTraceColumn : i;
    check_column(column, slot_of(owner, group),
                 [&] { return block_.read(field, group, inspected_); });
  }
  for (const Scope owner : kAllScopes) {
    if (has_row_groups(owner) || group == 0) check_owner(owner, group);
  }
}

void ContentCheck::check_owner(Scope owner, uint32_t group) {
  const uint32_t slot = slot_of(owner, group);
  for (uint32_t i = 0; i < block_.columns(owner); ++i) {
    check_column(file_.footer().attribute_column(owner, i), slot,
                 [&] { return block_.read_attribute(owner, i, group, inspected_); });
  }
  const uint32_t keys = overflow_column(owner, OverflowPiece::keys);
  for (uint32_t column = keys; column < keys + 4; ++column) {
    if (is_bad(column, slot)) return;
  }
  check_column(keys, slot, [&] { return block_.read_overflow(owner, group, inspected_); });
}

void ContentCheck::check_shapes() {
  for (const Scope owner : kAllScopes) {
    check_column(shapes_column(owner), group_slot(0),
                 [&] { return block_.shapes(owner, inspected_); });
  }
}

// Whether no chunk is damaged that spans of this row group are put together from.
bool ContentCheck::is_sound(uint32_t group) const {
  return std::ranges::none_of(report_.bad_chunks, [&](const auto& bad) {
    const auto [column, slot] = bad;
    if (slot == kDictionarySlot || slot == group_slot(group)) return true;
    if (slot != group_slot(0)) return false;
    if (column < kFields) return !has_row_groups(info(static_cast<Field>(column)).owner);
    return (column >= shapes_column(Scope::resource) && column <= shapes_column(Scope::link)) ||
           (column >= kFirstAttributeColumn &&
            column < file_.footer().attribute_column(Scope::span, 0)) ||
           (column >= overflow_column(Scope::resource, OverflowPiece::keys) &&
            column < overflow_column(Scope::span, OverflowPiece::keys));
  });
}

void ContentCheck::check_rows(uint32_t group) {
  const RowGroup of = block_.group(group);
  if (!is_sound(group)) {
    report_.notes.push_back(
        fmt::format("row group {}: its spans were not put together, for the damage", group));
    if (trace_) trace_->whole = false;
    end_trace();
    trace_.reset();
    return;
  }
  RowReader reader(block_, inspected_);
  SpanView span;
  ResourceView resource;
  ScopeView scope;
  uint64_t start_min = UINT64_MAX;
  uint64_t end_max = 0;
  for (uint32_t row = of.rows.first; row < of.rows.end(); ++row) {
    const auto read = [&]() -> Result<uint32_t> {
      CHECK_OK(reader.read_span(row, span));
      const auto resource_number = TRY(reader.number(Field::resource, row));
      const auto scope_number = TRY(reader.number(Field::scope, row));
      CHECK_OK(reader.read_resource(static_cast<uint32_t>(resource_number), resource));
      CHECK_OK(reader.read_scope(static_cast<uint32_t>(scope_number), scope));
      return static_cast<uint32_t>(TRY(reader.number(Field::trace, row)));
    };
    const auto ordinal = read();
    if (!ordinal) {
      add(fmt::format("section columns, row group {}, span {}", group, row),
          ordinal.error().message);
      continue;
    }
    ++report_.spans;
    start_min = std::min(start_min, span.start_ns);
    end_max = std::max({end_max, span.start_ns, span.end_ns});
    check_row(row, *ordinal, span);
  }
  if (start_min < of.start_min_ns || end_max > of.end_max_ns) {
    add(fmt::format("footer, row group {}", group), "its spans are from other times than it says");
  }
}

void ContentCheck::check_row(uint32_t row, uint32_t ordinal, const SpanView& span) {
  const std::tuple key(span.start_ns, span.span_id, span.kind);
  if (!trace_ || trace_->ordinal != ordinal) {
    end_trace();
    const bool is_continued = row > 0 && !trace_ && [&] {
      std::vector<uint32_t> rows;
      const auto found = block_.trace_rows(ordinal, rows, inspected_);
      return found && !rows.empty() && rows.front() != row;
    }();
    trace_.emplace();
    trace_->ordinal = ordinal;
    trace_->first_row = row;
    trace_->whole = !is_continued;
    trace_->entry = {.id = span.trace_id,
                     .spans = 0,
                     .start_ns = span.start_ns,
                     .end_ns = span.end_ns,
                     .root = {}};
    trace_->last = key;
  }
  Seen& seen = *trace_;
  const std::string place = fmt::format("section columns, span {}", row);
  if (key < seen.last) add(place, "not in the order of starts, ids and kinds");
  seen.last = key;
  if (!seen.ids.emplace(span.span_id.raw, span.kind).second) add(place, "is there twice");
  if (span.trace_id != seen.entry.id) add(place, "is of another trace than the one before it");
  ++seen.entry.spans;
  seen.entry.end_ns = std::max(seen.entry.end_ns, span.end_ns);
  if (span.parent_id.is_zero()) seen.entry.root = row;
}

void ContentCheck::end_trace() {
  if (!trace_ || !trace_->whole) return;
  const TraceEntry& seen = trace_->entry;
  const std::string place = fmt::format("section columns, column trace table, trace {} ({})",
                                        trace_->ordinal, to_hex(seen.id.view()));
  const auto entry = block_.trace(trace_->ordinal, inspected_);
  if (!entry) return add(place, entry.error().message);
  if (entry->id != seen.id || entry->spans != seen.spans || entry->start_ns != seen.start_ns ||
      entry->end_ns != seen.end_ns || entry->root != seen.root) {
    add(place, fmt::format("says {} spans, {} to {}; there are {} spans, {} to {}", entry->spans,
                           entry->start_ns, entry->end_ns, seen.spans, seen.start_ns, seen.end_ns));
  }
  if (std::tie(seen.start_ns, seen.id) < std::tie(before_.start_ns, before_.id)) {
    add(place, "stands before an earlier one");
  }
  before_ = seen;
}

void ContentCheck::load_filter() {
  const BlockSection* const section = file_.footer().section(kSectionTraceFilter);
  if (section == nullptr || report_.bad_sections.contains(kSectionTraceFilter)) return;
  for (uint32_t page = 0; page < filter_pages(block_.traces()); ++page) {
    const IndexPage at = filter_page(block_.traces(), page);
    auto bytes = file_.read(section->offset + at.offset, at.bytes);
    auto taken = bytes ? FilterPage::take(*bytes, filter_page_place(file_.footer().seed, page))
                       : Result<FilterPage>(std::unexpected(bytes.error()));
    if (!taken) return filter_.clear();  // it was whole a moment ago
    filter_.push_back(std::move(*taken));
  }
}

bool ContentCheck::in_filter(uint64_t fingerprint) {
  if (filter_.empty()) return true;
  const FilterPlace place = filter_place(block_.traces(), fingerprint);
  return filter_[place.page].may_have(place.block, fingerprint);
}

// Each trace of the tables is found by its id.
void ContentCheck::check_traces() {
  load_filter();
  const bool has_index = !report_.bad_sections.contains(kSectionIndexPages) &&
                         !report_.bad_sections.contains(kSectionIndexFirsts);
  if (!has_index) report_.notes.emplace_back("traces were not looked up, for the damage");
  const bool tables_whole = std::ranges::none_of(
      report_.bad_chunks, [](const auto& bad) { return bad.first == kTraceColumn; });
  for (uint32_t ordinal = 0; ordinal < block_.traces(); ++ordinal) {
    const auto entry = block_.trace(ordinal, inspected_);
    if (!entry) {
      if (tables_whole) add(fmt::format("trace table, trace {}", ordinal), entry.error().message);
      continue;
    }
    ++report_.traces;
    const std::string id = to_hex(entry->id.view());
    if (!in_filter(fingerprint(entry->id))) add("section trace filter", "it lacks trace " + id);
    if (!has_index) continue;
    const auto found = block_.find_trace(entry->id, inspected_);
    if (!found) {
      if (tables_whole) add("section index of traces, trace " + id, found.error().message);
    } else if (*found != ordinal) {
      add("section index of traces", "it lacks trace " + id);
    }
  }
}

void ContentCheck::check_splits() {
  const BlockSection* const section = file_.footer().section(kSectionSplits);
  if (section == nullptr || report_.bad_sections.contains(kSectionSplits)) return;
  const auto content = file_.read_section(*section);
  const auto list = content ? take_split_list(*content, block_.traces())
                            : Result<SplitList>(std::unexpected(content.error()));
  if (!list) return add("section split traces", list.error().message);
  for (const SplitTrace& split : list->traces) {
    const auto found = block_.find_trace(split.id, inspected_);
    if (found && !*found) {
      add("section split traces",
          "it names trace " + to_hex(split.id.view()) + ", which is not here");
    }
  }
}

}  // namespace

void check_contents(Storage& storage, const std::string& path, const BlockFile& file,
                    BlockReport& report) {
  BlockCache cache(kCacheBytes);
  const auto block = Block::open(storage, path, cache);
  if (!block) return report.add("footer", block.error().message);
  ContentCheck(**block, file, report).run();
}

}  // namespace vivace::tools
