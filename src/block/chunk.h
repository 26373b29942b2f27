// The envelope of everything that a block stores in pieces: 16 bytes of header, then the content,
// packed with zstd where that saves.
//
//   offset size
//        0    1  packing: 0 as it is, 1 zstd
//        1    1  codec: how the content is laid out; 1 is the only one so far
//        2    2  zero
//        4    4  bytes of the content, unpacked
//        8    8  checksum: XXH3-64 of the content as stored, seeded with the place and [0, 8)
//
// The seed ties a chunk to its block, column and slot: bytes of another place never pass for it.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

struct ZSTD_CCtx_s;

namespace vivace {

struct ChunkPlace {
  uint64_t block_seed = 0;
  uint32_t column = 0;
  uint32_t slot = 0;
};

// Of a block: from its tenant and number.
uint64_t block_seed(std::string_view tenant, uint64_t number);
// For what has no header: pages of the index.
uint64_t place_seed(const ChunkPlace& place);

// Packs; one thread. Keeps a context of zstd, which is costly to make.
class ChunkPacker {
 public:
  ChunkPacker();
  // Appends header and content to `out`. At `cuts` (ascending) the content changes its nature:
  // what lies between two is packed with statistics of its own. Code::too_large past
  // kChunkBytesMax.
  Result<void> append(std::string& out, std::string_view content, const ChunkPlace& place,
                      std::span<const uint32_t> cuts = {});

 private:
  struct Free {
    void operator()(ZSTD_CCtx_s* context) const;
  };
  Result<size_t> pack(std::span<char> to, std::string_view content, std::span<const uint32_t> cuts);

  std::unique_ptr<ZSTD_CCtx_s, Free> context_;
};

// The content of a stored chunk. Code::corrupt for anything that is wrong with it, without taking
// more memory than the sizes that its checksum vouches for, and zstd's best ratio, allow.
Result<std::string> unpack_chunk(std::string_view stored, const ChunkPlace& place);

}  // namespace vivace
