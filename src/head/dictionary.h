// Texts by code: each distinct text is stored once, and a column holds codes. When most texts turn
// out to be new (request ids), looking for equal ones is given up: from then on each text gets a
// code of its own, and what the hash table took is free again. Readers cannot tell the difference,
// but must allow for several codes with equal texts.
//
// Where few texts are expected and each comes often (keys), it can be told to look for ever.
//
// One thread interns; any thread may read codes that have been published to it.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "head/chunked.h"
#include "model/columns.h"

namespace vivace {

class Dictionary final : public Texts {
 public:
  enum class Looking : uint8_t { until_mostly_new, for_ever };
  explicit Dictionary(Looking looking = Looking::until_mostly_new) : looking_(looking) {}

  // What interning a text takes at the most, beside its own bytes.
  static constexpr int64_t kTextBytesMax = 35;

  uint32_t intern(HeadMemory& memory, std::string_view text, uint64_t hash);

  std::string_view operator[](uint32_t code) const override { return read_text(texts_[code]); }
  uint32_t size() const override { return texts_.size(); }

  // Memory of the hash table; nothing once it was given up.
  int64_t table_bytes() const { return static_cast<int64_t>(table_.capacity() * sizeof(Slot)); }

 private:
  // Open addressing, linear probing, at most three quarters full.
  struct Slot {
    uint32_t hash = 0;         // high half of the text's hash
    uint32_t code_plus_1 = 0;  // 0: free
  };
  static constexpr int64_t kSlotBytes = 22;  // two slots are taken for 0.75 texts
  // No more table past so many texts if they were mostly new; earlier if nearly all were.
  static constexpr uint32_t kTextsMax = 65'536;
  static constexpr uint32_t kNewTextsMax = 8'192;
  static_assert(kTextBytesMax == sizeof(char*) + kSlotBytes + HeadMemory::kLengthBytesMax);

  void grow();
  bool is_mostly_new() const;

  Chunked<const char*> texts_;
  std::vector<Slot> table_;
  uint64_t asked_ = 0;
  Looking looking_;
  bool interning_ = true;
};

}  // namespace vivace
