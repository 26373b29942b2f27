// gzip: any bytes are the members of a file or an error. What zlib can read, we read alike; what we
// packed, both read; the limit is kept to the byte.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <zlib.h>

#include "base/result.h"
#include "wire/compression.h"

namespace {

constexpr size_t kBytesMax = 1 << 16;

// What zlib makes of all members; empty when one is bad or it is more than the limit.
std::optional<std::string> inflate_all(std::string_view packed) {
  std::string out(kBytesMax + 1, '\0');
  z_stream z{};
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  z.avail_in = static_cast<uInt>(packed.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  ASSERT(inflateInit2(&z, 15 + 16) == Z_OK);
  bool good = true;
  size_t made = 0;
  do {
    good = inflate(&z, Z_FINISH) == Z_STREAM_END;
    made += z.total_out;
  } while (good && z.avail_in > 0 && inflateReset(&z) == Z_OK);
  inflateEnd(&z);
  if (!good || made > kBytesMax) return std::nullopt;
  out.resize(made);
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using vivace::Code;
  using vivace::gunzip;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto ours = gunzip(bytes, kBytesMax);
  const auto theirs = inflate_all(bytes);
  if (theirs) ASSERT(ours && *ours == *theirs);
  if (ours) {
    ASSERT(ours->size() <= kBytesMax);
    ASSERT(gunzip(bytes, ours->size()).value() == *ours);
    if (!ours->empty()) {
      ASSERT(gunzip(bytes, ours->size() - 1).error().code == Code::too_large);
    }
  } else {
    ASSERT(ours.error().code == Code::too_large || ours.error().code == Code::invalid_argument);
  }
  const std::string packed = vivace::gzip(bytes);
  ASSERT(gunzip(packed, size).value() == bytes);
  if (size <= kBytesMax) ASSERT(inflate_all(packed).value() == bytes);
  return 0;
}
