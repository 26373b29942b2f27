// The split-block Bloom filter of Apache Parquet (parquet-format, BloomFilter.md), over hashes of
// 64 bits: a run of blocks of 32 bytes, eight words of 32 bits each. The upper half of a hash
// chooses the block, (upper x blocks) >> 32; the lower half one bit of each word, (lower x salt of
// the word) >> 27, with the salts of that specification.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace vivace {

constexpr uint32_t kBloomWords = 8;
constexpr uint32_t kBloomBlockBytes = 4 * kBloomWords;

using BloomBlock = std::array<uint32_t, kBloomWords>;

// How many blocks give each of so many hashes so many bits.
constexpr uint32_t bloom_blocks(uint64_t hashes, uint64_t bits_each) {
  return static_cast<uint32_t>((hashes * bits_each + kBloomBlockBytes * 8 - 1) /
                               (kBloomBlockBytes * 8));
}

constexpr uint32_t bloom_block(uint32_t blocks, uint64_t hash) {
  return static_cast<uint32_t>(((hash >> 32) * blocks) >> 32);
}

// The bits of a block that a hash has.
inline BloomBlock bloom_bits(uint64_t hash) {
  constexpr BloomBlock kSalts = {0x47b6137b, 0x44974d91, 0x8824ad5b, 0xa2b7289d,
                                 0x705495c7, 0x2df1424b, 0x9efc4947, 0x5c6bfb31};
  BloomBlock out;
  for (uint32_t i = 0; i < kBloomWords; ++i) {
    out[i] = 1U << ((static_cast<uint32_t>(hash) * kSalts[i]) >> 27);
  }
  return out;
}

// Whether the block at `stored` has them. Who is not there lacks one of the first four in 19 cases
// of 20 and is seen off with these.
inline bool bloom_may_have(const char* stored, uint64_t hash) {
  const auto block = load<BloomBlock>(stored);
  const BloomBlock bits = bloom_bits(hash);
  const auto has = [&](uint32_t from) {
    uint32_t missing = 0;
    for (uint32_t i = from; i < from + kBloomWords / 2; ++i) missing |= bits[i] & ~block[i];
    return missing == 0;
  };
  return has(0) && has(kBloomWords / 2);
}

inline void append_bloom(std::string& out, std::span<const uint64_t> hashes, uint32_t blocks) {
  std::vector<BloomBlock> filter(blocks);
  for (const uint64_t hash : hashes) {
    const BloomBlock bits = bloom_bits(hash);
    BloomBlock& block = filter[bloom_block(blocks, hash)];
    for (uint32_t i = 0; i < kBloomWords; ++i) block[i] |= bits[i];
  }
  out.append(reinterpret_cast<const char*>(filter.data()), filter.size() * kBloomBlockBytes);
}

}  // namespace vivace
