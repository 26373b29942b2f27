// A block's file as bytes: its footer, its directory and every chunk by its place, named as people
// name them. For tools that look at how things are stored; what they mean is read through Block.
//
// One thread. Memory: footer and directory; a chunk while it is looked at.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "block/chunk.h"
#include "block/directory.h"
#include "block/footer.h"
#include "storage/storage.h"

namespace vivace::tools {

// A chunk in the file, from its header; nothing of it is checked.
struct StoredChunk {
  uint32_t column = 0;
  uint32_t slot = 0;
  uint64_t offset = 0;
  uint32_t bytes = 0;
  uint8_t packing = 0;
  uint8_t codec = 0;
  uint32_t unpacked_bytes = 0;
};

class BlockFile {
 public:
  // Errors: as Block::open.
  static Result<BlockFile> open(Storage& storage, const std::string& path);

  const BlockFooter& footer() const { return footer_; }
  uint64_t bytes() const { return bytes_; }
  uint64_t footer_bytes() const { return footer_bytes_; }  // with the tail
  Result<std::string> read(uint64_t offset, uint64_t bytes) const;

  // The content of a section that is one chunk.
  Result<std::string> read_section(const BlockSection& section) const;
  Result<BlockDirectory> read_directory() const;
  // Those that are there, in the order of the file.
  Result<void> each_chunk(const BlockDirectory& directory,
                          const std::function<void(const StoredChunk&)>& visit) const;
  Result<std::string> unpack(const StoredChunk& chunk) const;

  // "span.name", "span attribute http.method:string", "trace table", ...
  std::string column_name(uint32_t column) const;
  // "column span.name, row group 3"; "column span.name, dictionary".
  std::string place_name(uint32_t column, uint32_t slot) const;

 private:
  BlockFile() = default;

  std::unique_ptr<File> file_;
  uint64_t bytes_ = 0;
  uint64_t footer_bytes_ = 0;
  BlockFooter footer_;
};

std::string section_name(uint16_t kind);
std::string packing_name(uint8_t packing);
// Of its content: which owners have values, what these are and how they are told.
std::string layout_name(const StoredChunk& chunk, std::string_view content);
std::string_view scope_name(Scope owner);
std::string_view type_name(ValueType type);
std::string_view field_name(Field field);

}  // namespace vivace::tools
