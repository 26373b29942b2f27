// The road of a block: plan it; then column by column, in the order of their numbers in the file;
// then the index of traces, the directory, the footer; sync. The file is a block only when its last
// bytes are there.
#include "block/block_writer.h"

#include <algorithm>
#include <numeric>

#include "block/block_plan.h"
#include "block/chunk.h"
#include "block/column_writer.h"
#include "block/directory.h"
#include "block/footer.h"
#include "block/layout.h"
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

// Texts count as 0 there.
Column numbers_of(const Overflow& list) {
  struct Kept {
    std::vector<uint64_t> longs;
    std::shared_ptr<const void> below;
  };
  auto kept = std::make_shared<Kept>();
  Column out = list.values;
  out.texts = nullptr;
  for (ColumnCursor types(list.types); !types.at_end(); types.next()) {
    kept->longs.push_back(is_text(static_cast<ValueType>(types.bits())) ? 0 : 1);
  }
  size_t at = 0;
  for (Slice& slice : out.slices) {
    for (uint32_t i = 0; i < slice.count; ++i) kept->longs[at + i] *= slice.longs[i];
    slice.longs = kept->longs.data() + at;
    at += slice.count;
  }
  kept->below = std::move(out.keep);
  out.keep = std::move(kept);
  return out;
}

Column texts_of(Overflow list) {
  auto kept = std::make_shared<Overflow>(std::move(list));
  std::vector<OverflowEntry> texts;
  for (OverflowEntries entries(*kept); !entries.at_end(); entries.next()) {
    const OverflowEntry entry = entries.entry();
    if (is_text(entry.type)) texts.push_back(entry);
  }
  return column_of(texts, std::move(kept));
}

class BlockFile {
 public:
  BlockFile(BlockPlan& plan, std::unique_ptr<File> file)
      : plan_(plan), order_(plan.rows()), sink_(std::move(file)) {}

  Result<BlockSummary> write(const BlockIdentity& identity, const BlockContent& content);

 private:
  void describe(const BlockIdentity& identity);
  void summarize();
  Result<void> write_fields();
  Result<void> write_starts();
  Result<void> write_beside_ids(Field field);
  Result<void> write_child_rows(Field field);
  Result<void> write_shapes();
  Result<void> write_overflow(Scope owner);
  Result<void> write_trace_tables();
  Result<void> write_attributes();
  Result<void> write_index();
  Result<void> write_splits(std::span<const SplitTrace> splits);
  Result<void> write_directory();
  void end_section(uint16_t kind);

  BlockPlan& plan_;
  const RowOrder& order_;
  BlockSink sink_;
  BlockFooter footer_;
  std::unique_ptr<ColumnWriter> columns_;
  uint64_t section_start_ = 0;
};

void BlockFile::describe(const BlockIdentity& identity) {
  footer_.identity = identity;
  footer_.seed = block_seed(identity.tenant, identity.number);
  footer_.groups = order_.groups;
  footer_.events = plan_.order(Scope::event).size();
  footer_.links = plan_.order(Scope::link).size();
  footer_.resources = plan_.order(Scope::resource).size();
  footer_.scopes = plan_.order(Scope::scope).size();
  for (const Scope owner : kAllScopes) {
    footer_.columns[static_cast<size_t>(owner)] = plan_.attributes(owner).columns();
  }
}

// After the starts are written: no end of a row group is before them.
void BlockFile::summarize() {
  BlockSummary& summary = footer_.summary;
  summary.rows = order_.rows.size();
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
}

Result<void> BlockFile::write_child_rows(Field field) {
  PieceColumn children(order_.rows, children_of_rows(plan_.sources(), info(field).owner));
  GroupValues of;
  for (uint32_t group = 0; group < order_.rows.groups(); ++group) {
    CHECK_OK(children.gather(group, ValueForm::words, of));
    for (uint32_t& row : of.owners) row += order_.rows.group(group).owners.first;
    if (of.dense) {  // then owners may be left out
      of.owners.resize(of.count);
      std::iota(of.owners.begin(), of.owners.end(), order_.rows.group(group).owners.first);
    }
    const ColumnValues rows{.owners_total = of.count,
                            .dense = true,
                            .count = of.count,
                            .form = ValueForm::words,
                            .words = of.owners};
    CHECK_OK(columns_->write_values(field_column(field), group_slot(group), rows));
  }
  return {};
}

// Ids of spans, which may be told by the ids of the row group's own.
Result<void> BlockFile::write_beside_ids(Field field) {
  PieceColumn values(plan_.order(info(field).owner), plan_.field(field));
  PieceColumn ids(order_.rows, plan_.field(Field::span_id));
  GroupValues of;
  GroupValues of_ids;
  for (uint32_t group = 0; group < order_.rows.groups(); ++group) {
    CHECK_OK(values.gather_all(group, ValueForm::longs, of));
    if (of.count == 0) continue;
    CHECK_OK(ids.gather_all(group, ValueForm::longs, of_ids));
    columns_->coder().lend_span_ids(of_ids.longs);
    const ColumnValues longs{.owners_total = of.count,
                             .dense = true,
                             .count = of.count,
                             .form = ValueForm::longs,
                             .longs = of.longs};
    CHECK_OK(columns_->write_values(field_column(field), group_slot(group), longs));
  }
  return {};
}

Result<void> BlockFile::write_starts() {
  PieceColumn starts(order_.rows, plan_.field(Field::start_ns));
  GroupValues of;
  for (uint32_t group = 0; group < order_.rows.groups(); ++group) {
    CHECK_OK(starts.gather_all(group, ValueForm::longs, of));
    RowGroup& row_group = footer_.groups[group].of;
    row_group.end_max_ns = std::max(row_group.end_max_ns, std::ranges::max(of.longs));
    const ColumnValues values{.owners_total = of.count,
                              .dense = true,
                              .count = of.count,
                              .form = ValueForm::longs,
                              .longs = of.longs};
    CHECK_OK(columns_->write_values(field_column(Field::start_ns), group_slot(group), values));
  }
  return {};
}

Result<void> BlockFile::write_fields() {
  for (size_t i = 0; i < kFields; ++i) {
    const auto field = static_cast<Field>(i);
    const FieldInfo of = info(field);
    if (!is_stored(field)) continue;
    if (plan_.order(of.owner).size() == 0) continue;
    if (field == Field::event_span || field == Field::link_span) {
      CHECK_OK(write_child_rows(field));
      continue;
    }
    if (field == Field::start_ns) {
      CHECK_OK(write_starts());
      continue;
    }
    if (field == Field::parent_id || field == Field::link_span_id) {
      CHECK_OK(write_beside_ids(field));
      continue;
    }
    CHECK_OK(columns_->write(field_column(field), {.order = plan_.order(of.owner),
                                                   .read = plan_.field(field),
                                                   .form = form_of(of.form),
                                                   .all = of.dense}));
  }
  return {};
}

Result<void> BlockFile::write_shapes() {
  for (const Scope owner : kAllScopes) {
    const Shapes& shapes = plan_.attributes(owner).shapes();
    footer_.shapes[static_cast<size_t>(owner)] = shapes.size();
    if (shapes.size() < 2) continue;
    columns_->coder().set_shapes(owner, shapes);
    CHECK_OK(columns_->write_content(shapes_column(owner), group_slot(0), shapes_content(shapes)));
  }
  return {};
}

// Keys name the owners; the other pieces stand side by side with them, texts with those values that
// are texts, which themselves are 0.
Result<void> BlockFile::write_overflow(Scope owner) {
  AttributeUnion& attributes = plan_.attributes(owner);
  if (!attributes.has_overflow()) return {};
  const auto write = [&](OverflowPiece piece, ValueForm form, const auto& choose) {
    return columns_->write(overflow_column(owner, piece),
                           {.order = plan_.order(owner),
                            .read = [&](const Piece& from) -> Result<Column> {
                              return choose(TRY(attributes.overflow(from)));
                            },
                            .form = form,
                            .as_list = piece != OverflowPiece::keys});
  };
  CHECK_OK(
      write(OverflowPiece::keys, ValueForm::texts, [](const Overflow& list) { return list.keys; }));
  CHECK_OK(write(OverflowPiece::types, ValueForm::words,
                 [](const Overflow& list) { return list.types; }));
  CHECK_OK(write(OverflowPiece::values, ValueForm::longs, numbers_of));
  return write(OverflowPiece::texts, ValueForm::texts, texts_of);
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
    const AttributeUnion& attributes = plan_.attributes(owner);
    for (uint32_t i = 0; i < attributes.columns().size(); ++i) {
      CHECK_OK(columns_->write(footer_.attribute_column(owner, i),
                               {.order = plan_.order(owner),
                                .read = attributes.values(i),
                                .form = form_of(attributes.columns()[i].type)}));
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

Result<BlockSummary> BlockFile::write(const BlockIdentity& identity, const BlockContent& content) {
  describe(identity);
  columns_ = std::make_unique<ColumnWriter>(sink_, footer_.seed, footer_.file_columns(),
                                            footer_.slots(), content.pace);
  columns_->coder().describe(footer_, order_.traces);
  sink_.buffer() += kBlockMagic;
  section_start_ = sink_.offset();
  CHECK_OK(write_fields());
  summarize();
  CHECK_OK(write_shapes());
  for (const Scope owner : kAllScopes) CHECK_OK(write_overflow(owner));
  CHECK_OK(write_trace_tables());
  CHECK_OK(write_attributes());
  end_section(kSectionColumns);
  CHECK_OK(write_index());
  CHECK_OK(write_splits(content.splits));
  CHECK_OK(write_directory());
  sink_.buffer() += write_footer(footer_);
  footer_.summary.file_bytes = sink_.offset();
  CHECK_OK(sink_.finish());
  return footer_.summary;
}

}  // namespace

Result<BlockSummary> write_block(Storage& storage, const std::string& path,
                                 const BlockIdentity& identity, const BlockContent& content) {
  const auto write = [&]() -> Result<BlockSummary> {
    if (!is_valid_tenant(identity.tenant)) {
      return fail(Code::invalid_argument, "not a tenant's name");
    }
    CHECK_OK(storage.remove(path));
    const auto plan = TRY(BlockPlan::make(content));
    auto file = TRY(storage.open(path, Storage::Open::create));
    return BlockFile(*plan, std::move(file)).write(identity, content);
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
