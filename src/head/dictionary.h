// Texts by code: each distinct text is stored once, and a column holds codes. When most texts turn
// out to be new (request ids), looking for equal ones is given up: from then on each text gets a
// code of its own, and what the hash table took is free again. Readers cannot tell the difference,
// but must allow for several codes with equal texts.
//
// One thread interns; any thread may read codes that have been published to it.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "head/chunked.h"

namespace vivace {

class Dictionary {
 public:
  uint32_t intern(HeadMemory& memory, std::string_view text, uint64_t hash);

  std::string_view operator[](uint32_t code) const { return read_text(texts_[code]); }
  uint32_t size() const { return texts_.size(); }

  // Beyond what HeadMemory counts.
  int64_t table_bytes() const { return static_cast<int64_t>(table_.capacity() * sizeof(Slot)); }

 private:
  // Open addressing, linear probing, at most three quarters full.
  struct Slot {
    uint32_t hash = 0;         // high half of the text's hash
    uint32_t code_plus_1 = 0;  // 0: free
  };
  static constexpr uint32_t kTextsMax =
      65'536;  // of a table; past it, and mostly new: no more table

  void grow();

  Chunked<const char*> texts_;
  std::vector<Slot> table_;
  uint64_t asked_ = 0;
  bool interning_ = true;
};

}  // namespace vivace
