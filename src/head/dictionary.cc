// The hash table of a dictionary, until it is given up: it maps a text's hash to its code, and only
// the writer uses it. Codes are handed out in order, so readers need nothing but the texts.
#include "head/dictionary.h"

#include "base/bytes.h"

namespace vivace {

uint32_t Dictionary::intern(HeadMemory& memory, std::string_view text, uint64_t hash) {
  const uint32_t count = texts_.size();
  if (!interning_) {
    texts_.append(memory, memory.store_text(text));
    memory.use(sizeof(char*));
    return count;
  }
  if ((count + 1) * 4 > table_.size() * 3) grow();
  ++asked_;
  const auto tag = static_cast<uint32_t>(hash >> 32);
  const size_t mask = table_.size() - 1;
  for (size_t i = hash & mask;; i = (i + 1) & mask) {
    Slot& slot = table_[i];
    if (slot.code_plus_1 == 0) {
      slot = {.hash = tag, .code_plus_1 = count + 1};
      break;
    }
    if (slot.hash == tag && same_text((*this)[slot.code_plus_1 - 1], text))
      return slot.code_plus_1 - 1;
  }
  texts_.append(memory, memory.store_text(text));
  memory.use(sizeof(char*) + kSlotBytes);
  if (looking_ == Looking::until_mostly_new && is_mostly_new()) {
    interning_ = false;
    memory.use(-kSlotBytes * int64_t{texts_.size()});
    table_ = std::vector<Slot>();  // not {}, which would keep the room
  }
  return count;
}

bool Dictionary::is_mostly_new() const {
  const uint64_t count = texts_.size();
  return (count >= kTextsMax && asked_ < count * 2) ||
         (count >= kNewTextsMax && asked_ < count + count / 32);
}

void Dictionary::grow() {
  std::vector<Slot> old = std::move(table_);
  table_.assign(old.empty() ? 16 : old.size() * 2, Slot());
  const size_t mask = table_.size() - 1;
  for (uint32_t code = 0; code < texts_.size(); ++code) {
    const std::string_view text = (*this)[code];
    const uint64_t hash = text_hash(text);
    size_t i = hash & mask;
    while (table_[i].code_plus_1 != 0) i = (i + 1) & mask;
    table_[i] = {.hash = static_cast<uint32_t>(hash >> 32), .code_plus_1 = code + 1};
  }
}

}  // namespace vivace
