// The unpackers of compression.h that are not of the deflate family, a function a format; limits
// and errors are those of compression.h. Called by compression.cc alone. Any thread.
//
//   zstd          frames, also skippable ones (RFC 8878); no dictionaries, no formats before 1.0
//   lz4           frames, also skippable ones (lz4_Frame_format.md); blocks take up to 8 MiB
//   meanwhile snappy        stream: chunks of up to 64 KiB with checksums (framing_format.txt);
//   block: one
//                 piece, whose length comes first (format_description.txt)
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace vivace {

Result<std::string> unpack_zstd(std::string_view packed, size_t bytes_max);
Result<std::string> unpack_lz4(std::string_view packed, size_t bytes_max);

bool is_snappy_stream(std::string_view bytes);
Result<std::string> unpack_snappy_stream(std::string_view packed, size_t bytes_max);
Result<std::string> unpack_snappy_block(std::string_view packed, size_t bytes_max);

// What every unpacker says of output past its limit.
inline std::unexpected<Error> body_too_large() {
  return fail(Code::too_large, "http: request body too large");
}

}  // namespace vivace
