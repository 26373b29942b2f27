// Opening, and everything that is not a column: sections by way of the cache, traces by id and by
// number. Columns are read in block_read.cc.
#include "block/block.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/log.h"
#include "block/block_cached.h"
#include "block/chunk.h"
#include "block/layout.h"
#include "block/read_ahead.h"
#include "block/split_list.h"
#include "block/trace_filter.h"
#include "block/trace_index.h"

namespace vivace {

Block::Block(Storage& storage, std::string path, BlockCache& cache)
    : storage_(storage),
      path_(std::move(path)),
      cache_(cache),
      cache_number_(BlockCache::next_block()) {}

Block::~Block() {
  cache_.forget(cache_number_);
  if (!remove_.load(std::memory_order_relaxed)) return;
  file_.reset();
  const auto removed = storage_.remove(path_);
  if (!removed) log::warn("could not remove a block", {{"error", removed.error().message}});
}

Result<std::shared_ptr<Block>> Block::open(Storage& storage, const std::string& path,
                                           BlockCache& cache) {
  std::shared_ptr<Block> block(new Block(storage, path, cache));
  block->file_ = TRY(storage.open(path, Storage::Open::existing));
  auto footer = block->read_end();
  if (!footer) return std::unexpected(std::move(footer).error().in("block " + path));
  block->footer_ = std::make_unique<const BlockFooter>(*std::move(footer));
  block->ahead_ = std::make_unique<ReadAhead>(block->footer_->file_columns());
  return block;
}

Result<BlockFooter> Block::read_end() const {
  const uint64_t size = TRY(file_->size());
  if (size < kBlockMagic.size() + kTailBytes) return fail(Code::corrupt, "the file is cut short");
  const uint64_t guess = std::min(size, kOpenReadBytes);
  std::string end = TRY(read_range(size - guess, guess));
  const uint64_t wanted = TRY(footer_bytes(std::string_view(end).substr(guess - kTailBytes), size));
  if (wanted > guess) end = TRY(read_range(size - wanted, wanted));
  return read_footer(std::string_view(end).substr(end.size() - wanted), size);
}

Result<std::string> Block::read_range(uint64_t offset, uint64_t bytes) const {
  std::string out;
  resize_uninitialized(out, bytes);
  const ReadRange range{offset, out};
  CHECK_OK(file_->read({&range, 1}));
  return out;
}

const BlockIdentity& Block::identity() const { return footer_->identity; }
const BlockSummary& Block::summary() const { return footer_->summary; }
int64_t Block::memory_bytes() const {
  return static_cast<int64_t>(sizeof *this) + footer_->memory_bytes() + ahead_->memory_bytes();
}
uint32_t Block::rows() const { return footer_->summary.rows; }
uint32_t Block::traces() const { return footer_->summary.traces; }
uint32_t Block::resources() const { return footer_->resources; }
uint32_t Block::scopes() const { return footer_->scopes; }
uint32_t Block::groups() const { return static_cast<uint32_t>(footer_->groups.size()); }
RowGroup Block::group(uint32_t group) const { return footer_->groups[group].of; }
uint32_t Block::columns(Scope owner) const {
  return static_cast<uint32_t>(footer_->columns[static_cast<size_t>(owner)].size());
}
AttributeName Block::column(Scope owner, uint32_t column) const {
  const BlockColumn& found = footer_->columns[static_cast<size_t>(owner)][column];
  return {found.key, found.type};
}

// A section that is one chunk.
Result<std::string> Block::read_section(uint16_t kind, Inspected& inspected) const {
  const BlockSection& section = *footer_->section(kind);
  const ChunkPlace place{footer_->seed, kSectionPlace + kind, 0};
  const auto read = [&]() -> Result<std::string> {
    const std::string stored = TRY(read_range(section.offset, section.bytes));
    return unpack_chunk(stored, place);
  };
  auto content = read();
  if (!content) return std::unexpected(at(std::move(content).error(), place.column, 0));
  inspected.bytes += section.bytes;
  return content;
}

// Empty where there is no chunk.
Result<std::string> Block::read_chunk(uint32_t column, uint32_t slot, Inspected& inspected) const {
  const auto directory = TRY(this->directory());
  const BlockDirectory::Place place = directory->find(column, slot);
  if (place.bytes == 0) return std::string();
  const ReadAhead::Extent ahead = ahead_->before(*directory, column, slot);
  if (ahead.bytes > 0) file_->will_read(ahead.offset, ahead.bytes);
  const auto read = [&]() -> Result<std::string> {
    const std::string stored = TRY(read_range(place.offset, place.bytes));
    return unpack_chunk(stored, {footer_->seed, column, slot});
  };
  auto content = read();
  if (!content) return std::unexpected(at(std::move(content).error(), column, slot));
  inspected.bytes += place.bytes;
  return content;
}

Result<std::shared_ptr<const BlockDirectory>> Block::directory() const {
  Inspected uncounted;  // as the footer: it only says where things are
  const uint32_t column = kSectionPlace + kSectionDirectory;
  return cached<BlockDirectory>(
      column, 0, uncounted, [&](Inspected& read) -> Result<BlockDirectory> {
        const std::string content = TRY(read_section(kSectionDirectory, read));
        return take_directory(content, *footer_);
      });
}

Result<std::shared_ptr<const TextList>> Block::dictionary(uint32_t column,
                                                          Inspected& inspected) const {
  const auto make = [&](Inspected& read) -> Result<TextList> {
    const std::string content = TRY(read_chunk(column, kDictionarySlot, read));
    ByteReader in(content);
    const auto count = in.take<uint32_t>();
    TextList texts;
    if (count > kDictionaryTexts) return fail(Code::corrupt, "too many texts");
    texts.take(in, count);
    if (!in.at_end()) return fail(Code::corrupt, "not so many texts");
    return texts;
  };
  return cached<TextList>(column, kDictionarySlot, inspected, make);
}

Result<std::shared_ptr<const TraceTable>> Block::trace_table(uint32_t group,
                                                             Inspected& inspected) const {
  const auto make = [&](Inspected& read) -> Result<TraceTable> {
    const std::string content = TRY(read_chunk(kTraceColumn, group_slot(group), read));
    return take_trace_table(content, footer_->groups[group], rows());
  };
  return cached<TraceTable>(kTraceColumn, group_slot(group), inspected, make);
}

Result<std::shared_ptr<const Shapes>> Block::shapes(Scope owner, Inspected& inspected) const {
  const uint32_t column = shapes_column(owner);
  const auto make = [&](Inspected& read) -> Result<ShapeList> {
    const std::string content = TRY(read_chunk(column, group_slot(0), read));
    return ShapeList::take(content, footer_->shapes[static_cast<size_t>(owner)], columns(owner));
  };
  return TRY(cached<ShapeList>(column, group_slot(0), inspected, make));
}

Result<std::shared_ptr<const FirstFingerprints>> Block::first_fingerprints(
    Inspected& inspected) const {
  const uint32_t column = kSectionPlace + kSectionIndexFirsts;
  const auto make = [&](Inspected& read) -> Result<FirstFingerprints> {
    const std::string content = TRY(read_section(kSectionIndexFirsts, read));
    FirstFingerprints firsts;
    firsts.of_page.resize(index_pages(traces()));
    ByteReader in(content);
    take_numbers(in, std::span<uint64_t>(firsts.of_page));
    const bool whole = in.at_end() && std::ranges::is_sorted(firsts.of_page) &&
                       footer_->section(kSectionIndexPages)->bytes == index_bytes(traces());
    if (!whole) return fail(Code::corrupt, "not the index of so many traces");
    return firsts;
  };
  return cached<FirstFingerprints>(column, 0, inspected, make);
}

Result<bool> Block::find_in_page(uint32_t page, uint64_t above_first,
                                 std::vector<uint32_t>& ordinals, Inspected& inspected) const {
  const IndexPage place = index_page(traces(), page);
  const uint64_t offset = footer_->section(kSectionIndexPages)->offset + place.offset;
  const std::string bytes = TRY(read_range(offset, place.bytes));
  inspected.bytes += place.bytes;
  return find_in_index_page(bytes, index_page_place(footer_->seed, page), above_first, ordinals);
}

Result<std::shared_ptr<const FilterPage>> Block::filter_page_at(uint32_t page,
                                                                Inspected& inspected) const {
  const uint32_t column = kSectionPlace + kSectionTraceFilter;
  const auto make = [&](Inspected& read) -> Result<FilterPage> {
    const BlockSection& section = *footer_->section(kSectionTraceFilter);
    if (section.bytes != filter_bytes(traces())) {
      return fail(Code::corrupt, "not the filter of so many traces");
    }
    const IndexPage place = filter_page(traces(), page);
    const std::string bytes = TRY(read_range(section.offset + place.offset, place.bytes));
    read.bytes += place.bytes;
    return FilterPage::take(bytes, filter_page_place(footer_->seed, page));
  };
  return cached<FilterPage>(column, page, inspected, make);
}

Result<bool> Block::may_have(const TraceId& id, Inspected& inspected) const {
  if (traces() == 0) return false;
  const uint64_t wanted = fingerprint(id);
  const FilterPlace place = filter_place(traces(), wanted);
  const auto page = TRY(filter_page_at(place.page, inspected));
  return page->may_have(place.block, wanted);
}

// Places ascend with the fingerprints, so each page is asked for once.
Result<void> Block::may_have(std::span<const uint64_t> fingerprints, std::vector<uint32_t>& places,
                             Inspected& inspected) const {
  if (traces() == 0) return {};
  std::shared_ptr<const FilterPage> page;
  uint32_t page_number = 0;
  for (uint32_t i = 0; i < fingerprints.size(); ++i) {
    const FilterPlace place = filter_place(traces(), fingerprints[i]);
    if (page == nullptr || place.page != page_number) {
      page = TRY(filter_page_at(place.page, inspected));
      page_number = place.page;
    }
    if (page->may_have(place.block, fingerprints[i])) places.push_back(i);
  }
  return {};
}

// Pages that cannot be read leave nobody out.
void Block::may_find(std::span<const TraceId> ids, std::vector<uint32_t>& places,
                     Inspected& inspected) const {
  if (traces() == 0) return;
  std::vector<std::shared_ptr<const FilterPage>> pages(filter_pages(traces()));
  for (uint32_t i = 0; i < ids.size(); ++i) {
    const uint64_t wanted = fingerprint(ids[i]);
    const FilterPlace place = filter_place(traces(), wanted);
    std::shared_ptr<const FilterPage>& page = pages[place.page];
    if (page == nullptr) page = filter_page_at(place.page, inspected).value_or(nullptr);
    if (page == nullptr || page->may_have(place.block, wanted)) places.push_back(i);
  }
}

Result<std::shared_ptr<const std::vector<SplitTrace>>> Block::splits(Inspected& inspected) const {
  if (footer_->section(kSectionSplits) == nullptr) {
    return std::make_shared<const std::vector<SplitTrace>>();
  }
  const auto make = [&](Inspected& read) -> Result<SplitList> {
    const std::string content = TRY(read_section(kSectionSplits, read));
    return take_split_list(content, traces());
  };
  const auto list = TRY(cached<SplitList>(kSectionPlace + kSectionSplits, 0, inspected, make));
  return std::shared_ptr<const std::vector<SplitTrace>>(list, &list->traces);
}

Result<std::optional<uint32_t>> Block::find_trace(const TraceId& id, Inspected& inspected) const {
  // A damaged filter hides nothing: the index has the last word.
  if (const auto may = may_have(id, inspected); may && !*may) return std::nullopt;
  const uint64_t wanted = fingerprint(id);
  const auto firsts = TRY(first_fingerprints(inspected));
  const std::vector<uint64_t>& of_page = firsts->of_page;
  const auto not_below = std::ranges::lower_bound(of_page, wanted);
  auto page = static_cast<uint32_t>(not_below - of_page.begin());
  if (page > 0) --page;  // what is looked for may begin inside the page before
  std::vector<uint32_t> ordinals;
  for (; page < of_page.size() && of_page[page] <= wanted; ++page) {
    auto more = find_in_page(page, wanted - of_page[page], ordinals, inspected);
    if (!more) {
      return std::unexpected(at(std::move(more).error(), kSectionPlace + kSectionIndexPages, page));
    }
    if (!*more) break;
  }
  for (const uint32_t ordinal : ordinals) {
    if (ordinal >= traces()) {
      return std::unexpected(at({Code::corrupt, "a trace that is not there"},
                                kSectionPlace + kSectionIndexPages, page));
    }
    if (TRY(trace(ordinal, inspected)).id == id) return ordinal;
  }
  return std::nullopt;
}

// The first, if it fills several.
uint32_t Block::group_of_trace(uint32_t ordinal) const {
  const auto found = std::ranges::partition_point(
      footer_->groups, [&](const BlockGroup& group) { return group.traces.end() <= ordinal; });
  return static_cast<uint32_t>(found - footer_->groups.begin());
}

Result<TraceEntry> Block::trace(uint32_t ordinal, Inspected& inspected) const {
  const auto table = TRY(trace_table(group_of_trace(ordinal), inspected));
  return table->at(ordinal).entry;
}

Result<TraceRuns> Block::trace_runs(uint32_t group, Inspected& inspected) const {
  const auto table = TRY(trace_table(group, inspected));
  return TraceRuns{table->first_trace, table->traces, table};
}

Result<void> Block::trace_rows(uint32_t ordinal, std::vector<uint32_t>& rows,
                               Inspected& inspected) const {
  const auto table = TRY(trace_table(group_of_trace(ordinal), inspected));
  const BlockTrace& trace = table->at(ordinal);
  rows.reserve(rows.size() + trace.entry.spans);
  for (uint32_t i = 0; i < trace.entry.spans; ++i) rows.push_back(trace.first_row + i);
  return {};
}

}  // namespace vivace
