// Every encoding against its library's own compressor; cuts, flipped bits, bytes behind the end,
// limits and bombs for each alike; then what is special to one format.
#include <algorithm>
#include <random>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wire/compression.h"
#include "wire/memory_testing.h"
#include "wire/pack_testing.h"

namespace vivace {
namespace {

using ::testing::AnyOf;
using ::testing::Optional;
using enum ContentEncoding;

constexpr size_t kMiB = 1 << 20;

std::string body_of(size_t size, uint64_t seed = 1) {
  std::mt19937_64 random(seed);
  std::string out;
  while (out.size() < size) {
    out += random() % 4 == 0 ? std::to_string(random()) : "http.request.method";
  }
  out.resize(size);
  return out;
}

std::string noise_of(size_t size) {
  std::mt19937_64 random(5);
  std::string out(size, '\0');
  for (char& c : out) c = static_cast<char>(random());
  return out;
}

Code code_of(const Result<std::string>& result) {
  EXPECT_FALSE(result);
  return result ? Code::internal : result.error().code;
}

class Unpack : public testing::TestWithParam<ContentEncoding> {
 protected:
  static std::string packed(std::string_view bytes) { return pack(GetParam(), bytes); }
  static Result<std::string> unpacked(std::string_view bytes, size_t bytes_max = 8 * kMiB) {
    return unpack(GetParam(), bytes, bytes_max);
  }
};
INSTANTIATE_TEST_SUITE_P(All, Unpack,
                         testing::Values(gzip, zstd, zlib, deflate, snappy, snappy_block, lz4));

TEST_P(Unpack, WhatWasPacked) {
  for (const size_t size : {0UL, 1UL, 2UL, 17UL, 1023UL, 1024UL, 65'535UL, 65'536UL, 65'537UL,
                            131'072UL, 1'000'000UL, 5'000'000UL}) {
    EXPECT_EQ(unpacked(packed(body_of(size)), size), body_of(size)) << size;
    const std::string noise = noise_of(size);
    EXPECT_EQ(unpacked(packed(noise), size), noise) << size;
  }
}

TEST_P(Unpack, CutAnywhereIsAnError) {
  const std::string whole = packed(body_of(3000));
  for (size_t size = 0; size < whole.size(); ++size) {
    const auto result = unpacked(std::string(whole, 0, size));
    if (GetParam() == snappy && size == 10) continue;  // nothing behind the head is an empty body
    EXPECT_EQ(code_of(result), Code::invalid_argument) << size;
  }
}

TEST_P(Unpack, BytesBehindTheEndAreRefused) {
  for (const std::string& tail :
       {std::string(1, '\0'), std::string(5, '\0'), std::string(50, 'x')}) {
    EXPECT_EQ(code_of(unpacked(packed("body") + tail)), Code::invalid_argument);
  }
}

TEST_P(Unpack, AFlippedBitIsAnErrorOrAnotherBody) {
  for (const std::string& body : {body_of(300), noise_of(100)}) {
    const std::string whole = packed(body);
    for (size_t bit = 0; bit < whole.size() * 8; ++bit) {
      std::string damaged = whole;
      damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ 1 << bit % 8);
      const auto result = unpacked(damaged, 10'000);
      if (!result) {
        ASSERT_THAT(result.error().code, AnyOf(Code::invalid_argument, Code::too_large));
        ASSERT_NE(result.error().message, "");
      }
    }
  }
}

TEST_P(Unpack, OtherFormatsAreRefused) {
  for (const ContentEncoding other : {gzip, zstd, zlib, snappy, lz4}) {
    if (other == GetParam()) continue;
    const auto result = unpacked(pack(other, body_of(500)));
    EXPECT_THAT(code_of(result), AnyOf(Code::invalid_argument, Code::too_large));
  }
  for (const std::string& bytes : {std::string(), std::string("{}"), std::string("hello world")}) {
    EXPECT_EQ(code_of(unpacked(bytes)), Code::invalid_argument) << bytes;
  }
}

TEST_P(Unpack, TheLimitIsExact) {
  const std::string body = body_of(100'000);
  const std::string whole = packed(body);
  EXPECT_EQ(unpacked(whole, body.size()), body);
  for (const size_t limit : {body.size() - 1, body.size() / 2, size_t{1}, size_t{0}}) {
    const auto result = unpacked(whole, limit);
    EXPECT_EQ(code_of(result), Code::too_large) << limit;
    EXPECT_EQ(result.error().message, "http: request body too large");
  }
}

TEST_P(Unpack, BombsStayWithinTheLimit) {
  const std::string bomb = packed(std::string(64 * kMiB, '\0'));
  ASSERT_LT(bomb.size(), 32 * kMiB);
  for (const size_t limit : {size_t{1000}, kMiB, 20 * kMiB}) {
    const size_t peak =
        peak_of([&] { EXPECT_EQ(code_of(unpacked(bomb, limit)), Code::too_large) << limit; });
    EXPECT_LE(peak, 4 * limit + 300'000) << limit;
  }
  const auto whole = unpacked(bomb, 64 * kMiB);
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->size(), 64 * kMiB);
}

TEST(UnpackIdentity, IsTheBodyWithinItsLimit) {
  EXPECT_EQ(unpack(identity, "body", 4), "body");
  EXPECT_EQ(code_of(unpack(identity, "body", 3)), Code::too_large);
}

TEST(UnpackUnknown, IsNotBuilt) {
  EXPECT_EQ(code_of(unpack(static_cast<ContentEncoding>(8), "body", 100)), Code::unimplemented);
}

TEST(ContentEncodings, ByTheNamesOfHttp) {
  EXPECT_THAT(content_encoding_of(""), Optional(identity));
  EXPECT_THAT(content_encoding_of("identity"), Optional(identity));
  EXPECT_THAT(content_encoding_of("gzip"), Optional(gzip));
  EXPECT_THAT(content_encoding_of("x-gzip"), Optional(gzip));
  EXPECT_THAT(content_encoding_of("zstd"), Optional(zstd));
  EXPECT_THAT(content_encoding_of("zlib"), Optional(zlib));
  EXPECT_THAT(content_encoding_of("deflate"), Optional(deflate));
  EXPECT_THAT(content_encoding_of("snappy"), Optional(snappy));
  EXPECT_THAT(content_encoding_of("lz4"), Optional(lz4));
  for (const char* name : {"br", "gzip, zstd", "compress", "Gzip", "*", "snappy-block", "lz"}) {
    EXPECT_EQ(content_encoding_of(name), std::nullopt) << name;
  }
}

TEST(ContentEncodings, TheFirstBytesTellTwoFormsApart) {
  for (size_t size = 0; size < 2000; size += 7) {
    for (int level = 0; level <= 9; ++level) {
      const std::string body = body_of(size, size);
      EXPECT_EQ(settle(deflate, pack_deflate(body, 15, level)), zlib);
      EXPECT_EQ(settle(deflate, pack_deflate(body, 9, level)), zlib);
      EXPECT_EQ(settle(deflate, pack_deflate(body, -15, level)), deflate);
    }
    EXPECT_EQ(settle(snappy, pack_snappy(body_of(size))), snappy);
    EXPECT_EQ(settle(snappy, pack_snappy_block(body_of(size))), snappy_block);
  }
  for (const ContentEncoding other : {identity, gzip, zstd, zlib, lz4}) {
    EXPECT_EQ(settle(other, pack(zlib, "body")), other);
  }
  EXPECT_EQ(settle(deflate, ""), deflate);
}

TEST(Zstd, FramesOfEveryLevelAndShape) {
  const std::string body = body_of(300'000);
  for (const int level : {-5, 1, 3, 6, 12, 19, 22}) {
    EXPECT_EQ(unpack(zstd, pack_zstd(body, level), kMiB), body) << level;
    EXPECT_EQ(unpack(zstd, pack_zstd_stream(body, level, SIZE_MAX, true), kMiB), body) << level;
  }
  for (const size_t flush_every : {1UL, 10UL, 1000UL, 100'000UL}) {
    const std::string part = body.substr(0, std::min(body.size(), flush_every * 500));
    EXPECT_EQ(unpack(zstd, pack_zstd_stream(part, 3, flush_every), kMiB), part) << flush_every;
  }
}

// A frame that does not tell its size is tried with less room than it needs, again and again.
TEST(Zstd, FramesOfUnknownSizeThatGrowALot) {
  for (const size_t size : {20'000UL, 300'000UL, 1'000'000UL}) {
    for (const int level : {1, 9}) {
      std::string body(size, 'a');
      EXPECT_EQ(unpack(zstd, pack_zstd_stream(body, level, SIZE_MAX), 8 * kMiB), body);
      body += noise_of(1000) + body_of(size) + std::string(size / 2, 'b');
      EXPECT_EQ(unpack(zstd, pack_zstd_stream(body, level, SIZE_MAX), 8 * kMiB), body);
      const auto result = unpack(zstd, pack_zstd_stream(body, level, SIZE_MAX), body.size() - 1);
      EXPECT_EQ(code_of(result), Code::too_large);
    }
  }
}

std::string skippable_frame(std::string_view content) {
  std::string out;
  append_le(out, uint32_t{0x184d2a53});
  append_le(out, static_cast<uint32_t>(content.size()));
  return out += content;
}

TEST(Zstd, FramesOneBehindTheOther) {
  const std::string a = body_of(50'000, 1);
  const std::string b = body_of(7, 2);
  const std::string skip = skippable_frame("metadata");
  EXPECT_EQ(
      unpack(zstd, skip + pack_zstd(a) + pack_zstd("") + skip + pack_zstd_stream(b, 3, 2), kMiB),
      a + b);
  EXPECT_EQ(unpack(zstd, skip, 0), "");
  EXPECT_EQ(code_of(unpack(zstd, pack_zstd(a) + pack_zstd(b), a.size())), Code::too_large);
}

TEST(Zstd, AClaimedSizeTakesNoMemory) {
  // A header that claims 8 GiB in a single segment, and one empty raw block.
  std::string claim("\x28\xb5\x2f\xfd\xe0", 5);
  append_le(claim, uint64_t{8} << 30);
  claim += std::string("\x01\x00\x00", 3);
  const size_t peak = peak_of([&] {
    EXPECT_EQ(code_of(unpack(zstd, claim, 20 * kMiB)), Code::too_large);
    EXPECT_EQ(code_of(unpack(zstd, claim, SIZE_MAX)), Code::invalid_argument);
  });
  EXPECT_LE(peak, 2 * kMiB);
}

TEST(Zstd, OldFormatsAreRefused) {
  for (const uint32_t magic : {0xfd2fb522U, 0xfd2fb527U, 0x184d2204U}) {
    std::string old;
    append_le(old, magic);
    EXPECT_EQ(unpack(zstd, old + std::string(20, '\0'), kMiB).error().message,
              "zstd: invalid header");
  }
}

TEST(Lz4, FramesOfEveryShape) {
  const std::string body = body_of(700'000);
  for (const auto block : {LZ4F_max64KB, LZ4F_max256KB, LZ4F_max1MB, LZ4F_max4MB}) {
    for (const auto mode : {LZ4F_blockLinked, LZ4F_blockIndependent}) {
      for (const int level : {0, 9}) {
        LZ4F_preferences_t preferences{};
        preferences.frameInfo.blockSizeID = block;
        preferences.frameInfo.blockMode = mode;
        preferences.frameInfo.contentChecksumFlag = LZ4F_contentChecksumEnabled;
        preferences.frameInfo.blockChecksumFlag = LZ4F_blockChecksumEnabled;
        preferences.frameInfo.contentSize = level == 0 ? body.size() : 0;
        preferences.compressionLevel = level;
        EXPECT_EQ(unpack(lz4, pack_lz4(body, preferences), kMiB), body);
      }
    }
  }
}

TEST(Lz4, FramesOneBehindTheOther) {
  const std::string a = body_of(50'000, 1);
  const std::string b = body_of(7, 2);
  EXPECT_EQ(unpack(lz4, pack_lz4(a) + pack_lz4("") + skippable_frame("x") + pack_lz4(b), kMiB),
            a + b);
  EXPECT_EQ(code_of(unpack(lz4, pack_lz4(a) + pack_lz4(b), a.size())), Code::too_large);
}

TEST(Snappy, ChunksOfEveryKind) {
  const std::string head = snappy_chunk(0xff, "sNaPpY");
  const std::string a = "a chunk";
  const std::string good = snappy_chunk(1, snappy_checksum_of(a) + a);
  EXPECT_EQ(unpack(snappy, head, 0), "");
  EXPECT_EQ(
      unpack(snappy,
             head + good + snappy_chunk(0xfe, "padding") + snappy_chunk(0x80, "") + head + good,
             100),
      a + a);
  EXPECT_EQ(unpack(snappy, pack_snappy(body_of(300'000), 1000), kMiB), body_of(300'000));

  const std::set<std::string> bad = {
      good,
      head + snappy_chunk(2, "reserved"),
      head + snappy_chunk(0x7f, ""),
      head + snappy_chunk(0xff, "sNaPpy"),
      head + snappy_chunk(0xff, "sNaPpY!"),
      head + snappy_chunk(0, ""),
      head + snappy_chunk(1, "abc"),
      head + snappy_chunk(1, snappy_checksum_of("another") + a),
      head + snappy_chunk(0, snappy_checksum_of(a) + a),
      head + snappy_chunk(1, snappy_checksum_of(noise_of(65'537)) + noise_of(65'537)),
      head + snappy_chunk(0, snappy_checksum_of(std::string(65'537, 'a')) +
                                 pack_snappy_block(std::string(65'537, 'a'))),
  };
  for (const std::string& bytes : bad) {
    EXPECT_EQ(code_of(unpack(snappy, bytes, kMiB)), Code::invalid_argument) << to_hex(bytes);
  }
}

TEST(Snappy, AClaimedLengthTakesNoMemory) {
  std::string block("\xff\xff\xff\xff\x0f", 5);  // 4 GiB
  block += "abc";
  const std::string stream =
      snappy_chunk(0xff, "sNaPpY") + snappy_chunk(0, snappy_checksum_of("abc") + block);
  const size_t peak = peak_of([&] {
    EXPECT_EQ(code_of(unpack(snappy_block, block, SIZE_MAX)), Code::invalid_argument);
    EXPECT_EQ(code_of(unpack(snappy, stream, SIZE_MAX)), Code::invalid_argument);
  });
  EXPECT_LE(peak, 10'000U);
}

}  // namespace
}  // namespace vivace
