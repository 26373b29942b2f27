// The sides of requests between services that wait for their other side: a client span for the
// server span that is its child, or the other way round. Both are known by one key, the trace and
// the client's span id; they may come in any order and in different requests.
//
//   key (trace, client's span id)  ->  slot  ->  side        expiry: oldest first
//
// Most sides meet their other side in the same batch: until it ends their texts stay in its body,
// and only what still waits then is copied (`keep`).
//
// Bounded by a number of sides or by bytes; what finds no room is the caller's to count. Slots and
// the room of their texts are used again. The generator's thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "model/ids.h"

namespace vivace::generator {

struct EdgeKey {
  TraceId trace;
  SpanId span;
  bool operator==(const EdgeKey&) const = default;
};

// One side of an edge. Views: into the batch while the span is at hand, into the slot later.
struct EdgeSide {
  bool is_server = false;
  bool is_failed = false;
  bool is_messaging = false;  // a producer or consumer
  double seconds = 0;         // the span's duration
  double weight = 1;
  uint64_t time_ns = 0;  // a client's end, a server's start
  uint64_t hash = 0;     // of its service and dimensions
  std::string_view service;
  std::string_view peer;                         // whom it names as the other side; may be empty
  std::span<const std::string_view> dimensions;  // values; empty: it has none
};

class HalfEdges {
 public:
  struct Limits {
    int64_t sides_max = 0;  // 0: bytes count instead
    int64_t bytes_max = 8 << 20;
  };
  HalfEdges(const Limits& limits, size_t dimensions) : limits_(limits), texts_(dimensions + 2) {}

  // A batch begins; texts in its body live until `keep`.
  void begin(std::string_view body) { body_ = body; }
  // The batch ends.
  void keep();

  // The side that waits under the key, or null. Valid until the next call of anything else.
  const EdgeSide* find(const EdgeKey& key);
  // The key must not be there. False: there is no room.
  bool insert(const EdgeKey& key, const EdgeSide& side, int64_t now_ms);
  void erase(const EdgeKey& key);
  // Removes what came at `until_ms` or before, after showing it.
  void expire(int64_t until_ms, const std::function<void(const EdgeKey&, const EdgeSide&)>& gone);

  size_t size() const { return slots_by_key_.size(); }
  int64_t bytes() const { return bytes_; }

 private:
  struct KeyHash {
    using is_avalanching = void;
    size_t operator()(const EdgeKey& key) const { return mix64(key.trace.hash() ^ key.span.raw); }
  };
  struct Slot {
    EdgeKey key;
    EdgeSide side;                        // without views
    std::vector<std::string_view> parts;  // service, peer and dimensions, in the body or in `text`
    std::string text;
    int64_t bytes = 0;  // that it counts for
    int64_t came_ms = 0;
    uint32_t life = 0;  // tells the uses of a slot apart
    bool is_used = false;
  };
  struct Turn {  // in the order of expiry
    uint32_t slot;
    uint32_t life;
  };
  static constexpr int64_t kSideBytes = sizeof(Slot) + sizeof(Turn) + 64;  // with its table entry

  static const EdgeSide& view(Slot& slot);
  bool is_in_body(std::string_view text) const;
  static void own(Slot& slot);
  void release(uint32_t index);

  const Limits limits_;
  const size_t texts_;
  std::string_view body_;    // of the batch at hand
  std::vector<Turn> fresh_;  // sides whose texts are in it
  std::deque<Slot> slots_;
  std::vector<uint32_t> free_;
  std::deque<Turn> turns_;
  boost::unordered_flat_map<EdgeKey, uint32_t, KeyHash> slots_by_key_;
  int64_t bytes_ = 0;  // of the sides that wait
};

}  // namespace vivace::generator
