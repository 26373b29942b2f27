// Content encodings in whole buffers: gzip (RFC 1952) over libdeflate. Any thread; contexts are
// kept per thread, because making one costs more than a small body.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace vivace {

// How a body is packed. The numbers are stored in the write-ahead log (wal/FORMAT.md).
enum class ContentEncoding : uint8_t { identity = 0, gzip = 1 };

// All members of a gzip file, one behind the other. Output past `bytes_max` is Code::too_large;
// input that is not gzip, is cut short or fails its checksum is Code::invalid_argument. The size
// that the trailer claims is a hint, and no more memory than input and limit allow is taken for it.
Result<std::string> gunzip(std::string_view compressed, size_t bytes_max);

// For answers: a fast level.
std::string gzip(std::string_view bytes);

}  // namespace vivace
