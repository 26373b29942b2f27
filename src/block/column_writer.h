// Writes the columns of a block: takes a flat column of the source, regroups it, and appends a
// chunk for each row group that has values, after the column's dictionary if it has one. The file
// grows by whole chunks, in the order of columns and slots; their lengths become the directory.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "block/chunk.h"
#include "block/column_content.h"
#include "block/regroup.h"
#include "block/text_codes.h"
#include "storage/storage.h"

namespace vivace {

// The file: appends, in writes of about 1 MiB.
class BlockSink {
 public:
  explicit BlockSink(std::unique_ptr<File> file) : file_(std::move(file)) {}
  // What is to be appended; then `flush_if_full`.
  std::string& buffer() { return buffer_; }
  uint64_t offset() const { return flushed_ + buffer_.size(); }
  Result<void> flush_if_full();
  Result<void> finish();  // flushes and syncs

 private:
  Result<void> flush();

  std::unique_ptr<File> file_;
  std::string buffer_;
  uint64_t flushed_ = 0;
};

class ColumnWriter {
 public:
  ColumnWriter(BlockSink& sink, uint64_t seed, uint32_t columns, uint32_t slots)
      : sink_(sink), seed_(seed), slots_(slots), lengths_(size_t{columns} * slots) {}

  // A column with all its row groups.
  Result<void> write(uint32_t column, const FlatColumn& values, const OwnerOrder& order,
                     ValueForm form);
  // One chunk.
  Result<void> write_values(uint32_t column, uint32_t slot, const ColumnValues& values);
  Result<void> write_content(uint32_t column, uint32_t slot, std::string_view content);
  Result<void> write_dictionary(uint32_t column, const TextCodes& codes);
  // Sections that are one chunk; not in the directory.
  Result<void> write_section(uint16_t kind, std::string_view content);

  // By column and slot.
  const std::vector<uint32_t>& lengths() const { return lengths_; }

 private:
  Result<void> write_group(uint32_t column, uint32_t slot, ColumnValues& values,
                           std::span<const uint32_t> picks, const FlatColumn& from);

  BlockSink& sink_;
  const uint64_t seed_;
  const uint32_t slots_;
  std::vector<uint32_t> lengths_;
  size_t next_cell_ = 0;
  ChunkPacker packer_;
  std::unique_ptr<TextCodes> codes_;  // of the column that is being written
  // Used again and again.
  std::string content_;
  std::vector<uint32_t> words_;
  std::vector<uint64_t> longs_;
  std::vector<std::string_view> texts_;
};

}  // namespace vivace
