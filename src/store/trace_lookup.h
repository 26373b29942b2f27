// Looks many traces up in many parts, part by part, so that the filter and the index of one are
// warm: first all ids in a block's filter, in the order of their fingerprints; then those that it
// may have in its index, or, if they are a good share of the block's traces, in all its trace
// tables.
//
//   const WantedTraces wanted(ids);
//   wanted.in_each(older, damage, [&](const Part& part, const std::vector<LocatedTrace>& found) ...
//
// Called by who joins heads and merges blocks (split_join.h), on any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <boost/unordered/unordered_flat_set.hpp>

#include "base/hash.h"
#include "block/block.h"
#include "head/head_part.h"

namespace vivace {

// Traces by TraceId::hash. Two ids of one hash are both taken for split, which costs time alone.
using TraceHashes = boost::unordered_flat_set<uint64_t, TakeHash>;

using Blocks = std::span<const std::shared_ptr<const Block>>;

// What is older than a head.
struct OlderParts {
  Blocks blocks;
  std::span<const std::shared_ptr<const HeadPart>> heads = {};
  int64_t received_after_ns = INT64_MIN;  // row groups whose newest span came before are gone
};

struct LocatedTrace {
  uint32_t asked = 0;    // its place among the ids that were asked for
  uint32_t ordinal = 0;  // in the part
};

// Errors are counted here, the first is logged.
struct LookupDamage {
  uint32_t count = 0;

  // Whether it is an error.
  bool contains(const Result<void>& result);
};

class WantedTraces {
 public:
  explicit WantedTraces(std::vector<TraceId> ids);

  // Those that the part has, by ordinal.
  std::vector<LocatedTrace> in(const Block& block, LookupDamage& damage) const;
  std::vector<LocatedTrace> in(const HeadPart& head, LookupDamage& damage) const;

  // Calls take(part, found) for every part that has some.
  template <class Take>
  void in_each(const OlderParts& older, LookupDamage& damage, const Take& take) const {
    if (ids_.empty()) return;
    const auto give = [&](const auto& part) {
      const std::vector<LocatedTrace> found = in(part, damage);
      if (!found.empty()) take(part, found);
    };
    for (const auto& block : older.blocks) give(*block);
    for (const auto& head : older.heads) give(*head);
  }

 private:
  bool scan(const Block& block, const std::vector<uint32_t>& candidates,
            std::vector<LocatedTrace>& out) const;
  void add(const Part& part, uint32_t place, LookupDamage& damage,
           std::vector<LocatedTrace>& out) const;

  std::vector<TraceId> ids_;
  std::vector<uint64_t> fingerprints_;  // ascending
  std::vector<uint32_t> places_;        // of their ids
};

}  // namespace vivace
