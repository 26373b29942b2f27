// What the stream makes is one gzip member, whatever the pieces were.
#include "wire/gzip_stream.h"

#include <random>

#include <gtest/gtest.h>

#include "wire/compression.h"

namespace vivace {
namespace {

TEST(GzipStream, PiecesOfAnySizeMakeOneBody) {
  std::mt19937_64 random(7);
  for (const size_t total : {size_t{0}, size_t{1}, size_t{70'000}, size_t{3} << 20}) {
    std::string body(total, '\0');
    for (char& c : body) c = static_cast<char>('a' + random() % 7);
    GzipStream stream;
    std::string packed;
    for (size_t at = 0; at < total;) {
      const size_t size = std::min<size_t>(total - at, random() % 200'000);
      packed += stream.compress(std::string_view(body).substr(at, size));
      at += size;
    }
    packed += stream.finish();
    const auto unpacked = gunzip(packed, total + 1);
    ASSERT_TRUE(unpacked) << unpacked.error().message;
    EXPECT_EQ(*unpacked, body);
  }
}

}  // namespace
}  // namespace vivace
