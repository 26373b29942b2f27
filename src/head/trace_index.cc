// The lock-free table of a head's traces: linear probing, at most half full, slots written with
// release and read with acquire. Only the head thread writes.
#include "head/trace_index.h"

#include <algorithm>

namespace vivace {
namespace {

constexpr uint32_t kFirstSlots = TraceIndex::kFirstTableBytes / sizeof(uint32_t);

uint32_t load_slot(uint32_t& slot) { return std::atomic_ref(slot).load(std::memory_order_acquire); }

}  // namespace

uint32_t TraceIndex::intern(HeadMemory& memory, const TraceId& id) {
  const uint32_t next = traces_.size();
  const Table* table = table_.load(std::memory_order_relaxed);
  if (table == nullptr || (next + 1) * 2 > table->mask) {
    grow(memory);
    table = table_.load(std::memory_order_relaxed);
  }
  for (uint64_t i = id.hash();; ++i) {
    uint32_t& slot = table->slots[i & table->mask];
    const uint32_t used = std::atomic_ref(slot).load(std::memory_order_relaxed);
    if (used == 0) {
      traces_.append(memory, {.id = id});
      memory.use(kTraceBytesMax);
      std::atomic_ref(slot).store(next + 1, std::memory_order_release);
      return next;
    }
    if (traces_[used - 1].id == id) return used - 1;
  }
}

void TraceIndex::set_newest(uint32_t ordinal, uint32_t row) {
  std::atomic_ref(traces_.at(ordinal).newest).store(row, std::memory_order_release);
}

uint32_t TraceIndex::newest(uint32_t ordinal) const {
  return load_slot(const_cast<TraceIndex*>(this)->traces_.at(ordinal).newest);
}

std::optional<uint32_t> TraceIndex::find(const TraceId& id) const {
  const Table* table = table_.load(std::memory_order_acquire);
  return table == nullptr ? std::nullopt : find(*table, id);
}

std::optional<uint32_t> TraceIndex::find(const Table& table, const TraceId& id) const {
  for (uint64_t i = id.hash();; ++i) {
    const uint32_t used = load_slot(table.slots[i & table.mask]);
    if (used == 0) return std::nullopt;
    if (traces_[used - 1].id == id) return used - 1;
  }
}

void TraceIndex::grow(HeadMemory& memory) {
  const Table* old = table_.load(std::memory_order_relaxed);
  const uint32_t slots = old == nullptr ? kFirstSlots : (old->mask + 1) * 2;
  Table* table = memory.allocate<Table>(1);
  *table = {.mask = slots - 1, .slots = memory.allocate<uint32_t>(slots)};
  std::fill_n(table->slots, slots, 0);
  for (uint32_t ordinal = 0; ordinal < traces_.size(); ++ordinal) {
    uint64_t i = traces_[ordinal].id.hash();
    while (table->slots[i & table->mask] != 0) ++i;
    table->slots[i & table->mask] = ordinal + 1;
  }
  table_.store(table, std::memory_order_release);
}

}  // namespace vivace
