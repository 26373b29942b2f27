// From a flat column to chunks: regroup, gather, encode, pack, append. One loop over the values for
// each form that they have; everything else happens once a chunk.
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

Result<void> ColumnWriter::write_content(uint32_t column, uint32_t slot, std::string_view content) {
  const size_t cell = size_t{column} * slots_ + slot;
  ASSERT(cell >= next_cell_ && cell < lengths_.size());
  next_cell_ = cell + 1;
  const uint64_t before = sink_.offset();
  CHECK_OK(packer_.append(sink_.buffer(), content, {seed_, column, slot}));
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
  append_column(content_, values);
  return write_content(column, slot, content_);
}

Result<void> ColumnWriter::write_dictionary(uint32_t column, const TextCodes& codes) {
  content_.clear();
  append_le(content_, static_cast<uint32_t>(codes.dictionary().size()));
  append_texts(content_, codes.dictionary());
  return write_content(column, kDictionarySlot, content_);
}

Result<void> ColumnWriter::write_group(uint32_t column, uint32_t slot, ColumnValues& values,
                                       std::span<const uint32_t> picks, const FlatColumn& from) {
  words_.resize(picks.size());
  switch (values.form) {
    case ValueForm::none:
      break;
    case ValueForm::words:
      for (size_t i = 0; i < picks.size(); ++i) words_[i] = from.words[picks[i]];
      values.words = words_;
      break;
    case ValueForm::codes: {
      const uint32_t* const code_of = codes_->by_source().data();
      for (size_t i = 0; i < picks.size(); ++i) words_[i] = code_of[from.words[picks[i]]];
      values.words = words_;
      break;
    }
    case ValueForm::longs:
      longs_.resize(picks.size());
      for (size_t i = 0; i < picks.size(); ++i) longs_[i] = from.longs[picks[i]];
      values.longs = longs_;
      break;
    case ValueForm::texts:
      texts_.clear();
      for (const uint32_t pick : picks) texts_.push_back(from.texts[from.words[pick]]);
      values.texts = texts_;
      break;
  }
  return write_values(column, slot, values);
}

Result<void> ColumnWriter::write(uint32_t column, const FlatColumn& values, const OwnerOrder& order,
                                 ValueForm form) {
  if (values.count == 0) return {};
  if (form == ValueForm::texts) {
    codes_ = std::make_unique<TextCodes>(values.words, values.texts);
    if (codes_->has_dictionary()) {
      form = ValueForm::codes;
      CHECK_OK(write_dictionary(column, *codes_));
    }
  }
  Regrouped regrouped(values, order);
  for (uint32_t group = 0; group < order.groups(); ++group) {
    const Picks picks = regrouped.group(group);
    ColumnValues chunk{.owners_total = order.group(group).count,
                       .dense = picks.dense,
                       .owners = picks.owners,
                       .count = static_cast<uint32_t>(picks.values.size()),
                       .form = form};
    CHECK_OK(write_group(column, group_slot(group), chunk, picks.values, values));
  }
  return {};
}

}  // namespace vivace
