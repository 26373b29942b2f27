// gzip against zlib as the other side: all that zlib can write is read, and every cut and every
// flipped bit is noticed. How much memory a hostile body makes us take is counted at operator new,
// which this file replaces for the whole of wire_test.
#include "wire/compression.h"

#include <algorithm>
#include <cstdlib>
#include <malloc.h>
#include <new>
#include <random>
#include <zlib.h>

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "wire/memory_testing.h"

namespace vivace {

std::atomic<size_t> bytes_in_use;
std::atomic<size_t> bytes_peak;

}  // namespace vivace

void* operator new(size_t size) {
  void* const block = std::malloc(size);
  if (block == nullptr) throw std::bad_alloc();
  const size_t now = vivace::bytes_in_use += malloc_usable_size(block);
  size_t peak = vivace::bytes_peak;
  while (now > peak && !vivace::bytes_peak.compare_exchange_weak(peak, now)) {
  }
  return block;
}

void operator delete(void* block) noexcept {
  if (block == nullptr) return;
  vivace::bytes_in_use -= malloc_usable_size(block);
  std::free(block);
}

void operator delete(void* block, size_t) noexcept { operator delete(block); }

namespace vivace {
namespace {

constexpr size_t kMiB = 1 << 20;

struct PackOptions {
  int level = Z_DEFAULT_COMPRESSION;
  int strategy = Z_DEFAULT_STRATEGY;
  bool full_header = false;  // name, comment, extra field, checksum of the header
};

// One gzip member made by zlib.
std::string pack(std::string bytes, const PackOptions& options = {}) {
  z_stream z{};
  EXPECT_EQ(deflateInit2(&z, options.level, Z_DEFLATED, 15 + 16, 8, options.strategy), Z_OK);
  gz_header header{};
  std::string extra = "extra";
  std::string name = "name.pb";
  std::string comment = "a comment";
  if (options.full_header) {
    header.text = 1;
    header.time = 1'700'000'000;
    header.extra = reinterpret_cast<Bytef*>(extra.data());
    header.extra_len = static_cast<uInt>(extra.size());
    header.name = reinterpret_cast<Bytef*>(name.data());
    header.comment = reinterpret_cast<Bytef*>(comment.data());
    header.hcrc = 1;
    EXPECT_EQ(deflateSetHeader(&z, &header), Z_OK);
  }
  std::string out(deflateBound(&z, bytes.size()) + 100, '\0');
  z.next_in = reinterpret_cast<Bytef*>(bytes.data());
  z.avail_in = static_cast<uInt>(bytes.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&z, Z_FINISH), Z_STREAM_END);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

// Like a request body: repeats, with some noise.
std::string body_of(size_t size, uint64_t seed = 1) {
  std::mt19937_64 random(seed);
  std::string out;
  while (out.size() < size) {
    out += random() % 4 == 0 ? std::to_string(random()) : "http.request.method";
  }
  out.resize(size);
  return out;
}

Code code_of(const Result<std::string>& result) {
  EXPECT_FALSE(result);
  return result ? Code::internal : result.error().code;
}

TEST(Gunzip, WhatGzipPacks) {
  for (const size_t size : {0UL, 1UL, 2UL, 17UL, 1023UL, 1024UL, 65'535UL, 65'536UL, 1'000'000UL}) {
    const std::string body = body_of(size);
    const std::string packed = gzip(body);
    EXPECT_EQ(gunzip(packed, size).value(), body);
    EXPECT_EQ(packed.substr(0, 3), "\x1f\x8b\x08");
  }
}

TEST(Gunzip, WhatOthersPack) {
  const std::string body = body_of(100'000);
  for (int level = 0; level <= 9; ++level) {
    EXPECT_EQ(gunzip(pack(body, {.level = level}), kMiB).value(), body);
  }
  for (const int strategy : {Z_FILTERED, Z_HUFFMAN_ONLY, Z_RLE, Z_FIXED}) {
    EXPECT_EQ(gunzip(pack(body, {.strategy = strategy}), kMiB).value(), body);
  }
  EXPECT_EQ(gunzip(pack(body, {.full_header = true}), kMiB).value(), body);
  std::mt19937_64 random(5);
  std::string noise(100'000, '\0');
  for (char& c : noise) c = static_cast<char>(random());
  EXPECT_EQ(gunzip(pack(noise), kMiB).value(), noise);
}

TEST(Gunzip, MembersOneBehindTheOther) {
  const std::string a = body_of(50'000, 1);
  const std::string b = body_of(7, 2);
  const std::string none = gzip("");
  EXPECT_EQ(gunzip(gzip(a) + gzip(b), kMiB).value(), a + b);
  EXPECT_EQ(gunzip(gzip(b) + gzip(a), kMiB).value(), b + a);
  EXPECT_EQ(gunzip(none + none + gzip(a) + none + pack(b, {.full_header = true}) + none, kMiB),
            a + b);
  EXPECT_EQ(gunzip(none, 0).value(), "");
  std::string many;
  std::string expected;
  for (uint64_t i = 0; i < 2000; ++i) {
    const std::string body = body_of(i % 50, i);
    many += gzip(body);
    expected += body;
  }
  EXPECT_EQ(gunzip(many, kMiB).value(), expected);
}

TEST(Gunzip, CutAnywhereIsAnError) {
  const std::string body = body_of(3000);
  const std::string first = pack(body, {.full_header = true});
  const std::string whole = first + gzip("second");
  for (size_t size = 0; size < whole.size(); ++size) {
    const auto result = gunzip(std::string(whole, 0, size), kMiB);
    if (size == first.size()) {
      EXPECT_EQ(result.value(), body);
    } else {
      EXPECT_EQ(code_of(result), Code::invalid_argument) << size;
    }
  }
}

TEST(Gunzip, AFlippedBitIsAnErrorOrDoesNotMatter) {
  const std::string body = body_of(300);
  for (const std::string& packed : {gzip(body), pack(body, {.level = 0}), pack(body)}) {
    size_t harmless = 0;
    for (size_t bit = 0; bit < packed.size() * 8; ++bit) {
      std::string damaged = packed;
      damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ 1 << bit % 8);
      const auto result = gunzip(damaged, kMiB);
      if (result) {
        ASSERT_EQ(*result, body) << bit;
        ++harmless;
      } else {
        ASSERT_NE(code_of(result), Code::too_large) << bit;
      }
    }
    EXPECT_LE(harmless, 64U) << "but for time, system and hints in the header, all is checked";
  }
}

TEST(Gunzip, WhatIsNoGzipIsRefusedByItsHeader) {
  for (const std::string& bytes : {std::string(), std::string("\x1f"), std::string("{}"),
                                   std::string(100, '\0'), std::string("\x8b\x1f rest of it")}) {
    EXPECT_EQ(gunzip(bytes, kMiB).error().message, "gzip: invalid header");
    EXPECT_EQ(gunzip(bytes, kMiB).error().code, Code::invalid_argument);
  }
  std::string other = gzip("body");
  other[2] = '\7';  // no deflate
  EXPECT_EQ(code_of(gunzip(other, kMiB)), Code::invalid_argument);
}

TEST(Gunzip, TrailingGarbageIsRefused) {
  const std::string packed = gzip("body");
  for (const std::string& tail :
       {std::string(1, '\0'), std::string(17, '\0'), std::string(18, '\0'), std::string(100, 'x'),
        std::string("\x1f"), std::string("\x1f\x8b\x08"), packed.substr(0, 20)}) {
    EXPECT_EQ(code_of(gunzip(packed + tail, kMiB)), Code::invalid_argument);
  }
}

TEST(Gunzip, TheClaimedSizeIsVerifiedAndNotTrusted) {
  for (const uint32_t claim : {0U, 1U, 999U, 1001U, 1U << 20, UINT32_MAX}) {
    std::string packed = gzip(body_of(1000));
    store(packed.data() + packed.size() - 4, claim);
    const size_t peak = peak_of([&] {
      EXPECT_EQ(code_of(gunzip(packed, kMiB)), Code::invalid_argument) << claim;
      EXPECT_EQ(code_of(gunzip(packed, SIZE_MAX)), Code::invalid_argument) << claim;
    });
    EXPECT_LE(peak, 2 * 1032 * packed.size()) << claim;
  }
}

TEST(Gunzip, TheLimitIsExact) {
  const std::string body = body_of(100'000);
  const std::string packed = gzip(body);
  EXPECT_EQ(gunzip(packed, body.size()).value(), body);
  for (const size_t limit : {body.size() - 1, body.size() / 2, size_t{1}, size_t{0}}) {
    const auto result = gunzip(packed, limit);
    EXPECT_EQ(code_of(result), Code::too_large) << limit;
    EXPECT_EQ(result.error().message, "http: request body too large");
  }
  const std::string twice = packed + gzip("") + packed + gzip("");
  EXPECT_EQ(gunzip(twice, 2 * body.size()).value(), body + body);
  EXPECT_EQ(code_of(gunzip(twice, 2 * body.size() - 1)), Code::too_large);
  EXPECT_EQ(code_of(gunzip(twice, body.size())), Code::too_large);
}

TEST(Gunzip, BombsStayWithinTheLimit) {
  std::string zeros(64 * kMiB, '\0');
  std::string bomb = pack(std::move(zeros), {.level = 9});
  ASSERT_LT(bomb.size(), 70'000U);
  for (const size_t limit : {size_t{1000}, kMiB, 20 * kMiB, 64 * kMiB - 1}) {
    const size_t peak =
        peak_of([&] { EXPECT_EQ(code_of(gunzip(bomb, limit)), Code::too_large) << limit; });
    EXPECT_LE(peak, 2 * limit + 100'000) << limit;
  }
  const auto result = gunzip(bomb, 64 * kMiB);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->size(), 64 * kMiB);
  EXPECT_TRUE(std::ranges::all_of(*result, [](char c) { return c == 0; }));

  std::string many;
  for (int i = 0; i < 50; ++i) many += bomb;
  const size_t peak =
      peak_of([&] { EXPECT_EQ(code_of(gunzip(many, 65 * kMiB)), Code::too_large); });
  EXPECT_LE(peak, 4 * 65 * kMiB);
}

}  // namespace
}  // namespace vivace
