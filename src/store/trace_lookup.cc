// What a filter denies is not there; what it cannot say because it is damaged, the index says. So
// only a damaged index or trace table loses something.
#include "store/trace_lookup.h"

#include <algorithm>
#include <utility>

#include <boost/unordered/unordered_flat_map.hpp>

#include "base/log.h"
#include "block/layout.h"

namespace vivace {
namespace {

// From so many candidates among a block's traces on, reading all its trace tables costs less than
// as many look-ups: 1/8.
constexpr uint32_t kShareOfScan = 8;

}  // namespace

bool LookupDamage::contains(const Result<void>& result) {
  if (!result && count++ == 0) {
    log::error("spans of older blocks cannot be read; those sent again are taken for new ones",
               {{"err", result.error().message}});
  }
  return !result;
}

WantedTraces::WantedTraces(std::vector<TraceId> ids) : ids_(std::move(ids)) {
  std::vector<std::pair<uint64_t, uint32_t>> sorted;
  sorted.reserve(ids_.size());
  for (uint32_t i = 0; i < ids_.size(); ++i) sorted.emplace_back(fingerprint(ids_[i]), i);
  std::ranges::sort(sorted);
  fingerprints_.reserve(sorted.size());
  places_.reserve(sorted.size());
  for (const auto& [fingerprint, place] : sorted) {
    fingerprints_.push_back(fingerprint);
    places_.push_back(place);
  }
}

std::vector<LocatedTrace> WantedTraces::in(const Block& block, LookupDamage& damage) const {
  Inspected uncounted;
  std::vector<uint32_t> candidates;
  if (!block.may_have(fingerprints_, candidates, uncounted)) {
    candidates.resize(ids_.size());
    for (uint32_t i = 0; i < candidates.size(); ++i) candidates[i] = i;
  }
  std::vector<LocatedTrace> out;
  const bool are_many = !candidates.empty() && candidates.size() >= block.traces() / kShareOfScan;
  if (are_many && scan(block, candidates, out)) return out;
  out.clear();
  for (const uint32_t i : candidates) add(block, places_[i], damage, out);
  std::ranges::sort(out, {}, &LocatedTrace::ordinal);
  return out;
}

std::vector<LocatedTrace> WantedTraces::in(const HeadPart& head, LookupDamage& damage) const {
  std::vector<LocatedTrace> out;
  for (uint32_t i = 0; i < ids_.size(); ++i) add(head, i, damage, out);
  std::ranges::sort(out, {}, &LocatedTrace::ordinal);
  return out;
}

// False if something cannot be read.
bool WantedTraces::scan(const Block& block, const std::vector<uint32_t>& candidates,
                        std::vector<LocatedTrace>& out) const {
  boost::unordered_flat_map<uint64_t, uint32_t, TakeHash> by_hash;
  by_hash.reserve(candidates.size());
  for (const uint32_t i : candidates) by_hash.emplace(ids_[places_[i]].hash(), places_[i]);
  if (by_hash.size() != candidates.size()) return false;  // two ids of one hash
  Inspected uncounted;
  for (uint32_t ordinal = 0; ordinal < block.traces(); ++ordinal) {
    const auto entry = block.trace(ordinal, uncounted);
    if (!entry) return false;
    const auto found = by_hash.find(entry->id.hash());
    if (found != by_hash.end() && ids_[found->second] == entry->id) {
      out.push_back({found->second, ordinal});
    }
  }
  return true;
}

void WantedTraces::add(const Part& part, uint32_t place, LookupDamage& damage,
                       std::vector<LocatedTrace>& out) const {
  Inspected uncounted;
  const auto found = part.find_trace(ids_[place], uncounted);
  if (!found) {
    damage.contains(std::unexpected(found.error()));
  } else if (*found) {
    out.push_back({place, **found});
  }
}

}  // namespace vivace
