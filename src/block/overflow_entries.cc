// Columns in memory of their own, as a source would hand them out: their texts are views into what
// the entries were taken from.
#include "block/overflow_entries.h"

namespace vivace {
namespace {

struct Kept {
  std::vector<uint32_t> owners;
  std::vector<uint32_t> words;
  std::vector<uint64_t> longs;
  ViewTexts texts;
  std::shared_ptr<const void> below;
};

Column finished(std::shared_ptr<Kept> kept, bool texts) {
  Column out;
  if (!kept->owners.empty()) {
    out.slices.push_back({.count = static_cast<uint32_t>(kept->owners.size()),
                          .first_owner = 0,
                          .owners = kept->owners.data(),
                          .words = kept->words.empty() ? nullptr : kept->words.data(),
                          .longs = kept->longs.empty() ? nullptr : kept->longs.data()});
  }
  if (texts) out.texts = &kept->texts;
  out.keep = std::move(kept);
  return out;
}

std::shared_ptr<Kept> owners_of(const std::vector<OverflowEntry>& entries,
                                std::shared_ptr<const void> below) {
  auto kept = std::make_shared<Kept>();
  kept->below = std::move(below);
  for (const OverflowEntry& entry : entries) kept->owners.push_back(entry.owner);
  return kept;
}

}  // namespace

Overflow overflow_of(const std::vector<OverflowEntry>& entries, std::shared_ptr<const void> below) {
  auto keys = owners_of(entries, below);
  auto types = owners_of(entries, below);
  auto values = owners_of(entries, std::move(below));
  for (const OverflowEntry& entry : entries) {
    keys->words.push_back(keys->texts.size());
    keys->texts.views.push_back(entry.key);
    types->words.push_back(static_cast<uint32_t>(entry.type));
    values->longs.push_back(is_text(entry.type) ? values->texts.size() : entry.bits);
    if (is_text(entry.type)) values->texts.views.push_back(entry.text);
  }
  return {.keys = finished(std::move(keys), true),
          .types = finished(std::move(types), false),
          .values = finished(std::move(values), true)};
}

Column column_of(const std::vector<OverflowEntry>& entries, std::shared_ptr<const void> below) {
  auto kept = owners_of(entries, std::move(below));
  const bool texts = !entries.empty() && is_text(entries.front().type);
  for (const OverflowEntry& entry : entries) {
    if (texts) {
      kept->words.push_back(kept->texts.size());
      kept->texts.views.push_back(entry.text);
    } else if (entry.type != ValueType::empty) {
      kept->longs.push_back(entry.bits);
    }
  }
  return finished(std::move(kept), texts);
}

}  // namespace vivace
