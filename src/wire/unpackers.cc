// zstd is unpacked a frame at a time straight into the output, which serves as its window: the
// streaming interface would take a window of the size that the frame asks for. LZ4's streaming
// interface takes at most two blocks of 4 MiB. Snappy's library knows blocks alone; the stream
// around them is read here.
#include "wire/unpackers.h"

#include <algorithm>
#include <lz4frame.h>
#include <memory>
#include <snappy.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <boost/crc.hpp>
#include <fmt/format.h>

#include "base/bytes.h"

namespace vivace {
namespace {

constexpr size_t kFirstRoomBytes = 16 << 10;

std::unexpected<Error> invalid(std::string_view what) {
  return fail(Code::invalid_argument, std::string(what));
}

// ------------------------------------------------------------------------------------------ zstd

constexpr uint32_t kZstdMagic = 0xfd2fb528;
constexpr size_t kZstdBlockBytesMax = 128 << 10;  // of content
constexpr size_t kZstdBlockPackedMin = 3;         // with its header

bool is_skippable_frame(uint32_t magic) { return (magic & 0xfffffff0) == 0x184d2a50; }

ZSTD_DCtx* zstd_context() {
  struct Free {
    void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
  };
  thread_local const std::unique_ptr<ZSTD_DCtx, Free> kept(ZSTD_createDCtx());
  ASSERT(kept != nullptr);
  return kept.get();
}

// Appends one frame's content to `out`.
Result<void> unpack_zstd_frame(std::string_view frame, size_t bytes_max, std::string& out) {
  const size_t before = out.size();
  const size_t left = bytes_max - before;
  const size_t possible =
      std::min(left, (frame.size() / kZstdBlockPackedMin + 1) * kZstdBlockBytesMax);
  const unsigned long long claimed = ZSTD_getFrameContentSize(frame.data(), frame.size());
  if (claimed == ZSTD_CONTENTSIZE_ERROR) return invalid("zstd: invalid frame header");
  const bool is_claimed = claimed != ZSTD_CONTENTSIZE_UNKNOWN;
  if (is_claimed && claimed > left) return body_too_large();
  size_t room = is_claimed ? std::min<size_t>(claimed, possible)
                           : std::min(possible, std::max(kFirstRoomBytes, frame.size() * 4));
  while (true) {
    resize_uninitialized(out, before + room);
    const size_t made =
        ZSTD_decompressDCtx(zstd_context(), out.data() + before, room, frame.data(), frame.size());
    if (!ZSTD_isError(made)) {
      out.resize(before + made);
      return {};
    }
    const bool is_short = ZSTD_getErrorCode(made) == ZSTD_error_dstSize_tooSmall;
    if (!is_short || is_claimed || room >= possible) {
      if (is_short && !is_claimed && room >= left) return body_too_large();
      return invalid(fmt::format("zstd: {}", ZSTD_getErrorName(made)));
    }
    room = std::min(possible, room * 2);
  }
}

// ------------------------------------------------------------------------------------------- lz4

struct FreeLz4 {
  void operator()(LZ4F_dctx* context) const { LZ4F_freeDecompressionContext(context); }
};
using Lz4Context = std::unique_ptr<LZ4F_dctx, FreeLz4>;

Lz4Context make_lz4_context() {
  LZ4F_dctx* context = nullptr;
  ASSERT(!LZ4F_isError(LZ4F_createDecompressionContext(&context, LZ4F_VERSION)));
  return Lz4Context(context);
}

// ---------------------------------------------------------------------------------------- snappy

constexpr std::string_view kSnappyStart("\xff\x06\x00\x00sNaPpY", 10);
constexpr size_t kSnappyChunkBytesMax = 64 << 10;  // of content
constexpr size_t kSnappyExpansionMax = 22;         // 3 bytes copy up to 64

// CRC-32C, turned and shifted as the framing format wants it.
uint32_t snappy_checksum(std::string_view bytes) {
  boost::crc_optimal<32, 0x1edc6f41, 0xffffffff, 0xffffffff, true, true> crc;
  crc.process_bytes(bytes.data(), bytes.size());
  const uint32_t sum = crc.checksum();
  return ((sum >> 15) | (sum << 17)) + 0xa282ead8;
}

// Appends a block's content, at most `content_max` bytes of it.
Result<void> append_snappy_block(std::string_view block, size_t content_max, std::string& out) {
  size_t size = 0;
  if (!snappy::GetUncompressedLength(block.data(), block.size(), &size) ||
      size > block.size() * kSnappyExpansionMax) {
    return invalid("snappy: invalid length");
  }
  if (size > content_max) return body_too_large();
  const size_t before = out.size();
  resize_uninitialized(out, before + size);
  if (snappy::RawUncompress(block.data(), block.size(), out.data() + before)) return {};
  return invalid("snappy: invalid data");
}

// A chunk with content: its checksum, then a block or the bytes themselves.
Result<void> append_snappy_chunk(bool is_packed, std::string_view chunk, size_t bytes_max,
                                 std::string& out) {
  if (chunk.size() < 4) return invalid("snappy: chunk without a checksum");
  const auto checksum = load<uint32_t>(chunk.data());
  chunk.remove_prefix(4);
  const size_t before = out.size();
  const size_t left = bytes_max - before;
  if (!is_packed && chunk.size() > left) return body_too_large();
  if (is_packed) {
    CHECK_OK(append_snappy_block(chunk, left, out));
  } else {
    out += chunk;
  }
  const std::string_view content = std::string_view(out).substr(before);
  if (content.size() > kSnappyChunkBytesMax) return invalid("snappy: chunk of more than 64 KiB");
  if (snappy_checksum(content) != checksum) return invalid("snappy: wrong checksum");
  return {};
}

}  // namespace

Result<std::string> unpack_zstd(std::string_view packed, size_t bytes_max) {
  std::string out;
  do {
    const auto magic = packed.size() < 4 ? 0 : load<uint32_t>(packed.data());
    if (magic != kZstdMagic && !is_skippable_frame(magic)) return invalid("zstd: invalid header");
    const size_t size = ZSTD_findFrameCompressedSize(packed.data(), packed.size());
    if (ZSTD_isError(size)) return invalid("zstd: invalid or truncated data");
    if (magic == kZstdMagic) {
      CHECK_OK(unpack_zstd_frame(packed.substr(0, size), bytes_max, out));
    }
    packed.remove_prefix(size);
  } while (!packed.empty());
  return out;
}

Result<std::string> unpack_lz4(std::string_view packed, size_t bytes_max) {
  const Lz4Context context = make_lz4_context();
  // One byte more than allowed, so that going past the limit shows.
  const size_t room_max = bytes_max == SIZE_MAX ? bytes_max : bytes_max + 1;
  std::string out;
  size_t made = 0;
  while (true) {
    if (made == out.size()) {
      const size_t wanted = std::max({kFirstRoomBytes, packed.size(), out.size() * 2});
      resize_uninitialized(out, std::min(room_max, wanted));
    }
    size_t used = packed.size();
    size_t got = out.size() - made;
    const size_t hint =
        LZ4F_decompress(context.get(), out.data() + made, &got, packed.data(), &used, nullptr);
    if (LZ4F_isError(hint)) return invalid(fmt::format("lz4: {}", LZ4F_getErrorName(hint)));
    made += got;
    packed.remove_prefix(used);
    if (made > bytes_max) return body_too_large();
    const bool frame_ended = hint == 0;
    if (packed.empty() && frame_ended) break;
    if (used == 0 && got == 0) return invalid("lz4: unexpected end of data");
  }
  out.resize(made);
  return out;
}

bool is_snappy_stream(std::string_view bytes) { return bytes.starts_with(kSnappyStart); }

Result<std::string> unpack_snappy_stream(std::string_view packed, size_t bytes_max) {
  if (!is_snappy_stream(packed)) return invalid("snappy: invalid header");
  std::string out;
  while (!packed.empty()) {
    if (packed.size() < 4) return invalid("snappy: unexpected end of data");
    const auto head = load<uint32_t>(packed.data());
    const size_t size = head >> 8;
    if (size > packed.size() - 4) return invalid("snappy: unexpected end of data");
    const std::string_view chunk = packed.substr(4, size);
    const auto type = static_cast<uint8_t>(head);
    if (type <= 1) {
      CHECK_OK(append_snappy_chunk(type == 0, chunk, bytes_max, out));
    } else if (type == 0xff) {
      if (!packed.starts_with(kSnappyStart)) return invalid("snappy: invalid header");
    } else if (type < 0x80) {
      return invalid(fmt::format("snappy: unknown chunk type {}", type));
    }
    packed.remove_prefix(4 + size);
  }
  return out;
}

Result<std::string> unpack_snappy_block(std::string_view packed, size_t bytes_max) {
  std::string out;
  CHECK_OK(append_snappy_block(packed, bytes_max, out));
  return out;
}

}  // namespace vivace
