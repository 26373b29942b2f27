// The bodies that were acked lately, by hash: an exporter that did not see its answer sends the
// same bytes again, and gets the same answer without a second copy. Entries live for kBodyAge, and
// at most kBodiesMax of them (2 MiB or so); a resend that was forgotten is caught span by span in
// the head.
//
// Any thread.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>

#include <boost/unordered/unordered_flat_map.hpp>

#include "base/hash.h"

namespace vivace {

class RecentBodies {
 public:
  static constexpr int64_t kBodyAgeNs = 600'000'000'000;
  static constexpr size_t kBodiesMax = 32'768;

  // What the first copy was answered.
  struct Answer {
    uint32_t rejected_trace_ids = 0;
    uint32_t rejected_span_ids = 0;
    uint32_t rejected_by_limits = 0;
  };

  void insert(const Hash128& body, int64_t acked_ns, Answer answer);
  std::optional<Answer> find(const Hash128& body, int64_t now_ns) const;
  size_t size() const;

 private:
  struct Entry {
    int64_t acked_ns;
    Answer answer;
  };

  void drop_oldest();

  mutable std::mutex mutex_;  // guards both
  boost::unordered_flat_map<Hash128, Entry, TakeHash> entries_;
  std::deque<Hash128> by_age_;
};

}  // namespace vivace
