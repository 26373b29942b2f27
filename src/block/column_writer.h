// Writes the columns of a block: gathers a column of the sources row group by row group, and
// appends a chunk for each that has values, after the column's dictionary if it has one. The file
// grows by whole chunks, in the order of columns and slots; their lengths become the directory.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "block/chunk.h"
#include "block/chunk_coder.h"
#include "block/few_values.h"
#include "block/owner_order.h"
#include "block/piece_column.h"
#include "block/statistics.h"
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

// A column of the file, as the sources have it.
struct SourceColumn {
  const OwnerOrder& order;
  ReadPiece read;
  ValueForm form = ValueForm::none;  // texts: as codes or texts
  bool all = false;                  // each owner has one value
  bool as_list = false;              // the values alone, as if each were an owner of its own
};

class ColumnWriter {
 public:
  // `pace` is called before each chunk.
  ColumnWriter(BlockSink& sink, uint64_t seed, uint32_t columns, uint32_t slots,
               std::function<Result<void>()> pace)
      : sink_(sink),
        seed_(seed),
        slots_(slots),
        lengths_(size_t{columns} * slots),
        pace_(std::move(pace)) {}

  // A column with all its row groups.
  Result<void> write(uint32_t column, const SourceColumn& from);
  // One chunk.
  Result<void> write_values(uint32_t column, uint32_t slot, const ColumnValues& values);
  Result<void> write_content(uint32_t column, uint32_t slot, std::string_view content,
                             std::span<const uint32_t> cuts = {});
  Result<void> write_dictionary(uint32_t column, const TextCodes& codes);
  // Sections that are one chunk; not in the directory.
  Result<void> write_section(uint16_t kind, std::string_view content);

  // To be told of the block before the first column, and of shapes before the attributes.
  ChunkCoder& coder() { return coder_; }

  // By column and slot.
  const std::vector<uint32_t>& lengths() const { return lengths_; }

 private:
  Result<void> write_chunks(uint32_t column, const SourceColumn& from);
  Result<void> write_statistics(uint32_t column);
  Result<void> write_texts(uint32_t column, const SourceColumn& from);
  Result<void> write_pieces(uint32_t column, const SourceColumn& from);
  Result<void> write_few(uint32_t column, const SourceColumn& from, FewValues& few);
  Result<void> write_gathered(uint32_t column, uint32_t group, const SourceColumn& from);

  BlockSink& sink_;
  const uint64_t seed_;
  const uint32_t slots_;
  std::vector<uint32_t> lengths_;
  size_t next_cell_ = 0;
  std::function<Result<void>()> pace_;
  ChunkPacker packer_;
  ChunkCoder coder_;
  // Used again and again.
  std::string content_;
  std::vector<uint32_t> cuts_;
  StatisticsMaker statistics_;
  GroupValues values_;
};

}  // namespace vivace
