// The filter is built whole and cut into pages, all full but the last, so that a page's place
// follows from its number. The salts are those of the Parquet specification.
#include "block/trace_filter.h"

#include <algorithm>
#include <array>
#include <vector>

#include "base/bytes.h"
#include "base/hash.h"
#include "block/layout.h"

namespace vivace {
namespace {

constexpr uint64_t kBitsOfTrace = 12;
constexpr uint32_t kWords = 8;
constexpr uint32_t kBlockBytes = 4 * kWords;
constexpr uint32_t kPageBlocks = 512;
constexpr std::array<uint32_t, kWords> kSalts = {0x47b6137b, 0x44974d91, 0x8824ad5b, 0xa2b7289d,
                                                 0x705495c7, 0x2df1424b, 0x9efc4947, 0x5c6bfb31};

using FilterBlock = std::array<uint32_t, kWords>;

// The bits of a block that a fingerprint has.
FilterBlock bits_of(uint64_t fingerprint) {
  FilterBlock out;
  for (uint32_t i = 0; i < kWords; ++i) {
    out[i] = 1U << ((static_cast<uint32_t>(fingerprint) * kSalts[i]) >> 27);
  }
  return out;
}

uint32_t block_of(uint32_t blocks, uint64_t fingerprint) {
  return static_cast<uint32_t>(((fingerprint >> 32) * blocks) >> 32);
}

}  // namespace

uint32_t filter_blocks(uint32_t traces) {
  return static_cast<uint32_t>((traces * kBitsOfTrace + kBlockBytes * 8 - 1) / (kBlockBytes * 8));
}

uint32_t filter_pages(uint32_t traces) {
  return (filter_blocks(traces) + kPageBlocks - 1) / kPageBlocks;
}

uint64_t filter_bytes(uint32_t traces) {
  return uint64_t{filter_pages(traces)} * kPageHeaderBytes +
         uint64_t{filter_blocks(traces)} * kBlockBytes;
}

IndexPage filter_page(uint32_t traces, uint32_t page) {
  constexpr uint64_t kPageBytes = kPageHeaderBytes + uint64_t{kPageBlocks} * kBlockBytes;
  const uint32_t blocks = std::min(kPageBlocks, filter_blocks(traces) - page * kPageBlocks);
  return {page * kPageBytes, blocks, kPageHeaderBytes + uint64_t{blocks} * kBlockBytes};
}

FilterPlace filter_place(uint32_t traces, uint64_t fingerprint) {
  const uint32_t block = block_of(filter_blocks(traces), fingerprint);
  return {block / kPageBlocks, block % kPageBlocks};
}

ChunkPlace filter_page_place(uint64_t block_seed, uint32_t page) {
  return {block_seed, kSectionPlace + kSectionTraceFilter, page};
}

void append_trace_filter(std::string& out, std::span<const IndexEntry> entries,
                         uint64_t block_seed) {
  std::vector<FilterBlock> blocks(filter_blocks(static_cast<uint32_t>(entries.size())));
  for (const IndexEntry& entry : entries) {
    const FilterBlock bits = bits_of(entry.fingerprint);
    FilterBlock& block = blocks[block_of(static_cast<uint32_t>(blocks.size()), entry.fingerprint)];
    for (uint32_t i = 0; i < kWords; ++i) block[i] |= bits[i];
  }
  const std::string_view all(reinterpret_cast<const char*>(blocks.data()),
                             blocks.size() * kBlockBytes);
  constexpr size_t kPageBytes = size_t{kPageBlocks} * kBlockBytes;
  for (size_t at = 0; at < all.size(); at += kPageBytes) {
    const std::string_view bytes = all.substr(at, kPageBytes);
    const auto page = static_cast<uint32_t>(at / kPageBytes);
    append_le(out, hash64(bytes, place_seed(filter_page_place(block_seed, page))));
    out += bytes;
  }
}

Result<FilterPage> FilterPage::take(std::string_view page, const ChunkPlace& place) {
  const std::string_view rest = page.substr(kPageHeaderBytes);
  if (load<uint64_t>(page.data()) != hash64(rest, place_seed(place))) {
    return fail(Code::corrupt, "the checksum does not match");
  }
  FilterPage out;
  out.bits_ = rest;
  return out;
}

bool FilterPage::may_have(uint32_t block, uint64_t fingerprint) const {
  const auto stored = load<FilterBlock>(bits_.data() + size_t{block} * kBlockBytes);
  const FilterBlock bits = bits_of(fingerprint);
  uint32_t missing = 0;
  for (uint32_t i = 0; i < kWords; ++i) missing |= bits[i] & ~stored[i];
  return missing == 0;
}

}  // namespace vivace
