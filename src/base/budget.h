// A named number of bytes that may be in use at once: request bodies in flight, the head, the log.
// Room is reserved before work starts, so that work that has started cannot run out of it.
//
//   auto room = bodies.try_reserve(size);      // Reservation, or empty when there is none
//   if (!room) return fail(Code::limit, ...);
//   ...                                        // released when `room` dies
//
// Any thread; one atomic operation a call. `used` is a gauge in /metrics under the budget's name.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace vivace {

class Budget;

// Owns some bytes of a budget and gives them back when it dies. Move-only.
class Reservation {
 public:
  Reservation() = default;
  Reservation(Budget* budget, int64_t bytes) : budget_(budget), bytes_(bytes) {}
  Reservation(Reservation&& other) noexcept
      : budget_(std::exchange(other.budget_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  Reservation& operator=(Reservation&& other) noexcept {
    release();
    budget_ = std::exchange(other.budget_, nullptr);
    bytes_ = std::exchange(other.bytes_, 0);
    return *this;
  }
  ~Reservation() { release(); }

  int64_t bytes() const { return bytes_; }
  // Takes more of the same budget; false, and nothing changed, when there is no room.
  bool try_grow(int64_t more);
  // Takes more, room or not: for work that must not fail any more.
  void grow(int64_t more);
  void shrink_to(int64_t bytes);
  // Takes over what `other`, of the same budget, holds.
  void absorb(Reservation&& other) {
    if (budget_ == nullptr) {
      *this = std::move(other);
      return;
    }
    bytes_ += std::exchange(other.bytes_, 0);
    other.budget_ = nullptr;
  }
  void release();

 private:
  Budget* budget_ = nullptr;
  int64_t bytes_ = 0;
};

class Budget {
 public:
  Budget(std::string name, int64_t bytes_max) : name_(std::move(name)), bytes_max_(bytes_max) {}
  Budget(const Budget&) = delete;
  Budget& operator=(const Budget&) = delete;

  std::optional<Reservation> try_reserve(int64_t bytes) {
    if (!try_take(bytes)) return std::nullopt;
    return Reservation(this, bytes);
  }
  Reservation reserve_always(int64_t bytes) {
    used_.fetch_add(bytes, std::memory_order_relaxed);
    return Reservation(this, bytes);
  }

  const std::string& name() const { return name_; }
  int64_t used() const { return used_.load(std::memory_order_relaxed); }
  int64_t bytes_max() const { return bytes_max_; }

 private:
  friend class Reservation;
  bool try_take(int64_t bytes) {
    int64_t used = used_.load(std::memory_order_relaxed);
    do {
      if (used + bytes > bytes_max_) return false;
    } while (!used_.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
    return true;
  }
  void give(int64_t bytes) { used_.fetch_sub(bytes, std::memory_order_relaxed); }

  std::string name_;
  int64_t bytes_max_;
  std::atomic<int64_t> used_{0};
};

inline bool Reservation::try_grow(int64_t more) {
  if (budget_ == nullptr || !budget_->try_take(more)) return false;
  bytes_ += more;
  return true;
}
inline void Reservation::grow(int64_t more) {
  budget_->used_.fetch_add(more, std::memory_order_relaxed);
  bytes_ += more;
}
inline void Reservation::shrink_to(int64_t bytes) {
  if (budget_ == nullptr || bytes >= bytes_) return;
  budget_->give(bytes_ - bytes);
  bytes_ = bytes;
}
inline void Reservation::release() {
  if (budget_ != nullptr) budget_->give(bytes_);
  budget_ = nullptr;
  bytes_ = 0;
}

}  // namespace vivace
