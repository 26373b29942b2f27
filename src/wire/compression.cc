// Which unpacker for which encoding, and those of the deflate family. libdeflate works on whole
// buffers and needs to be told the room for its output: we begin with what the trailer claims,
// within reason, and double when that was too little.
#include "wire/compression.h"

#include <algorithm>
#include <array>
#include <libdeflate.h>
#include <memory>
#include <snappy.h>
#include <utility>

#include <fmt/format.h>

#include "base/bytes.h"
#include "wire/unpackers.h"

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

// One of the three forms of deflate.
struct Deflated {
  std::string_view name;
  libdeflate_result (*inflate)(libdeflate_decompressor*, const void* in, size_t in_bytes, void* out,
                               size_t out_bytes, size_t* used, size_t* made);
};
constexpr Deflated kGzip{"gzip", libdeflate_gzip_decompress_ex};
constexpr Deflated kZlib{"zlib", libdeflate_zlib_decompress_ex};
constexpr Deflated kRaw{"deflate", libdeflate_deflate_decompress_ex};

// Appends one stream's content, which `claimed` bytes may be enough for; the number of input bytes
// that it took.
Result<size_t> inflate(const Deflated& form, std::string_view in, size_t claimed, size_t bytes_max,
                       std::string& out) {
  const size_t before = out.size();
  const size_t possible = std::min(bytes_max - before, in.size() * kExpansionMax);
  size_t room = std::min(possible, std::max(claimed, std::min(kFirstRoomBytes, in.size() * 4)));
  while (true) {
    resize_uninitialized(out, before + room);
    size_t used = 0;
    size_t made = 0;
    switch (form.inflate(decompressor(), in.data(), in.size(), out.data() + before, room, &used,
                         &made)) {
      case LIBDEFLATE_SUCCESS:
        out.resize(before + made);
        return used;
      case LIBDEFLATE_INSUFFICIENT_SPACE:
        if (room >= possible) {
          if (room >= bytes_max - before) return body_too_large();
          return fail(Code::invalid_argument, fmt::format("{}: invalid data", form.name));
        }
        room = std::min(possible, std::max(room * 2, kFirstRoomBytes));
        break;
      default:
        return fail(Code::invalid_argument,
                    fmt::format("{}: invalid or truncated data", form.name));
    }
  }
}

// A body that is one stream and nothing else.
Result<std::string> inflate_whole(const Deflated& form, std::string_view packed, size_t bytes_max) {
  std::string out;
  const size_t used = TRY(inflate(form, packed, 0, bytes_max, out));
  if (used == packed.size()) return out;
  return fail(Code::invalid_argument, fmt::format("{}: bytes after the end", form.name));
}

// RFC 1950: method 8, a window of at most 32 KiB, no dictionary, and a check over both bytes. Raw
// deflate begins like this only when it wastes bits on purpose.
bool has_zlib_header(std::string_view bytes) {
  if (bytes.size() < 2) return false;
  const auto method = static_cast<uint8_t>(bytes[0]);
  const auto flags = static_cast<uint8_t>(bytes[1]);
  return (method & 0x0f) == 8 && method >> 4 <= 7 && (flags & 0x20) == 0 &&
         (method * 256 + flags) % 31 == 0;
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
    const size_t claimed = load<uint32_t>(compressed.data() + compressed.size() - 4);
    compressed.remove_prefix(TRY(inflate(kGzip, compressed, claimed, bytes_max, out)));
  } while (!compressed.empty());
  return out;
}

std::optional<ContentEncoding> content_encoding_of(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, ContentEncoding>, 9> kNames = {{
      {"", ContentEncoding::identity},
      {"identity", ContentEncoding::identity},
      {"gzip", ContentEncoding::gzip},
      {"x-gzip", ContentEncoding::gzip},
      {"zstd", ContentEncoding::zstd},
      {"zlib", ContentEncoding::zlib},
      {"deflate", ContentEncoding::deflate},
      {"snappy", ContentEncoding::snappy},
      {"lz4", ContentEncoding::lz4},
  }};
  const auto found = std::ranges::find(kNames, name, &decltype(kNames)::value_type::first);
  if (found == kNames.end()) return std::nullopt;
  return found->second;
}

ContentEncoding settle(ContentEncoding named, std::string_view body) {
  if (named == ContentEncoding::deflate && has_zlib_header(body)) return ContentEncoding::zlib;
  if (named == ContentEncoding::snappy && !is_snappy_stream(body)) {
    return ContentEncoding::snappy_block;
  }
  return named;
}

Result<std::string> unpack(ContentEncoding encoding, std::string_view packed, size_t bytes_max) {
  switch (encoding) {
    case ContentEncoding::identity:
      if (packed.size() > bytes_max) return body_too_large();
      return std::string(packed);
    case ContentEncoding::gzip:
      return gunzip(packed, bytes_max);
    case ContentEncoding::zstd:
      return unpack_zstd(packed, bytes_max);
    case ContentEncoding::zlib:
      return inflate_whole(kZlib, packed, bytes_max);
    case ContentEncoding::deflate:
      return inflate_whole(kRaw, packed, bytes_max);
    case ContentEncoding::snappy:
      return unpack_snappy_stream(packed, bytes_max);
    case ContentEncoding::snappy_block:
      return unpack_snappy_block(packed, bytes_max);
    case ContentEncoding::lz4:
      return unpack_lz4(packed, bytes_max);
  }
  return fail(Code::unimplemented, "unknown content encoding");
}

std::string gzip(std::string_view bytes) {
  std::string out;
  resize_uninitialized(out, libdeflate_gzip_compress_bound(compressor(), bytes.size()));
  out.resize(
      libdeflate_gzip_compress(compressor(), bytes.data(), bytes.size(), out.data(), out.size()));
  return out;
}

std::string pack_snappy_block(std::string_view bytes) {
  std::string out;
  snappy::Compress(bytes.data(), bytes.size(), &out);
  out.shrink_to_fit();  // it had room for the worst case, and may wait for long
  return out;
}

}  // namespace vivace
