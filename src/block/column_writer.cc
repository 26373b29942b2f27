// From the columns of the sources to chunks: gather, encode, pack, append. A column is gone through
// once, but that of texts twice: first for what its dictionary is.
#include "block/column_writer.h"

#include "block/layout.h"

namespace vivace {
namespace {

constexpr size_t kWriteBytes = 1U << 20;

}  // namespace

Result<void> BlockSink::flush() {
  const std::string_view bytes = buffer_;
  CHECK_OK(file_->write(flushed_, {&bytes, 1}));
  flushed_ += bytes.size();
  buffer_.clear();
  return {};
}

Result<void> BlockSink::flush_if_full() {
  return buffer_.size() < kWriteBytes ? Result<void>() : flush();
}

Result<void> BlockSink::finish() {
  CHECK_OK(flush());
  return file_->sync();
}

Result<void> ColumnWriter::write_content(uint32_t column, uint32_t slot, std::string_view content,
                                         std::span<const uint32_t> cuts) {
  const size_t cell = size_t{column} * slots_ + slot;
  ASSERT(cell >= next_cell_ && cell < lengths_.size());
  next_cell_ = cell + 1;
  if (pace_) CHECK_OK(pace_());
  const uint64_t before = sink_.offset();
  CHECK_OK(packer_.append(sink_.buffer(), content, {seed_, column, slot}, cuts));
  lengths_[cell] = static_cast<uint32_t>(sink_.offset() - before);
  return sink_.flush_if_full();
}

Result<void> ColumnWriter::write_section(uint16_t kind, std::string_view content) {
  CHECK_OK(packer_.append(sink_.buffer(), content, {seed_, kSectionPlace + kind, 0}));
  return sink_.flush_if_full();
}

Result<void> ColumnWriter::write_values(uint32_t column, uint32_t slot,
                                        const ColumnValues& values) {
  if (values.count == 0) return {};
  if (!values.dense && values.count > kGroupValuesMax) {
    return fail(Code::too_large, "too many values of one column in a row group");
  }
  content_.clear();
  cuts_.clear();
  coder_.append(content_, cuts_, column, slot, values);
  return write_content(column, slot, content_, cuts_);
}

Result<void> ColumnWriter::write_dictionary(uint32_t column, const TextCodes& codes) {
  content_.clear();
  append_le(content_, static_cast<uint32_t>(codes.dictionary().size()));
  append_texts(content_, codes.dictionary());
  return write_content(column, kDictionarySlot, content_);
}

Result<void> ColumnWriter::write_gathered(uint32_t column, uint32_t group,
                                          const SourceColumn& from) {
  ColumnValues chunk{.owners_total = from.order.group(group).owners.count,
                     .dense = values_.dense,
                     .owners = {},
                     .count = values_.count,
                     .form = from.form,
                     .words = values_.words,
                     .longs = values_.longs,
                     .texts = values_.texts};
  if (chunk.count > 0 && coder_.footer().has_statistics(column)) statistics_.add(group, chunk);
  if (from.as_list) {
    chunk.owners_total = values_.count;
    chunk.dense = true;
  } else if (!values_.dense) {
    chunk.owners = values_.owners;
  }
  return write_values(column, group_slot(group), chunk);
}

Result<void> ColumnWriter::write_few(uint32_t column, const SourceColumn& from, FewValues& few) {
  values_ = {};
  for (uint32_t group = 0; group < from.order.groups(); ++group) {
    few.gather(group, values_);
    CHECK_OK(write_gathered(column, group, from));
  }
  return {};
}

Result<void> ColumnWriter::write_pieces(uint32_t column, const SourceColumn& from) {
  PieceColumn pieces(from.order, from.read);
  for (uint32_t group = 0; group < from.order.groups(); ++group) {
    CHECK_OK(from.all ? pieces.gather_all(group, from.form, values_)
                      : pieces.gather(group, from.form, values_));
    CHECK_OK(write_gathered(column, group, from));
  }
  return {};
}

Result<void> ColumnWriter::write_texts(uint32_t column, const SourceColumn& from) {
  TextCodes codes(from.order, from.read);
  FewValues few(from.order);
  const bool are_few = !from.all && TRY(few.collect(from.read, from.form, &codes));
  if (!are_few) CHECK_OK(codes.collect());
  if (!codes.has_dictionary()) return write_pieces(column, from);
  if (codes.dictionary().empty()) return {};
  CHECK_OK(write_dictionary(column, codes));
  SourceColumn coded = from;
  coded.form = ValueForm::codes;
  if (are_few) return write_few(column, coded, few);
  coded.read = [&](const Piece& piece) { return codes.read(piece); };
  return write_pieces(column, coded);
}

Result<void> ColumnWriter::write(uint32_t column, const SourceColumn& from) {
  statistics_.begin(from.order.groups());
  CHECK_OK(write_chunks(column, from));
  return coder_.footer().has_statistics(column) ? write_statistics(column) : Result<void>();
}

Result<void> ColumnWriter::write_statistics(uint32_t column) {
  const std::string statistics = statistics_.statistics();
  if (statistics.empty()) return {};
  CHECK_OK(write_content(column, statistics_slot(slots_), statistics));
  const std::string filter = statistics_.text_filter();
  if (filter.empty()) return {};
  return write_content(column, text_filter_slot(slots_), filter);
}

Result<void> ColumnWriter::write_chunks(uint32_t column, const SourceColumn& from) {
  if (from.order.size() == 0) return {};
  if (from.form == ValueForm::texts) return write_texts(column, from);
  if (from.all) return write_pieces(column, from);
  FewValues few(from.order);
  if (TRY(few.collect(from.read, from.form, nullptr))) return write_few(column, from, few);
  return write_pieces(column, from);
}

}  // namespace vivace
