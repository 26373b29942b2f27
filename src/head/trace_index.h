// Trace id -> its newest row, for a head: open addressing over atomic slots, so that look-ups take
// no lock while one thread inserts. A full table is replaced by one twice as large; readers of the
// old one still find everything that was published before they looked. Old tables die with the
// head.
//
// Traces are numbered densely in order of appearance (their *ordinal*), which is what rows carry.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "head/chunked.h"
#include "model/ids.h"

namespace vivace {

class TraceIndex {
 public:
  static constexpr uint32_t kNoRow = UINT32_MAX;
  // What a new trace takes at the most; the same for the first table.
  static constexpr int64_t kTraceBytesMax = 52;
  static constexpr int64_t kFirstTableBytes = 4096;

  // Writer: the trace's ordinal, new or not.
  uint32_t intern(HeadMemory& memory, const TraceId& id);
  // Writer: a newer row, whose link to the newest one is in place.
  void set_newest(uint32_t ordinal, uint32_t row);

  // Any thread: a trace's ordinal; and its newest row, or kNoRow. Both may be newer than what is
  // published.
  std::optional<uint32_t> find(const TraceId& id) const;
  uint32_t newest(uint32_t ordinal) const;

  const TraceId& id(uint32_t ordinal) const { return traces_[ordinal].id; }
  uint32_t size() const { return traces_.size(); }

 private:
  struct Trace {
    TraceId id;
    uint32_t newest = kNoRow;  // accessed through atomic_ref
  };
  static constexpr int64_t kSlotBytes = 32;  // 4 slots in the table, as many in older ones
  static_assert(kTraceBytesMax == sizeof(Trace) + kSlotBytes);
  struct Table {
    uint32_t mask = 0;
    uint32_t* slots = nullptr;  // ordinal + 1, 0: free; accessed through atomic_ref
  };

  void grow(HeadMemory& memory);
  std::optional<uint32_t> find(const Table& table, const TraceId& id) const;

  Chunked<Trace> traces_;
  std::atomic<const Table*> table_{nullptr};
};

}  // namespace vivace
