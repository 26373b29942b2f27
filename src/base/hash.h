// XXH3 (xxhash.com, "XXH3 - 64 and 128 bits") for tables and checksums. Values that are written to
// disk depend on it: seeds and inputs are part of the format that stores them.
#pragma once

#define XXH_INLINE_ALL
#include <cstdint>
#include <string_view>
#include <xxhash.h>

namespace vivace {

struct Hash128 {
  uint64_t low = 0;
  uint64_t high = 0;
  bool operator==(const Hash128&) const = default;
};

inline uint64_t hash64(std::string_view bytes, uint64_t seed = 0) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

inline Hash128 hash128(std::string_view bytes, uint64_t seed = 0) {
  const XXH128_hash_t h = XXH3_128bits_withSeed(bytes.data(), bytes.size(), seed);
  return {h.low64, h.high64};
}

// A random number of this process. Tables in memory hash with it, so that nobody who sends us texts
// or ids can choose ones that collide. Never for anything that is stored.
extern const uint64_t kProcessSeed;

inline uint64_t text_hash(std::string_view text) { return hash64(text, kProcessSeed); }

// Spreads the bits of an integer key (the finalizer of splitmix64).
constexpr uint64_t mix64(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

// Hashes for the tables of boost::unordered, good in every bit.
struct TextHash {
  using is_avalanching = void;
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return text_hash(text); }
};
struct NumberHash {
  using is_avalanching = void;
  size_t operator()(uint64_t number) const { return mix64(number ^ kProcessSeed); }
};
// For keys that are hashes.
struct TakeHash {
  using is_avalanching = void;
  size_t operator()(uint64_t hash) const { return hash; }
  size_t operator()(const Hash128& hash) const { return hash.low; }
};

}  // namespace vivace
