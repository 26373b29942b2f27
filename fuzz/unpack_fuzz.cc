// Every content encoding: any bytes are a body or an error, whatever their first byte says they are
// packed with. The limit is kept to the byte, and what the libraries pack is unpacked.
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/result.h"
#include "wire/compression.h"
#include "wire/pack_testing.h"

namespace vivace {
namespace {

constexpr size_t kBytesMax = 1 << 16;
constexpr uint8_t kEncodings = 8;

void fuzz(ContentEncoding encoding, std::string_view bytes) {
  const auto body = unpack(encoding, bytes, kBytesMax);
  if (!body) {
    ASSERT(body.error().code == Code::too_large || body.error().code == Code::invalid_argument);
    ASSERT(!body.error().message.empty());
    return;
  }
  ASSERT(body->size() <= kBytesMax);
  ASSERT(unpack(encoding, bytes, body->size()).value() == *body);
  if (!body->empty()) {
    ASSERT(unpack(encoding, bytes, body->size() - 1).error().code == Code::too_large);
  }
}

}  // namespace
}  // namespace vivace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vivace;
  if (size == 0) return 0;
  const auto encoding = static_cast<ContentEncoding>(data[0] % kEncodings);
  const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  fuzz(encoding, bytes);
  fuzz(settle(encoding, bytes), bytes);
  const std::string packed = pack(encoding, bytes);
  ASSERT(settle(encoding, packed) == encoding || encoding == ContentEncoding::snappy_block ||
         encoding == ContentEncoding::deflate);
  ASSERT(unpack(encoding, packed, bytes.size()).value() == bytes);
  return 0;
}
