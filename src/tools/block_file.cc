// Reads by place. The end of the file is read as Block reads it; chunks are told apart by the
// directory alone.
#include "tools/block_file.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/bytes.h"
#include "block/layout.h"

namespace vivace::tools {

Result<std::string> BlockFile::read(uint64_t offset, uint64_t bytes) const {
  std::string out;
  resize_uninitialized(out, bytes);
  const ReadRange range{offset, out};
  CHECK_OK(file_->read({&range, 1}));
  return out;
}

Result<BlockFile> BlockFile::open(Storage& storage, const std::string& path) {
  BlockFile out;
  out.file_ = TRY(storage.open(path, Storage::Open::existing));
  out.bytes_ = TRY(out.file_->size());
  const auto read_end = [&]() -> Result<BlockFooter> {
    if (out.bytes_ < kBlockMagic.size() + kTailBytes) {
      return fail(Code::corrupt, "the file is cut short");
    }
    const std::string tail = TRY(out.read(out.bytes_ - kTailBytes, kTailBytes));
    out.footer_bytes_ = TRY(vivace::footer_bytes(tail, out.bytes_));
    const std::string end = TRY(out.read(out.bytes_ - out.footer_bytes_, out.footer_bytes_));
    return read_footer(end, out.bytes_);
  };
  auto footer = read_end();
  if (!footer) return std::unexpected(std::move(footer).error().in(path + ": footer"));
  out.footer_ = *std::move(footer);
  return out;
}

Result<std::string> BlockFile::read_section(const BlockSection& section) const {
  const std::string stored = TRY(read(section.offset, section.bytes));
  return unpack_chunk(stored, {footer_.seed, kSectionPlace + section.kind, 0});
}

Result<BlockDirectory> BlockFile::read_directory() const {
  const std::string content = TRY(read_section(*footer_.section(kSectionDirectory)));
  return take_directory(content, footer_);
}

Result<void> BlockFile::each_chunk(const BlockDirectory& directory,
                                   const std::function<void(const StoredChunk&)>& visit) const {
  for (uint32_t column = 0; column < directory.starts.size(); ++column) {
    uint64_t offset = directory.starts[column];
    for (uint32_t slot = 0; slot < directory.slots; ++slot) {
      const uint32_t bytes = directory.lengths[size_t{column} * directory.slots + slot];
      if (bytes == 0) continue;
      StoredChunk chunk{.column = column, .slot = slot, .offset = offset, .bytes = bytes};
      const std::string header = TRY(read(offset, std::min<uint64_t>(bytes, kChunkHeaderBytes)));
      if (header.size() == kChunkHeaderBytes) {
        chunk.packing = static_cast<uint8_t>(header[0]);
        chunk.codec = static_cast<uint8_t>(header[1]);
        chunk.unpacked_bytes = load<uint32_t>(header.data() + 4);
      }
      visit(chunk);
      offset += bytes;
    }
  }
  return {};
}

Result<std::string> BlockFile::unpack(const StoredChunk& chunk) const {
  const std::string stored = TRY(read(chunk.offset, chunk.bytes));
  return unpack_chunk(stored, {footer_.seed, chunk.column, chunk.slot});
}

}  // namespace vivace::tools
