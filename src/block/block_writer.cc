// The road of a block: order the rows; then column by column, in the order of their numbers in the
// file; then the index of traces, the directory, the footer; sync. The file is a block only when
// its last bytes are there.
#include "block/block_writer.h"

#include <algorithm>
#include <array>

#include "block/chunk.h"
#include "block/column_writer.h"
#include "block/directory.h"
#include "block/footer.h"
#include "block/layout.h"
#include "block/row_order.h"
#include "block/shape_list.h"
#include "block/split_list.h"
#include "block/trace_filter.h"
#include "block/trace_index.h"
#include "model/tenant.h"

namespace vivace {
namespace {

ValueForm form_of(FieldForm form) {
  if (form == FieldForm::texts) return ValueForm::texts;
  return form == FieldForm::longs ? ValueForm::longs : ValueForm::words;
}

ValueForm form_of(ValueType type) {
  if (type == ValueType::empty) return ValueForm::none;
  return is_text(type) ? ValueForm::texts : ValueForm::longs;
}

ColumnValues all_of(std::span<const uint32_t> words) {
  const auto count = static_cast<uint32_t>(words.size());
  return {.owners_total = count,
          .dense = true,
          .count = count,
          .form = ValueForm::words,
          .words = words};
}

ColumnValues all_of(std::span<const uint64_t> longs) {
  const auto count = static_cast<uint32_t>(longs.size());
  return {.owners_total = count,
          .dense = true,
          .count = count,
          .form = ValueForm::longs,
          .longs = longs};
}

// The overflow list of a kind of owner, flat: keys name the owners.
struct FlatOverflow {
  FlatColumn keys;
  std::vector<uint32_t> types;
  std::vector<uint64_t> values;  // of texts: codes
  FlatTexts texts;
  std::vector<std::shared_ptr<const void>> keep;
};

class BlockFile {
 public:
  BlockFile(const Part& source, std::unique_ptr<File> file)
      : source_(source), sink_(std::move(file)) {}

  Result<BlockSummary> write(const BlockIdentity& identity, std::span<const SplitTrace> splits);

 private:
  Result<void> order_all();
  void describe(const BlockIdentity& identity);
  Result<void> write_fields();
  Result<void> write_child_rows(Field field, const std::vector<uint32_t>& rows);
  Result<void> write_shapes();
  Result<void> write_overflow(Scope owner);
  Result<void> write_overflow_texts(Scope owner, const FlatOverflow& list, const OwnerOrder& order);
  Result<void> write_trace_tables();
  Result<void> write_attributes();
  Result<void> write_index();
  Result<void> write_splits(std::span<const SplitTrace> splits);
  Result<void> write_directory();
  void end_section(uint16_t kind);
  const OwnerOrder& order_of(Scope owner) const {
    return owner == Scope::span ? order_.rows : orders_[static_cast<size_t>(owner)];
  }

  const Part& source_;
  BlockSink sink_;
  RowOrder order_;
  std::array<OwnerOrder, kScopes> orders_;  // but of spans
  std::vector<uint32_t> event_rows_;
  std::vector<uint32_t> link_rows_;
  BlockFooter footer_;
  std::unique_ptr<ColumnWriter> columns_;
  uint64_t section_start_ = 0;
};

Result<void> BlockFile::order_all() {
  order_ = TRY(order_rows(source_));
  ChildOrder events = TRY(order_children(source_, Field::event_span, order_.rows));
  ChildOrder links = TRY(order_children(source_, Field::link_span, order_.rows));
  orders_[static_cast<size_t>(Scope::event)] = std::move(events.order);
  orders_[static_cast<size_t>(Scope::link)] = std::move(links.order);
  event_rows_ = std::move(events.rows);
  link_rows_ = std::move(links.rows);
  orders_[static_cast<size_t>(Scope::resource)] = same_order(source_.resources());
  orders_[static_cast<size_t>(Scope::scope)] = same_order(source_.scopes());
  for (uint32_t i = 0; i < order_.groups.size(); ++i) {
    order_.groups[i].of.events = order_of(Scope::event).group(i);
    order_.groups[i].of.links = order_of(Scope::link).group(i);
  }
  return {};
}

void BlockFile::describe(const BlockIdentity& identity) {
  footer_.identity = identity;
  footer_.seed = block_seed(identity.tenant, identity.number);
  footer_.groups = order_.groups;
  BlockSummary& summary = footer_.summary;
  summary.rows = source_.rows();
  summary.traces = static_cast<uint32_t>(order_.traces.size());
  summary.received_min_ns = order_.received_min_ns;
  for (const BlockGroup& group : footer_.groups) {
    const RowGroup& of = group.of;
    const bool first = of.rows.first == 0;
    summary.start_min_ns =
        first ? of.start_min_ns : std::min(summary.start_min_ns, of.start_min_ns);
    summary.end_max_ns = std::max(summary.end_max_ns, of.end_max_ns);
    summary.received_max_ns =
        first ? of.received_max_ns : std::max(summary.received_max_ns, of.received_max_ns);
  }
  footer_.events = static_cast<uint32_t>(event_rows_.size());
  footer_.links = static_cast<uint32_t>(link_rows_.size());
  footer_.resources = source_.resources();
  footer_.scopes = source_.scopes();
  for (const Scope owner : kAllScopes) {
    for (uint32_t i = 0; i < source_.columns(owner); ++i) {
      const AttributeName name = source_.column(owner, i);
      footer_.columns[static_cast<size_t>(owner)].push_back({std::string(name.key), name.type});
    }
  }
}

Result<void> BlockFile::write_child_rows(Field field, const std::vector<uint32_t>& rows) {
  const OwnerOrder& order = order_of(info(field).owner);
  for (uint32_t group = 0; group < order.groups(); ++group) {
    const Range range = order.group(group);
    const auto of_group = std::span(rows).subspan(range.first, range.count);
    CHECK_OK(columns_->write_values(field_column(field), group_slot(group), all_of(of_group)));
  }
  return {};
}

Result<void> BlockFile::write_fields() {
  for (size_t i = 0; i < kFields; ++i) {
    const auto field = static_cast<Field>(i);
    if (field == Field::trace || field == Field::received_ns) continue;
    if (field == Field::event_span || field == Field::link_span) {
      CHECK_OK(write_child_rows(field, field == Field::event_span ? event_rows_ : link_rows_));
      continue;
    }
    const FieldInfo of = info(field);
    const FlatColumn values = TRY(flatten(source_, field));
    CHECK_OK(columns_->write(field_column(field), values, order_of(of.owner), form_of(of.form)));
  }
  event_rows_ = {};
  link_rows_ = {};
  return {};
}

Result<void> BlockFile::write_shapes() {
  for (const Scope owner : kAllScopes) {
    Inspected uncounted;
    const auto shapes = TRY(source_.shapes(owner, uncounted));
    if (shapes->size() > kShapesMax) return fail(Code::too_large, "too many shapes");
    footer_.shapes[static_cast<size_t>(owner)] = shapes->size();
    if (shapes->size() < 2) continue;
    CHECK_OK(columns_->write_content(shapes_column(owner), group_slot(0), shapes_content(*shapes)));
  }
  return {};
}

Result<FlatOverflow> flatten_overflow(const Part& source, Scope owner) {
  FlatOverflow out;
  Inspected uncounted;
  for (uint32_t group = 0; group < groups_of(source, owner); ++group) {
    Overflow list = TRY(source.read_overflow(owner, group, uncounted));
    const uint32_t first = list.values.texts == nullptr ? 0 : out.texts.add(*list.values.texts);
    const size_t before = out.types.size();
    for (const Slice& slice : list.types.slices) {
      out.types.insert(out.types.end(), slice.words, slice.words + slice.count);
    }
    for (const Slice& slice : list.values.slices) {
      out.values.insert(out.values.end(), slice.longs, slice.longs + slice.count);
    }
    for (size_t i = before; i < out.values.size(); ++i) {
      if (is_text(static_cast<ValueType>(out.types[i]))) out.values[i] += first;
    }
    out.keep.push_back(list.values.keep);
    out.keys.append(std::move(list.keys));
    if (out.types.size() != out.keys.count || out.values.size() != out.keys.count) {
      return fail(Code::corrupt, "the source's overflow list has gaps");
    }
  }
  out.keys.finish(owners_of(source, owner));
  return out;
}

// Values of texts are stored apart; here they are 0.
Result<void> BlockFile::write_overflow(Scope owner) {
  const FlatOverflow list = TRY(flatten_overflow(source_, owner));
  if (list.keys.count == 0) return {};
  const OwnerOrder& order = order_of(owner);
  CHECK_OK(columns_->write(overflow_column(owner, OverflowPiece::keys), list.keys, order,
                           ValueForm::texts));
  Regrouped regrouped(list.keys, order);
  std::vector<uint32_t> types;
  for (uint32_t group = 0; group < order.groups(); ++group) {
    types.clear();
    for (const uint32_t pick : regrouped.group(group).values) types.push_back(list.types[pick]);
    CHECK_OK(columns_->write_values(overflow_column(owner, OverflowPiece::types), group_slot(group),
                                    all_of(std::span<const uint32_t>(types))));
  }
  regrouped.rewind();
  std::vector<uint64_t> values;
  for (uint32_t group = 0; group < order.groups(); ++group) {
    values.clear();
    for (const uint32_t pick : regrouped.group(group).values) {
      const bool text = is_text(static_cast<ValueType>(list.types[pick]));
      values.push_back(text ? 0 : list.values[pick]);
    }
    CHECK_OK(columns_->write_values(overflow_column(owner, OverflowPiece::values),
                                    group_slot(group), all_of(std::span<const uint64_t>(values))));
  }
  return write_overflow_texts(owner, list, order);
}

Result<void> BlockFile::write_overflow_texts(Scope owner, const FlatOverflow& list,
                                             const OwnerOrder& order) {
  FlatColumn texts;
  texts.texts = list.texts;
  OwnerOrder of_texts;  // texts, as owners of themselves
  Regrouped regrouped(list.keys, order);
  for (uint32_t group = 0; group < order.groups(); ++group) {
    for (const uint32_t pick : regrouped.group(group).values) {
      if (!is_text(static_cast<ValueType>(list.types[pick]))) continue;
      of_texts.source.push_back(texts.count++);
      texts.words.push_back(static_cast<uint32_t>(list.values[pick]));
    }
    of_texts.ends.push_back(texts.count);
  }
  return columns_->write(overflow_column(owner, OverflowPiece::texts), texts, of_texts,
                         ValueForm::texts);
}

Result<void> BlockFile::write_trace_tables() {
  const std::span<const BlockTrace> traces(order_.traces);
  for (uint32_t group = 0; group < order_.groups.size(); ++group) {
    const Range range = order_.groups[group].traces;
    const std::string content = trace_table_content(traces.subspan(range.first, range.count));
    CHECK_OK(columns_->write_content(kTraceColumn, group_slot(group), content));
  }
  return {};
}

Result<void> BlockFile::write_attributes() {
  for (const Scope owner : kAllScopes) {
    for (uint32_t i = 0; i < source_.columns(owner); ++i) {
      const FlatColumn values = TRY(flatten_attribute(source_, owner, i));
      CHECK_OK(columns_->write(footer_.attribute_column(owner, i), values, order_of(owner),
                               form_of(source_.column(owner, i).type)));
    }
  }
  return {};
}

Result<void> BlockFile::write_index() {
  std::vector<IndexEntry> entries;
  entries.reserve(order_.traces.size());
  for (uint32_t i = 0; i < order_.traces.size(); ++i) {
    entries.push_back({fingerprint(order_.traces[i].entry.id), i});
  }
  const std::vector<uint64_t> firsts = append_index(sink_.buffer(), entries, footer_.seed);
  CHECK_OK(sink_.flush_if_full());
  end_section(kSectionIndexPages);
  std::string content;
  append_numbers(content, std::span<const uint64_t>(firsts));
  CHECK_OK(columns_->write_section(kSectionIndexFirsts, content));
  end_section(kSectionIndexFirsts);
  append_trace_filter(sink_.buffer(), entries, footer_.seed);
  CHECK_OK(sink_.flush_if_full());
  end_section(kSectionTraceFilter);
  return {};
}

// Of the traces that are in the block.
Result<void> BlockFile::write_splits(std::span<const SplitTrace> splits) {
  std::vector<SplitTrace> here;
  for (const BlockTrace& trace : order_.traces) {
    const auto found = std::ranges::lower_bound(splits, trace.entry.id, {}, &SplitTrace::id);
    if (found != splits.end() && found->id == trace.entry.id) here.push_back(*found);
  }
  if (here.empty()) return {};
  std::ranges::sort(here, {}, &SplitTrace::id);
  CHECK_OK(columns_->write_section(kSectionSplits, split_list_content(here)));
  end_section(kSectionSplits);
  return {};
}

Result<void> BlockFile::write_directory() {
  CHECK_OK(columns_->write_section(kSectionDirectory, directory_content(columns_->lengths())));
  end_section(kSectionDirectory);
  return {};
}

void BlockFile::end_section(uint16_t kind) {
  footer_.sections.push_back({kind, section_start_, sink_.offset() - section_start_});
  section_start_ = sink_.offset();
}

Result<BlockSummary> BlockFile::write(const BlockIdentity& identity,
                                      std::span<const SplitTrace> splits) {
  CHECK_OK(order_all());
  describe(identity);
  columns_ =
      std::make_unique<ColumnWriter>(sink_, footer_.seed, footer_.file_columns(), footer_.slots());
  sink_.buffer() += kBlockMagic;
  section_start_ = sink_.offset();
  CHECK_OK(write_fields());
  CHECK_OK(write_shapes());
  for (const Scope owner : kAllScopes) CHECK_OK(write_overflow(owner));
  CHECK_OK(write_trace_tables());
  CHECK_OK(write_attributes());
  end_section(kSectionColumns);
  CHECK_OK(write_index());
  CHECK_OK(write_splits(splits));
  CHECK_OK(write_directory());
  sink_.buffer() += write_footer(footer_);
  footer_.summary.file_bytes = sink_.offset();
  CHECK_OK(sink_.finish());
  return footer_.summary;
}

Result<void> check_limits(const BlockIdentity& identity, const Part& source) {
  if (!is_valid_tenant(identity.tenant)) return fail(Code::invalid_argument, "not a tenant's name");
  if (source.rows() > kBlockRowsMax) return fail(Code::too_large, "too many spans");
  for (const Scope owner : kAllScopes) {
    if (source.columns(owner) > kAttributeColumnsMax) {
      return fail(Code::too_large, "too many columns of attributes");
    }
  }
  return {};
}

}  // namespace

Result<BlockSummary> write_block(Storage& storage, const std::string& path,
                                 const BlockIdentity& identity, const BlockContent& content) {
  if (content.sources.size() != 1) return fail(Code::unimplemented, "blocks of several parts");
  const Part& source = *content.sources[0].part;
  const auto write = [&]() -> Result<BlockSummary> {
    CHECK_OK(check_limits(identity, source));
    CHECK_OK(storage.remove(path));
    auto file = TRY(storage.open(path, Storage::Open::create));
    return BlockFile(source, std::move(file)).write(identity, content.splits);
  };
  auto summary = write();
  if (summary) return summary;
  (void)storage.remove(path);  // what is wrong is said already; without its end it is no block
  return std::unexpected(std::move(summary).error().in("block " + path));
}

Result<BlockSummary> write_block(Storage& storage, const std::string& path,
                                 const BlockIdentity& identity, const Part& source) {
  return write_block(storage, path, identity, BlockContent{.sources = {{.part = &source}}});
}

}  // namespace vivace
