// A map and the order of its entries, by which the oldest leave when there are too many. A lock is
// fine here: it is held for one look-up a request.
#include "store/recent_bodies.h"

namespace vivace {

void RecentBodies::insert(const Hash128& body, int64_t acked_ns, Answer answer) {
  const std::lock_guard lock(mutex_);
  // Old ones first: this body may be among them, and begins a new life then.
  while (!by_age_.empty() &&
         entries_.find(by_age_.front())->second.acked_ns < acked_ns - kBodyAgeNs) {
    drop_oldest();
  }
  if (!entries_.try_emplace(body, Entry{acked_ns, answer}).second) return;
  by_age_.push_back(body);
  if (by_age_.size() > kBodiesMax) drop_oldest();
}

void RecentBodies::drop_oldest() {
  entries_.erase(by_age_.front());
  by_age_.pop_front();
}

std::optional<RecentBodies::Answer> RecentBodies::find(const Hash128& body, int64_t now_ns) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(body);
  if (found == entries_.end() || found->second.acked_ns < now_ns - kBodyAgeNs) return std::nullopt;
  return found->second.answer;
}

size_t RecentBodies::size() const {
  const std::lock_guard lock(mutex_);
  return by_age_.size();
}

}  // namespace vivace
