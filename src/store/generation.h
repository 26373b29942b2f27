// A generation: a range of the log and the heads that were made from it, one a tenant. All tenants'
// heads turn over together, at one place of the log, so that their blocks can take the place of
// that range in one commit.
//
//   log     ...[ generation, frozen )[ generation, active   ...
//   heads      a, b                    a, c
//   blocks     a, b (being written)
//
// Readers hold a head by a pointer that keeps its generation; its memory counts against the budget
// until the last of them lets go.
//
// The head thread fills the active generation; a frozen one never changes. Who looks up heads while
// it is active holds the store's mutex.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "base/budget.h"
#include "head/head.h"
#include "store/split_join.h"
#include "wal/record.h"

namespace vivace {

struct Generation {
  Lsn from = 0;
  Lsn end = 0;             // once frozen
  uint64_t log_bytes = 0;  // of its records
  std::atomic<uint64_t> spans{0};
  std::atomic<int64_t> began_ns{0};  // when its first batch was received; steady
  std::map<std::string, std::unique_ptr<Head>, std::less<>> heads;
  // What is known of each head and what is older; it grows though the head may be frozen.
  mutable std::map<std::string, HeadJoin, std::less<>> joins;
  Reservation room;  // of the heads' memory

  // Null: the tenant has none.
  const Head* find(std::string_view tenant) const {
    const auto found = heads.find(tenant);
    return found == heads.end() ? nullptr : found->second.get();
  }
};

// A head that keeps its generation.
inline std::shared_ptr<const Head> share(const std::shared_ptr<const Generation>& generation,
                                         const Head* head) {
  return {generation, head};
}

}  // namespace vivace
