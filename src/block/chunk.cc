// Packing and checking of chunks. The checksum is looked at before anything else is believed, and
// covers the header. Contexts of zstd: one a packer; for reading one a thread.
#include "block/chunk.h"

#include <array>
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

// Whether a sample of the content shows nothing to save: ids, mostly.
bool is_noise(std::string_view content) {
  constexpr size_t kSample = 4'096;
  if (content.size() < 4 * kSample) return false;
  std::array<uint32_t, 256> counts{};
  const size_t step = content.size() / kSample;
  for (size_t i = 0; i < kSample; ++i) ++counts[static_cast<uint8_t>(content[i * step])];
  // Of pairs of the sample, how many are equal: 1 in 256, give or take a little, if it is noise.
  uint64_t pairs = 0;
  for (const uint64_t count : counts) pairs += count * (count - 1);
  return pairs < kSample * (kSample - 1) / 256 * 102 / 100;
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

// One frame. A flush ends a block of zstd, and the next one has literal statistics of its own.
Result<size_t> ChunkPacker::pack(std::span<char> to, std::string_view content,
                                 std::span<const uint32_t> cuts) {
  ZSTD_CCtx_reset(context_.get(), ZSTD_reset_session_only);
  ZSTD_CCtx_setPledgedSrcSize(context_.get(), content.size());
  ZSTD_outBuffer out{to.data(), to.size(), 0};
  ZSTD_inBuffer in{content.data(), 0, 0};
  for (size_t i = 0; i <= cuts.size(); ++i) {
    const bool last = i == cuts.size();
    in.size = last ? content.size() : cuts[i];
    const size_t left =
        ZSTD_compressStream2(context_.get(), &out, &in, last ? ZSTD_e_end : ZSTD_e_flush);
    if (ZSTD_isError(left) != 0U) return fail(Code::internal, ZSTD_getErrorName(left));
    if (left > 0) return content.size();  // no room: it does not get smaller
  }
  return out.pos;
}

Result<void> ChunkPacker::append(std::string& out, std::string_view content,
                                 const ChunkPlace& place, std::span<const uint32_t> cuts) {
  if (content.size() > kChunkBytesMax) {
    return fail(Code::too_large, "a chunk holds more than 1 GiB");
  }
  const size_t at = out.size();
  uint8_t packing = kPackedRaw;
  if (content.size() >= kPackedMin && !is_noise(content)) {
    const size_t room = ZSTD_compressBound(content.size()) + 16 * cuts.size();
    resize_uninitialized(out, at + kChunkHeaderBytes + room);
    const std::span<char> to(out.data() + at + kChunkHeaderBytes, room);
    const size_t packed = TRY(pack(to, content, cuts));
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
