// Pages of fingerprints: all full but the last, so that their places follow from their numbers, and
// a look-up needs to know nothing of a page but that it is there.
#include "block/trace_index.h"

#include <algorithm>
#include <bit>
#include <span>

#include "base/bytes.h"
#include "base/hash.h"
#include "block/layout.h"

namespace vivace {
namespace {

// By which the largest difference has 16 bits.
uint8_t shift_of(uint64_t largest) {
  const auto bits = static_cast<uint32_t>(std::bit_width(largest));
  return static_cast<uint8_t>(bits > 16 ? bits - 16 : 0);
}

}  // namespace

uint32_t index_pages(uint32_t traces) { return (traces + kPageEntries - 1) / kPageEntries; }

uint64_t index_bytes(uint32_t traces) {
  return uint64_t{index_pages(traces)} * kIndexPageHeaderBytes + uint64_t{traces} * kPageEntryBytes;
}

IndexPage index_page(uint32_t traces, uint32_t page) {
  constexpr uint64_t kPageBytes = kIndexPageHeaderBytes + uint64_t{kPageEntries} * kPageEntryBytes;
  const uint32_t entries = std::min(kPageEntries, traces - page * kPageEntries);
  return {page * kPageBytes, entries, kIndexPageHeaderBytes + uint64_t{entries} * kPageEntryBytes};
}

ChunkPlace index_page_place(uint64_t block_seed, uint32_t page) {
  return {block_seed, kSectionPlace + kSectionIndexPages, page};
}

std::vector<uint64_t> append_index(std::string& out, std::vector<IndexEntry>& entries,
                                   uint64_t block_seed) {
  std::ranges::sort(entries, [](const IndexEntry& a, const IndexEntry& b) {
    return a.fingerprint != b.fingerprint ? a.fingerprint < b.fingerprint : a.ordinal < b.ordinal;
  });
  std::vector<uint64_t> firsts;
  const std::span<const IndexEntry> all(entries);
  for (size_t at = 0; at < all.size(); at += kPageEntries) {
    const auto page = all.subspan(at, std::min<size_t>(kPageEntries, all.size() - at));
    const uint64_t first = page.front().fingerprint;
    const uint8_t shift = shift_of(page.back().fingerprint - first);
    std::string bytes(1, static_cast<char>(shift));
    for (const IndexEntry& entry : page) {
      append_le(bytes, static_cast<uint16_t>((entry.fingerprint - first) >> shift));
    }
    for (const IndexEntry& entry : page) {
      append_le(bytes, entry.ordinal);
      bytes.pop_back();  // its highest byte is 0
    }
    const auto number = static_cast<uint32_t>(firsts.size());
    append_le(out, hash64(bytes, place_seed(index_page_place(block_seed, number))));
    out += bytes;
    firsts.push_back(first);
  }
  return firsts;
}

Result<bool> find_in_index_page(std::string_view page, const ChunkPlace& place,
                                uint64_t above_first, std::vector<uint32_t>& ordinals) {
  const std::string_view rest = page.substr(8);
  if (load<uint64_t>(page.data()) != hash64(rest, place_seed(place))) {
    return fail(Code::corrupt, "the checksum does not match");
  }
  const auto shift = static_cast<uint8_t>(rest[0]);
  if (shift > 48) return fail(Code::corrupt, "an impossible shift");
  const uint64_t wanted = above_first >> shift;
  const std::string_view keys = rest.substr(1);
  const size_t entries = keys.size() / kPageEntryBytes;
  const auto at = [&](size_t i) { return load<uint16_t>(keys.data() + 2 * i); };
  size_t low = 0;
  size_t high = entries;
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (at(middle) < wanted) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  for (; low < entries && at(low) == wanted; ++low) {
    const char* const ordinal = keys.data() + 2 * entries + 3 * low;
    ordinals.push_back(load<uint16_t>(ordinal) |
                       static_cast<uint32_t>(static_cast<uint8_t>(ordinal[2])) << 16);
  }
  return low == entries;
}

}  // namespace vivace
