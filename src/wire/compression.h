// Content encodings in whole buffers: gzip (RFC 1952), zlib (RFC 1950) and deflate (RFC 1951) over
// libdeflate, zstd (RFC 8878), snappy and LZ4 frames over their libraries. Any thread; contexts are
// kept per thread where making one costs more than a small body.
//
//   auto encoding = content_encoding_of("deflate");               // a header says so
//   auto body = unpack(settle(*encoding, packed), packed, 20 << 20);
//
// Unpacking: output past `bytes_max` is Code::too_large; input that is of another format, is cut
// short, has bytes behind its end or fails a checksum is Code::invalid_argument. Sizes that the
// input claims are hints: no more memory is taken than input and limit allow.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace vivace {

// How a body is packed. The numbers are stored in the write-ahead log (wal/FORMAT.md).
enum class ContentEncoding : uint8_t {
  identity = 0,
  gzip = 1,  // one or more members
  zstd = 2,  // one or more frames
  zlib = 3,
  deflate = 4,       // raw
  snappy = 5,        // the framing format
  snappy_block = 6,  // one block
  lz4 = 7,           // one or more frames
};

// What a lower-case HTTP Content-Encoding names; the empty name is identity.
std::optional<ContentEncoding> content_encoding_of(std::string_view name);

// Senders mean two things each by deflate and by snappy: the body's first bytes tell which.
ContentEncoding settle(ContentEncoding named, std::string_view body);

// Code::unimplemented for a number that is no encoding.
Result<std::string> unpack(ContentEncoding encoding, std::string_view packed, size_t bytes_max);

// All members of a gzip file, one behind the other.
Result<std::string> gunzip(std::string_view compressed, size_t bytes_max);

// For answers: a fast level.
std::string gzip(std::string_view bytes);

// One snappy block, as remote write wants it.
std::string pack_snappy_block(std::string_view bytes);

}  // namespace vivace
