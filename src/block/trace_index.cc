// Pages of fingerprints: all full but the last, so that their places follow from their numbers, and
// a look-up needs to know nothing of a page but that it is there.
#include "block/trace_index.h"

#include <algorithm>
#include <span>

#include "base/bytes.h"
#include "base/hash.h"
#include "block/layout.h"

namespace vivace {

uint32_t index_pages(uint32_t traces) { return (traces + kPageEntries - 1) / kPageEntries; }

uint64_t index_bytes(uint32_t traces) {
  return uint64_t{index_pages(traces)} * kPageHeaderBytes + uint64_t{traces} * kPageEntryBytes;
}

IndexPage index_page(uint32_t traces, uint32_t page) {
  constexpr uint64_t kPageBytes = kPageHeaderBytes + uint64_t{kPageEntries} * kPageEntryBytes;
  const uint32_t entries = std::min(kPageEntries, traces - page * kPageEntries);
  return {page * kPageBytes, entries, kPageHeaderBytes + uint64_t{entries} * kPageEntryBytes};
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
    std::string bytes;
    for (const IndexEntry& entry : page) append_le(bytes, entry.fingerprint);
    for (const IndexEntry& entry : page) append_le(bytes, entry.ordinal);
    const auto number = static_cast<uint32_t>(firsts.size());
    append_le(out, hash64(bytes, place_seed(index_page_place(block_seed, number))));
    out += bytes;
    firsts.push_back(page.front().fingerprint);
  }
  return firsts;
}

Result<bool> find_in_index_page(std::string_view page, const ChunkPlace& place,
                                uint64_t fingerprint, std::vector<uint32_t>& ordinals) {
  const std::string_view rest = page.substr(kPageHeaderBytes);
  if (load<uint64_t>(page.data()) != hash64(rest, place_seed(place))) {
    return fail(Code::corrupt, "the checksum does not match");
  }
  const size_t entries = rest.size() / kPageEntryBytes;
  const auto at = [&](size_t i) { return load<uint64_t>(rest.data() + 8 * i); };
  size_t low = 0;
  size_t high = entries;
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (at(middle) < fingerprint) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  for (; low < entries && at(low) == fingerprint; ++low) {
    ordinals.push_back(load<uint32_t>(rest.data() + 8 * entries + 4 * low));
  }
  return low == entries;
}

}  // namespace vivace
