// zlib's deflate with a gzip wrapper, at its fastest level: answers are made once and read once,
// and the CPU is the ingest's first.
#include "wire/gzip_stream.h"

#include <zlib.h>

#include "base/bytes.h"
#include "base/result.h"

namespace vivace {

struct GzipStream::State {
  z_stream zlib{};
  State() {
    constexpr int kGzipWindow = 15 + 16;
    constexpr int kMemoryLevel = 8;
    ASSERT(deflateInit2(&zlib, 1, Z_DEFLATED, kGzipWindow, kMemoryLevel, Z_DEFAULT_STRATEGY) ==
           Z_OK);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { deflateEnd(&zlib); }
};

GzipStream::GzipStream() : state_(std::make_unique<State>()) {}
GzipStream::~GzipStream() = default;
GzipStream::GzipStream(GzipStream&&) noexcept = default;
GzipStream& GzipStream::operator=(GzipStream&&) noexcept = default;

std::string GzipStream::compress(std::string_view piece) { return run(piece, Z_NO_FLUSH); }
std::string GzipStream::finish() { return run({}, Z_FINISH); }

std::string GzipStream::run(std::string_view piece, int flush) {
  constexpr size_t kStepBytes = 64 << 10;
  z_stream& zlib = state_->zlib;
  zlib.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(piece.data()));
  zlib.avail_in = static_cast<uInt>(piece.size());
  std::string out;
  do {
    const size_t before = out.size();
    resize_uninitialized(out, before + kStepBytes);
    zlib.next_out = reinterpret_cast<Bytef*>(out.data() + before);
    zlib.avail_out = kStepBytes;
    deflate(&zlib, flush);
    out.resize(out.size() - zlib.avail_out);
  } while (zlib.avail_out == 0);
  return out;
}

}  // namespace vivace
