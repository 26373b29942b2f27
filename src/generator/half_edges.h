// The sides of requests between services that wait for their other side: a client span for the
// server span that is its child, or the other way round. Both are known by one key, the trace and
// the client's span id; they may come in any order and in different requests.
//
//   entries  [ key | hash, numbers | texts ] ...    a line of the cache each, by open addressing
//                                      |
//   texts    [ service, peer, dimensions ] ...      shared by all sides that say the same
//
// A side that waits costs no allocation and no copy of a text, unless nobody said the like before.
// The texts are asked for when its series is new or when its wait ends.
//
// Bounded by a number of sides or, with all who share the budget, by bytes; what finds no room is
// the caller's to count. The generator's thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "base/hash.h"
#include "model/ids.h"

namespace vivace::generator {

struct EdgeKey {
  TraceId trace;
  SpanId span;
  bool operator==(const EdgeKey& other) const { return span == other.span && trace == other.trace; }
  uint64_t hash() const { return mix64(trace.hash() ^ span.raw); }
};

// What a side says of itself in words. Views.
struct SideTexts {
  std::string_view service;
  std::string_view peer;                         // whom it names as the other side; may be empty
  std::span<const std::string_view> dimensions;  // values; empty: it has none
};

// One side of an edge, without its texts.
struct EdgeSide {
  static constexpr uint64_t kServer = 1;
  static constexpr uint64_t kFailed = 2;
  static constexpr uint64_t kMessaging = 4;  // a producer or consumer
  static constexpr uint64_t kUsed = 8;
  static constexpr uint64_t kFlags = 15;

  uint64_t mark = 0;  // flags, and above them a hash of its service and dimensions
  uint64_t duration_ns = 0;
  uint64_t time_ns = 0;  // a client's end, a server's start
  double weight = 1;

  uint64_t hash() const { return mark & ~kFlags; }
  bool is_server() const { return (mark & kServer) != 0; }
  bool is_failed() const { return (mark & kFailed) != 0; }
  bool is_messaging() const { return (mark & kMessaging) != 0; }
  double seconds() const { return static_cast<double>(duration_ns) / 1e9; }
};

// Bytes of the sides of all tenants that have no number of their own.
struct SideBudget {
  int64_t bytes_max = 8 << 20;
  int64_t used = 0;
};

class HalfEdges {
 public:
  struct Entry {
    EdgeKey key;
    EdgeSide side;
    uint32_t texts = 0;
    uint32_t came = 0;  // ms after the epoch
  };
  static_assert(sizeof(Entry) == 64);
  static constexpr uint32_t kNone = UINT32_MAX;

  // `sides_max` 0: the budget counts instead.
  HalfEdges(SideBudget& budget, int64_t sides_max) : budget_(budget), sides_max_(sides_max) {}
  ~HalfEdges() { count(-bytes_); }
  HalfEdges(const HalfEdges&) = delete;
  HalfEdges& operator=(const HalfEdges&) = delete;

  void prefetch(uint64_t hash) const {
    if (capacity_ > 0) __builtin_prefetch(&entries_[hash & (capacity_ - 1)]);
  }
  // The side that waits under the key, or null. Valid until the next `insert` or `erase`.
  const Entry* find(const EdgeKey& key, uint64_t hash) const {
    if (size_ == 0) return nullptr;
    for (uint64_t at = hash;; ++at) {
      const Entry& entry = entries_[at & (capacity_ - 1)];
      if (entry.side.mark == 0) return nullptr;
      if (entry.key == key) return &entry;
    }
  }
  // The key must not be there. `texts` are from `known_texts` or `add_texts`, just before. False:
  // there is no room.
  bool insert(const EdgeKey& key, uint64_t hash, const EdgeSide& side, uint32_t texts,
              int64_t now_ms);
  void erase(const Entry* entry);

  // Texts under a hash of them all; kNone: not known, or no room.
  uint32_t known_texts(uint64_t hash) const {
    const auto found = texts_by_hash_.find(hash);
    return found == texts_by_hash_.end() ? kNone : found->second;
  }
  uint32_t add_texts(uint64_t hash, const SideTexts& texts);
  SideTexts texts(uint32_t index) const {
    const Texts& of = texts_[index];
    return {
        .service = of.parts[0], .peer = of.parts[1], .dimensions = std::span(of.parts).subspan(2)};
  }

  // Removes what has waited for `wait_ms`, the oldest first, after showing it. What seems to come
  // from the future, since the clock was set back, came just now.
  void expire(int64_t now_ms, int64_t wait_ms, const std::function<void(const Entry&)>& gone);

  size_t size() const { return size_; }
  int64_t bytes() const { return bytes_; }

 private:
  struct Texts {
    uint64_t hash = 0;
    uint32_t users = 0;  // sides that wait
    bool is_of_late = false;
    std::string bytes;
    std::vector<std::string_view> parts;  // of `bytes`: service, peer, dimensions
  };

  static int64_t bytes_of(const Texts& texts);
  bool has_room(int64_t bytes) const;
  void count(int64_t bytes);
  bool resize(size_t capacity);
  Entry& free_entry(uint64_t hash);
  void forget_texts(bool of_late);
  uint32_t ms_of(int64_t now_ms) const;
  void set_epoch(int64_t now_ms, int64_t until_ms);

  SideBudget& budget_;
  const int64_t sides_max_;
  std::unique_ptr<Entry[]> entries_;
  size_t capacity_ = 0;  // a power of two
  size_t size_ = 0;
  int64_t epoch_ms_ = 0;
  std::deque<Texts> texts_;  // never moved: short strings hold their bytes
  std::vector<uint32_t> free_texts_;
  size_t unused_texts_ = 0;  // nobody waits with them
  boost::unordered_flat_map<uint64_t, uint32_t, TakeHash> texts_by_hash_;
  int64_t bytes_ = 0;  // of entries and texts
};

}  // namespace vivace::generator
