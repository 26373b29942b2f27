// A table of slots, a list of turns. A side that is erased leaves its turn behind, which is passed
// over when it comes: its slot has another life by then.
#include "generator/half_edges.h"

#include <algorithm>
#include <functional>

#include "base/result.h"

namespace vivace::generator {
namespace {

constexpr size_t kTextKept = 512;  // bytes of room that a free slot may keep

}  // namespace

const EdgeSide* HalfEdges::find(const EdgeKey& key) {
  const auto found = slots_by_key_.find(key);
  return found == slots_by_key_.end() ? nullptr : &view(slots_[found->second]);
}

const EdgeSide& HalfEdges::view(Slot& slot) {
  slot.side.service = slot.parts[0];
  slot.side.peer = slot.parts[1];
  slot.side.dimensions = std::span(slot.parts).subspan(2);
  return slot.side;
}

bool HalfEdges::is_in_body(std::string_view text) const {
  const std::less_equal<const char*> before;
  return text.empty() || (before(body_.data(), text.data()) &&
                          before(text.data() + text.size(), body_.data() + body_.size()));
}

// Copies the texts, which are then the slot's own.
void HalfEdges::own(Slot& slot) {
  size_t text_bytes = 0;
  for (const std::string_view part : slot.parts) text_bytes += part.size();
  slot.text.clear();
  slot.text.reserve(text_bytes);
  for (std::string_view& part : slot.parts) {
    const size_t at = slot.text.size();
    slot.text += part;
    part = std::string_view(slot.text.data() + at, part.size());
  }
}

void HalfEdges::keep() {
  for (const Turn turn : fresh_) {
    Slot& slot = slots_[turn.slot];
    if (slot.is_used && slot.life == turn.life) own(slot);
  }
  fresh_.clear();
  body_ = {};
}

bool HalfEdges::insert(const EdgeKey& key, const EdgeSide& side, int64_t now_ms) {
  size_t text_bytes = side.service.size() + side.peer.size();
  for (const std::string_view value : side.dimensions) text_bytes += value.size();
  const int64_t bytes =
      kSideBytes + static_cast<int64_t>(texts_ * sizeof(std::string_view) + text_bytes);
  if (limits_.sides_max > 0 && static_cast<int64_t>(size()) >= limits_.sides_max) return false;
  if (limits_.sides_max == 0 && bytes_ + bytes > limits_.bytes_max) return false;
  uint32_t index = 0;
  if (free_.empty()) {
    index = static_cast<uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    index = free_.back();
    free_.pop_back();
  }
  Slot& slot = slots_[index];
  slot.key = key;
  slot.side = side;
  slot.bytes = bytes;
  slot.parts.assign({side.service, side.peer});
  slot.parts.insert(slot.parts.end(), side.dimensions.begin(), side.dimensions.end());
  ASSERT(slot.parts.size() == texts_);
  if (std::ranges::all_of(slot.parts, [this](std::string_view p) { return is_in_body(p); })) {
    fresh_.push_back({index, slot.life});
  } else {
    own(slot);
  }
  slot.came_ms = now_ms;
  slot.is_used = true;
  turns_.push_back({index, slot.life});
  slots_by_key_.emplace(key, index);
  bytes_ += bytes;
  return true;
}

void HalfEdges::erase(const EdgeKey& key) {
  const auto found = slots_by_key_.find(key);
  ASSERT(found != slots_by_key_.end());
  release(found->second);
}

void HalfEdges::release(uint32_t index) {
  Slot& slot = slots_[index];
  slots_by_key_.erase(slot.key);
  bytes_ -= slot.bytes;
  if (slot.text.capacity() > kTextKept) slot.text = std::string();
  slot.is_used = false;
  ++slot.life;
  free_.push_back(index);
}

void HalfEdges::expire(int64_t until_ms,
                       const std::function<void(const EdgeKey&, const EdgeSide&)>& gone) {
  while (!turns_.empty()) {
    const Turn turn = turns_.front();
    Slot& slot = slots_[turn.slot];
    const bool waits = slot.is_used && slot.life == turn.life;
    if (waits && slot.came_ms > until_ms) break;
    turns_.pop_front();
    if (!waits) continue;
    gone(slot.key, view(slot));
    release(turn.slot);
  }
  if (turns_.empty() && slots_by_key_.empty() && slots_.size() > 1024) {
    slots_ = {};  // a flood is over
    free_ = {};
    slots_by_key_ = {};
  }
}

}  // namespace vivace::generator
