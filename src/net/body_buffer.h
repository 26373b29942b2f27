// A request's body while it arrives. Memory and its share of the budget grow together,
// geometrically and only as bytes arrive: a declared length caps the growth but never causes it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/budget.h"
#include "net/http.h"

namespace vivace::net {

class BodyBuffer {
 public:
  explicit BodyBuffer(Budget* maybe_budget) : maybe_budget_(maybe_budget) {}

  int64_t size() const { return static_cast<int64_t>(body_.size()); }

  // Room for `more` bytes that have arrived; `bytes_max` is the most that the body can become.
  // False, and nothing changed, when the budget has none.
  bool make_room(int64_t more, int64_t bytes_max) {
    const int64_t need = size() + more;
    if (need <= room_bytes_) return true;
    const int64_t ahead = std::max({need, 2 * room_bytes_, kStepBytes});
    const int64_t want = std::min(ahead, std::max(need, bytes_max));
    return take(want) || (want > need && take(need));
  }

  // The same, room or not, for bytes that cannot be sent back.
  void force_room(int64_t more) {
    const int64_t missing = size() + more - room_bytes_;
    if (missing <= 0 || maybe_budget_ == nullptr) return;
    if (room_bytes_ == 0) {
      room_ = maybe_budget_->reserve_always(missing);
    } else {
      room_.grow(missing);
    }
    room_bytes_ += missing;
  }

  // Whether the budget holds all that was taken from it, forced room included.
  bool covered() { return maybe_budget_ == nullptr || maybe_budget_->try_reserve(0).has_value(); }

  void append(std::string_view bytes) { body_.append(bytes); }

  void clear() {
    body_ = std::string();
    room_.release();
    room_bytes_ = 0;
  }

  // What is left of a body that is refused: its first bytes, for which no room is counted.
  void keep_start() {
    std::string start = body_.substr(0, kBodyStartBytes);
    clear();
    body_ = std::move(start);
  }

  // Moves the body and its room on; this one is then empty.
  void move_into(Request& request) {
    room_.shrink_to(static_cast<int64_t>(body_.capacity()));
    request.body = std::move(body_);
    request.body_room = std::move(room_);
    clear();
  }

 private:
  static constexpr int64_t kStepBytes = 64 << 10;

  bool take(int64_t bytes) {
    if (maybe_budget_ != nullptr) {
      if (room_bytes_ > 0) {
        if (!room_.try_grow(bytes - room_bytes_)) return false;
      } else {
        auto room = maybe_budget_->try_reserve(bytes);
        if (!room) return false;
        room_ = std::move(*room);
      }
    }
    room_bytes_ = bytes;
    body_.reserve(static_cast<size_t>(bytes));
    return true;
  }

  Budget* maybe_budget_;
  std::string body_;
  Reservation room_;
  int64_t room_bytes_ = 0;  // as in room_; counted without a budget too
};

}  // namespace vivace::net
