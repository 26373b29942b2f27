// The lengths of all chunks, read once a block and kept in the cache. They must add up to the
// section that they divide.
#include "block/directory.h"

#include "block/byte_reader.h"
#include "block/layout.h"
#include "block/numbers.h"

namespace vivace {

BlockDirectory::Place BlockDirectory::find(uint32_t column, uint32_t slot) const {
  const uint32_t* const row = lengths.data() + size_t{column} * slots;
  uint64_t offset = starts[column];
  for (uint32_t i = 0; i < slot; ++i) offset += row[i];
  return {offset, row[slot]};
}

int64_t BlockDirectory::memory_bytes() const {
  return static_cast<int64_t>(sizeof *this + lengths.capacity() * 4 + starts.capacity() * 8);
}

std::string directory_content(const std::vector<uint32_t>& lengths) {
  std::string out;
  append_numbers(out, std::span<const uint32_t>(lengths));
  return out;
}

Result<BlockDirectory> take_directory(std::string_view content, const BlockFooter& footer) {
  BlockDirectory directory;
  directory.slots = footer.slots();
  const uint64_t cells = uint64_t{footer.file_columns()} * directory.slots;
  if (cells > kDirectoryCellsMax) return fail(Code::corrupt, "too many columns and row groups");
  directory.lengths.resize(cells);
  ByteReader in(content);
  take_numbers(in, std::span<uint32_t>(directory.lengths));
  if (!in.at_end()) return fail(Code::corrupt, "not so many lengths as there are chunks");
  const BlockSection& columns = *footer.section(kSectionColumns);
  uint64_t at = columns.offset;
  for (size_t cell = 0; cell < cells; ++cell) {
    if (cell % directory.slots == 0) directory.starts.push_back(at);
    at += directory.lengths[cell];
  }
  if (at != columns.offset + columns.bytes) return fail(Code::corrupt, "the lengths do not add up");
  return directory;
}

}  // namespace vivace
