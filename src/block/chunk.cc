// Packing and checking of chunks. The checksum is looked at before anything else is believed, and
// covers the header. Contexts of zstd: one a packer; for reading one a thread.
#include "block/chunk.h"

#include <zstd.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "block/layout.h"

namespace vivace {
namespace {

constexpr int kZstdLevel = 1;
constexpr size_t kPackedMin = 64;  // less is not worth a frame

struct FreeUnpacker {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

ZSTD_DCtx* unpacker() {
  thread_local const std::unique_ptr<ZSTD_DCtx, FreeUnpacker> context(ZSTD_createDCtx());
  return context.get();
}

uint64_t chunk_checksum(std::string_view stored, const ChunkPlace& place) {
  const uint64_t seed = hash64(stored.substr(0, 8), place_seed(place));
  return hash64(stored.substr(kChunkHeaderBytes), seed);
}

Error corrupt(const char* what) { return {Code::corrupt, what}; }

}  // namespace

uint64_t block_seed(std::string_view tenant, uint64_t number) { return hash64(tenant, number); }

uint64_t place_seed(const ChunkPlace& place) {
  char bytes[16];
  store(bytes, place.block_seed);
  store(bytes + 8, place.column);
  store(bytes + 12, place.slot);
  return hash64({bytes, sizeof bytes});
}

void ChunkPacker::Free::operator()(ZSTD_CCtx_s* context) const { ZSTD_freeCCtx(context); }

ChunkPacker::ChunkPacker() : context_(ZSTD_createCCtx()) {
  ASSERT(context_ != nullptr);
  ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, kZstdLevel);
}

Result<void> ChunkPacker::append(std::string& out, std::string_view content,
                                 const ChunkPlace& place) {
  if (content.size() > kChunkBytesMax) {
    return fail(Code::too_large, "a chunk holds more than 1 GiB");
  }
  const size_t at = out.size();
  uint8_t packing = kPackedRaw;
  if (content.size() >= kPackedMin) {
    const size_t room = ZSTD_compressBound(content.size());
    resize_uninitialized(out, at + kChunkHeaderBytes + room);
    const size_t packed = ZSTD_compress2(context_.get(), out.data() + at + kChunkHeaderBytes, room,
                                         content.data(), content.size());
    if (ZSTD_isError(packed) != 0U) return fail(Code::internal, ZSTD_getErrorName(packed));
    if (packed < content.size()) {
      packing = kPackedZstd;
      out.resize(at + kChunkHeaderBytes + packed);
    }
  }
  if (packing == kPackedRaw) {
    out.resize(at + kChunkHeaderBytes);
    out.append(content);
  }
  char* const header = out.data() + at;
  header[0] = static_cast<char>(packing);
  header[1] = static_cast<char>(kCodecPlain);
  store<uint16_t>(header + 2, 0);
  store(header + 4, static_cast<uint32_t>(content.size()));
  store(header + 8, chunk_checksum(std::string_view(out).substr(at), place));
  return {};
}

Result<std::string> unpack_chunk(std::string_view stored, const ChunkPlace& place) {
  if (stored.size() < kChunkHeaderBytes) return std::unexpected(corrupt("the chunk is cut short"));
  if (load<uint64_t>(stored.data() + 8) != chunk_checksum(stored, place)) {
    return std::unexpected(corrupt("the checksum does not match"));
  }
  const auto packing = static_cast<uint8_t>(stored[0]);
  const auto size = load<uint32_t>(stored.data() + 4);
  const std::string_view content = stored.substr(kChunkHeaderBytes);
  if (static_cast<uint8_t>(stored[1]) != kCodecPlain) {
    return std::unexpected(corrupt("an unknown codec"));
  }
  if (packing == kPackedRaw) {
    if (size != content.size()) return std::unexpected(corrupt("the sizes do not match"));
    return std::string(content);
  }
  if (packing != kPackedZstd) return std::unexpected(corrupt("an unknown packing"));
  if (size > kChunkBytesMax || size / kZstdRatioMax > content.size()) {
    return std::unexpected(corrupt("an impossible size"));
  }
  std::string out;
  resize_uninitialized(out, size);
  const size_t got =
      ZSTD_decompressDCtx(unpacker(), out.data(), size, content.data(), content.size());
  if (ZSTD_isError(got) != 0U || got != size) {
    return std::unexpected(corrupt("the content cannot be unpacked"));
  }
  return out;
}

}  // namespace vivace
