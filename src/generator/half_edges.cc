// Linear probing; an entry that goes is filled from behind, so that there are no graves. Texts
// count their users and are forgotten a while after the last one.
#include "generator/half_edges.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "base/result.h"

namespace vivace::generator {
namespace {

constexpr size_t kCapacityMin = 64;
constexpr int64_t kSideBytesOwn = 1024;         // for each of a number that a tenant may have
constexpr int64_t kEpochMs = int64_t{1} << 30;  // both together fit the 32 bits of an entry
constexpr int64_t kEarlierMs = 60'000;          // batches do not come in order
constexpr int64_t kWaitMsMax = int64_t{1} << 31;

// Full enough to grow.
constexpr bool is_full(size_t size, size_t capacity) { return size * 8 >= capacity * 5; }

}  // namespace

bool HalfEdges::has_room(int64_t bytes) const {
  if (sides_max_ > 0) {
    const auto sides = std::clamp<int64_t>(sides_max_, 1 << 10, int64_t{1} << 32);
    return bytes_ + bytes <= sides * kSideBytesOwn;
  }
  return budget_.used + bytes <= budget_.bytes_max;
}

void HalfEdges::count(int64_t bytes) {
  bytes_ += bytes;
  if (sides_max_ == 0) budget_.used += bytes;
}

HalfEdges::Entry& HalfEdges::free_entry(uint64_t hash) {
  uint64_t at = hash;
  while (entries_[at & (capacity_ - 1)].side.mark != 0) ++at;
  return entries_[at & (capacity_ - 1)];
}

// False when there is no room.
bool HalfEdges::resize(size_t capacity) {
  const auto more = (static_cast<int64_t>(capacity) - static_cast<int64_t>(capacity_)) *
                    static_cast<int64_t>(sizeof(Entry));
  if (more > 0 && !has_room(more)) return false;
  std::unique_ptr<Entry[]> before(capacity == 0 ? nullptr : new Entry[capacity]);
  before.swap(entries_);
  const size_t capacity_before = std::exchange(capacity_, capacity);
  for (size_t i = 0; i < capacity_before; ++i) {
    if (before[i].side.mark != 0) free_entry(before[i].key.hash()) = before[i];
  }
  count(more);
  return true;
}

bool HalfEdges::insert(const EdgeKey& key, uint64_t hash, const EdgeSide& side, uint32_t texts,
                       int64_t now_ms) {
  if (sides_max_ > 0 && static_cast<int64_t>(size_) >= sides_max_) return false;
  if (is_full(size_, capacity_) && !resize(std::max(kCapacityMin, capacity_ * 2))) return false;
  if (size_ == 0) epoch_ms_ = now_ms - kEarlierMs;
  Entry& entry = free_entry(hash);
  entry = {.key = key, .side = side, .texts = texts, .came = ms_of(now_ms)};
  entry.side.mark |= EdgeSide::kUsed;
  ++size_;
  Texts& said = texts_[texts];
  said.is_of_late = true;
  if (said.users++ == 0) --unused_texts_;
  return true;
}

void HalfEdges::erase(const Entry* entry) {
  const size_t mask = capacity_ - 1;
  auto hole = static_cast<size_t>(entry - entries_.get());
  if (--texts_[entry->texts].users == 0) ++unused_texts_;
  --size_;
  // Whoever stands behind the hole and wants to be at it or before it moves up.
  for (size_t at = (hole + 1) & mask; entries_[at].side.mark != 0; at = (at + 1) & mask) {
    const size_t home = entries_[at].key.hash() & mask;
    if (((at - home) & mask) < ((at - hole) & mask)) continue;
    entries_[hole] = entries_[at];
    hole = at;
  }
  entries_[hole].side.mark = 0;
}

int64_t HalfEdges::bytes_of(const Texts& texts) {
  return static_cast<int64_t>(sizeof(Texts) + texts.bytes.capacity() + 48 +
                              texts.parts.capacity() * sizeof(std::string_view));
}

uint32_t HalfEdges::add_texts(uint64_t hash, const SideTexts& from) {
  size_t bytes = from.service.size() + from.peer.size();
  for (const std::string_view value : from.dimensions) bytes += value.size();
  if (!has_room(static_cast<int64_t>(bytes + sizeof(Texts)))) {
    // Going through them must be worth it.
    if (unused_texts_ * 4 <= texts_by_hash_.size()) return kNone;
    forget_texts(true);
    if (!has_room(static_cast<int64_t>(bytes + sizeof(Texts)))) return kNone;
  }
  uint32_t index = 0;
  if (free_texts_.empty()) {
    index = static_cast<uint32_t>(texts_.size());
    texts_.emplace_back();
  } else {
    index = free_texts_.back();
    free_texts_.pop_back();
  }
  Texts& texts = texts_[index];
  texts.hash = hash;
  texts.is_of_late = true;
  texts.bytes.reserve(bytes);
  texts.parts.reserve(2 + from.dimensions.size());
  const auto add = [&](std::string_view part) {
    const size_t at = texts.bytes.size();
    texts.bytes += part;
    texts.parts.emplace_back(texts.bytes.data() + at, part.size());
  };
  add(from.service);
  add(from.peer);
  for (const std::string_view value : from.dimensions) add(value);
  texts_by_hash_.emplace(hash, index);
  ++unused_texts_;
  count(bytes_of(texts));
  return index;
}

// Those of late, too, or only those that nobody came with since the last time.
void HalfEdges::forget_texts(bool of_late) {
  for (uint32_t index = 0; index < texts_.size(); ++index) {
    Texts& texts = texts_[index];
    if (texts.users > 0 || texts.parts.empty()) continue;
    if (!of_late && std::exchange(texts.is_of_late, false)) continue;
    count(-bytes_of(texts));
    texts_by_hash_.erase(texts.hash);
    texts = {};
    free_texts_.push_back(index);
    --unused_texts_;
  }
  if (!texts_by_hash_.empty()) return;
  texts_ = {};  // a flood is over
  free_texts_ = {};
  texts_by_hash_ = {};
}

uint32_t HalfEdges::ms_of(int64_t now_ms) const {
  return static_cast<uint32_t>(std::clamp<int64_t>(now_ms - epoch_ms_, 0, UINT32_MAX));
}

// Moves the epoch when it is far away, or later than now. Nothing that waits came before
// `until_ms`, nor after now.
void HalfEdges::set_epoch(int64_t now_ms, int64_t until_ms) {
  if (now_ms < epoch_ms_) {
    epoch_ms_ = now_ms;  // of entries that came then
    return;
  }
  if (now_ms - epoch_ms_ < kEpochMs) return;
  const int64_t epoch_ms = std::max(until_ms, epoch_ms_);
  for (size_t i = 0; i < capacity_; ++i) {
    uint32_t& came = entries_[i].came;
    came = static_cast<uint32_t>(std::max<int64_t>(0, came - (epoch_ms - epoch_ms_)));
  }
  epoch_ms_ = epoch_ms;
}

void HalfEdges::expire(int64_t now_ms, int64_t wait_ms,
                       const std::function<void(const Entry&)>& gone) {
  struct Old {
    uint32_t came;
    EdgeKey key;
  };
  std::vector<Old> old;
  wait_ms = std::min(wait_ms, kWaitMsMax);
  const uint32_t now = now_ms < epoch_ms_ ? 0 : ms_of(now_ms);
  for (size_t i = 0; i < capacity_ && size_ > 0; ++i) {
    Entry& entry = entries_[i];
    if (entry.side.mark == 0) continue;
    entry.came = std::min(entry.came, now);
    if (now - entry.came >= wait_ms) old.push_back({entry.came, entry.key});
  }
  std::ranges::stable_sort(old, {}, &Old::came);
  for (const Old& one : old) {
    const Entry* const entry = find(one.key, one.key.hash());
    ASSERT(entry != nullptr);
    gone(*entry);
    erase(entry);
  }
  if (capacity_ > kCapacityMin && size_ * 16 < capacity_) {
    ASSERT(resize(std::max(kCapacityMin, std::bit_ceil(size_ * 4))));  // less always has room
  }
  set_epoch(now_ms, now_ms - wait_ms);
  forget_texts(false);
}

}  // namespace vivace::generator
