// What Block keeps in the cache, and how it gets there: found, or read, decoded and added. Entries
// remember how many stored bytes they stand for, so that a question that finds them is told the
// same as the one that read them. For block*.cc alone.
#pragma once

#include "block/block.h"
#include "block/directory.h"
#include "block/footer.h"
#include "block/shape_list.h"
#include "block/text_list.h"
#include "block/trace_table.h"

namespace vivace {

struct FirstFingerprints {
  std::vector<uint64_t> of_page;
  int64_t memory_bytes() const {
    return static_cast<int64_t>(sizeof *this + of_page.capacity() * 8);
  }
};

// Two threads that miss at once both read; the later one's stays.
template <class T, class Make>
Result<std::shared_ptr<const T>> Block::cached(uint32_t column, uint32_t slot, Inspected& inspected,
                                               const Make& make) const {
  const BlockCache::Key key{cache_number_, uint64_t{column} << 32 | slot};
  BlockCache::Entry entry = cache_.find(key);
  if (entry.value == nullptr) {
    Inspected read;
    auto made = make(read);
    if (!made) return std::unexpected(at(std::move(made).error(), column, slot));
    const auto value = std::make_shared<const T>(*std::move(made));
    entry = {value, read.bytes, value->memory_bytes()};
    cache_.add(key, entry);
  }
  inspected.bytes += entry.stored_bytes;
  return std::static_pointer_cast<const T>(entry.value);
}

}  // namespace vivace
