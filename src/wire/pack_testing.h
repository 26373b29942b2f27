// For tests: the other side of compression.h, over the libraries' own compressors.
#pragma once

#include <lz4frame.h>
#include <snappy.h>
#include <string>
#include <string_view>
#include <zlib.h>
#include <zstd.h>

#include <boost/crc.hpp>

#include "base/bytes.h"
#include "base/result.h"
#include "wire/compression.h"

namespace vivace {

// zlib's `window_bits`: 15 zlib, -15 raw deflate, 31 gzip.
inline std::string pack_deflate(std::string_view bytes, int window_bits, int level = 6) {
  z_stream z{};
  ASSERT(deflateInit2(&z, level, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string in(bytes);
  std::string out(deflateBound(&z, in.size()) + 100, '\0');
  z.next_in = reinterpret_cast<Bytef*>(in.data());
  z.avail_in = static_cast<uInt>(in.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  ASSERT(deflate(&z, Z_FINISH) == Z_STREAM_END);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

// With the size of the content in its header.
inline std::string pack_zstd(std::string_view bytes, int level = 3) {
  std::string out(ZSTD_compressBound(bytes.size()), '\0');
  const size_t size = ZSTD_compress(out.data(), out.size(), bytes.data(), bytes.size(), level);
  ASSERT(!ZSTD_isError(size));
  out.resize(size);
  return out;
}

// As a stream whose length nobody knew, ended `flush_every` bytes and at the end.
inline std::string pack_zstd_stream(std::string_view bytes, int level, size_t flush_every,
                                    bool checksum = false) {
  ZSTD_CCtx* const context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level);
  ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, checksum ? 1 : 0);
  std::string out;
  bool is_last = false;
  while (!is_last) {
    const std::string_view piece = bytes.substr(0, flush_every);
    bytes.remove_prefix(piece.size());
    is_last = bytes.empty();
    ZSTD_inBuffer in{piece.data(), piece.size(), 0};
    size_t left = 1;
    while (left != 0 || in.pos < in.size) {
      const size_t before = out.size();
      out.resize(before + ZSTD_CStreamOutSize());
      ZSTD_outBuffer to{out.data() + before, out.size() - before, 0};
      left = ZSTD_compressStream2(context, &to, &in, is_last ? ZSTD_e_end : ZSTD_e_flush);
      ASSERT(!ZSTD_isError(left));
      out.resize(before + to.pos);
    }
  }
  ZSTD_freeCCtx(context);
  return out;
}

inline std::string pack_lz4(std::string_view bytes, const LZ4F_preferences_t& preferences = {}) {
  std::string out(LZ4F_compressFrameBound(bytes.size(), &preferences), '\0');
  const size_t size =
      LZ4F_compressFrame(out.data(), out.size(), bytes.data(), bytes.size(), &preferences);
  ASSERT(!LZ4F_isError(size));
  out.resize(size);
  return out;
}

inline std::string pack_snappy_block(std::string_view bytes) {
  std::string out;
  snappy::Compress(bytes.data(), bytes.size(), &out);
  return out;
}

inline std::string snappy_chunk(uint8_t type, std::string_view content) {
  std::string out;
  append_le(out, static_cast<uint32_t>(content.size()) << 8 | type);
  return out += content;
}

// The checksum that goes before a chunk's content.
inline std::string snappy_checksum_of(std::string_view bytes) {
  boost::crc_optimal<32, 0x1edc6f41, 0xffffffff, 0xffffffff, true, true> crc;
  crc.process_bytes(bytes.data(), bytes.size());
  const uint32_t sum = crc.checksum();
  std::string out;
  append_le(out, ((sum >> 15) | (sum << 17)) + 0xa282ead8);
  return out;
}

// Every third chunk is not packed.
inline std::string pack_snappy(std::string_view bytes, size_t chunk_bytes = 64 << 10) {
  std::string out = snappy_chunk(0xff, "sNaPpY");
  for (size_t i = 0; !bytes.empty(); ++i) {
    const std::string_view piece = bytes.substr(0, chunk_bytes);
    bytes.remove_prefix(piece.size());
    const std::string content = i % 3 == 2 ? std::string(piece) : pack_snappy_block(piece);
    out += snappy_chunk(i % 3 == 2 ? 1 : 0, snappy_checksum_of(piece) + content);
  }
  return out;
}

inline std::string pack(ContentEncoding encoding, std::string_view bytes) {
  switch (encoding) {
    case ContentEncoding::identity:
      break;
    case ContentEncoding::gzip:
      return pack_deflate(bytes, 31);
    case ContentEncoding::zstd:
      return pack_zstd(bytes);
    case ContentEncoding::zlib:
      return pack_deflate(bytes, 15);
    case ContentEncoding::deflate:
      return pack_deflate(bytes, -15);
    case ContentEncoding::snappy:
      return pack_snappy(bytes);
    case ContentEncoding::snappy_block:
      return pack_snappy_block(bytes);
    case ContentEncoding::lz4:
      return pack_lz4(bytes);
  }
  return std::string(bytes);
}

}  // namespace vivace
