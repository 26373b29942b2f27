// The filter is built whole and cut into pages, all full but the last, so that a page's place
// follows from its number.
#include "block/trace_filter.h"

#include <algorithm>
#include <vector>

#include "base/bytes.h"
#include "base/hash.h"
#include "block/bloom.h"
#include "block/layout.h"

namespace vivace {
namespace {

constexpr uint64_t kBitsOfTrace = 12;
constexpr uint32_t kPageBlocks = 512;

}  // namespace

uint32_t filter_blocks(uint32_t traces) { return bloom_blocks(traces, kBitsOfTrace); }

uint32_t filter_pages(uint32_t traces) {
  return (filter_blocks(traces) + kPageBlocks - 1) / kPageBlocks;
}

uint64_t filter_bytes(uint32_t traces) {
  return uint64_t{filter_pages(traces)} * kPageHeaderBytes +
         uint64_t{filter_blocks(traces)} * kBloomBlockBytes;
}

IndexPage filter_page(uint32_t traces, uint32_t page) {
  constexpr uint64_t kPageBytes = kPageHeaderBytes + uint64_t{kPageBlocks} * kBloomBlockBytes;
  const uint32_t blocks = std::min(kPageBlocks, filter_blocks(traces) - page * kPageBlocks);
  return {page * kPageBytes, blocks, kPageHeaderBytes + uint64_t{blocks} * kBloomBlockBytes};
}

FilterPlace filter_place(uint32_t traces, uint64_t fingerprint) {
  const uint32_t block = bloom_block(filter_blocks(traces), fingerprint);
  return {block / kPageBlocks, block % kPageBlocks};
}

ChunkPlace filter_page_place(uint64_t block_seed, uint32_t page) {
  return {block_seed, kSectionPlace + kSectionTraceFilter, page};
}

void append_trace_filter(std::string& out, std::span<const IndexEntry> entries,
                         uint64_t block_seed) {
  std::vector<uint64_t> fingerprints;
  fingerprints.reserve(entries.size());
  for (const IndexEntry& entry : entries) fingerprints.push_back(entry.fingerprint);
  std::string bits;
  append_bloom(bits, fingerprints, filter_blocks(static_cast<uint32_t>(entries.size())));
  const std::string_view all = bits;
  constexpr size_t kPageBytes = size_t{kPageBlocks} * kBloomBlockBytes;
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
  return bloom_may_have(bits_.data() + size_t{block} * kBloomBlockBytes, fingerprint);
}

}  // namespace vivace
