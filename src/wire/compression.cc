// libdeflate works on whole buffers and needs to be told the room for its output: we begin with
// what the trailer claims, within reason, and double when that was too little.
#include "wire/compression.h"

#include <algorithm>
#include <libdeflate.h>
#include <memory>

#include "base/bytes.h"

namespace vivace {
namespace {

constexpr size_t kGzipOverheadBytes = 18;  // header and trailer of one member
constexpr size_t kExpansionMax = 1032;     // of deflate, zlib.net/zlib_tech.html
constexpr size_t kFirstRoomBytes = 16 << 10;

libdeflate_decompressor* decompressor() {
  struct Free {
    void operator()(libdeflate_decompressor* d) const { libdeflate_free_decompressor(d); }
  };
  thread_local const std::unique_ptr<libdeflate_decompressor, Free> kept(
      libdeflate_alloc_decompressor());
  ASSERT(kept != nullptr);
  return kept.get();
}

libdeflate_compressor* compressor() {
  struct Free {
    void operator()(libdeflate_compressor* c) const { libdeflate_free_compressor(c); }
  };
  thread_local const std::unique_ptr<libdeflate_compressor, Free> kept(
      libdeflate_alloc_compressor(1));
  ASSERT(kept != nullptr);
  return kept.get();
}

// Appends one member's content to `out`; the number of input bytes that it took.
Result<size_t> gunzip_member(std::string_view in, size_t bytes_max, std::string& out) {
  const size_t before = out.size();
  const size_t claimed = load<uint32_t>(in.data() + in.size() - 4);
  const size_t possible = std::min(bytes_max - before, in.size() * kExpansionMax);
  size_t room = std::min(possible, std::max(claimed, std::min(kFirstRoomBytes, in.size() * 4)));
  while (true) {
    resize_uninitialized(out, before + room);
    size_t used = 0;
    size_t made = 0;
    switch (libdeflate_gzip_decompress_ex(decompressor(), in.data(), in.size(), out.data() + before,
                                          room, &used, &made)) {
      case LIBDEFLATE_SUCCESS:
        out.resize(before + made);
        return used;
      case LIBDEFLATE_INSUFFICIENT_SPACE:
        if (room >= possible) {
          if (room >= bytes_max - before)
            return fail(Code::too_large, "http: request body too large");
          return fail(Code::invalid_argument, "gzip: invalid data");
        }
        room = std::min(possible, std::max(room * 2, kFirstRoomBytes));
        break;
      default:
        return fail(Code::invalid_argument, "gzip: invalid or truncated data");
    }
  }
}

}  // namespace

Result<std::string> gunzip(std::string_view compressed, size_t bytes_max) {
  if (compressed.size() < 2 || compressed[0] != '\x1f' || compressed[1] != '\x8b') {
    return fail(Code::invalid_argument, "gzip: invalid header");
  }
  std::string out;
  do {
    if (compressed.size() < kGzipOverheadBytes) {
      return fail(Code::invalid_argument, "gzip: unexpected end of data");
    }
    compressed.remove_prefix(TRY(gunzip_member(compressed, bytes_max, out)));
  } while (!compressed.empty());
  return out;
}

std::string gzip(std::string_view bytes) {
  std::string out;
  resize_uninitialized(out, libdeflate_gzip_compress_bound(compressor(), bytes.size()));
  out.resize(
      libdeflate_gzip_compress(compressor(), bytes.data(), bytes.size(), out.data(), out.size()));
  return out;
}

}  // namespace vivace
