// How threads hand work to each other: a bounded first-in-first-out queue of moved values, closed
// once at the end. `pop_all` takes everything that waits in one lock, which is what a group commit
// wants. Any number of producers and consumers.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

namespace vivace {

template <class T>
class Queue {
 public:
  explicit Queue(size_t capacity) : capacity_(capacity) {}

  // False when the queue is full or closed; the value is then untouched.
  [[nodiscard]] bool try_push(T&& value) {
    {
      const std::lock_guard lock(mutex_);
      if (closed_ || items_.size() >= capacity_) return false;
      items_.push_back(std::move(value));
    }
    ready_.notify_one();
    return true;
  }

  // Waits for room. False when the queue is closed; the value is then untouched.
  [[nodiscard]] bool push(T&& value) {
    {
      std::unique_lock lock(mutex_);
      room_.wait(lock, [&] { return closed_ || items_.size() < capacity_; });
      if (closed_) return false;
      items_.push_back(std::move(value));
    }
    ready_.notify_one();
    return true;
  }

  // Waits for an item; empty once the queue is closed and drained.
  std::optional<T> pop() {
    std::unique_lock lock(mutex_);
    ready_.wait(lock, [&] { return closed_ || !items_.empty(); });
    if (items_.empty()) return std::nullopt;
    T value = std::move(items_.front());
    items_.pop_front();
    lock.unlock();
    room_.notify_one();
    return value;
  }

  // The same, but waits no longer than this: empty, too, when nothing came.
  std::optional<T> pop_within(std::chrono::nanoseconds wait) {
    std::unique_lock lock(mutex_);
    ready_.wait_for(lock, wait, [&] { return closed_ || !items_.empty(); });
    if (items_.empty()) return std::nullopt;
    T value = std::move(items_.front());
    items_.pop_front();
    lock.unlock();
    room_.notify_one();
    return value;
  }

  // Closed and drained: nothing will come any more.
  bool is_done() const {
    const std::lock_guard lock(mutex_);
    return closed_ && items_.empty();
  }

  // Waits for at least one item and takes all; empty once the queue is closed and drained.
  std::deque<T> pop_all() {
    std::unique_lock lock(mutex_);
    ready_.wait(lock, [&] { return closed_ || !items_.empty(); });
    std::deque<T> taken = std::move(items_);
    items_.clear();
    lock.unlock();
    room_.notify_all();
    return taken;
  }

  // No more pushes; what waits can still be popped.
  void close() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    ready_.notify_all();
    room_.notify_all();
  }

  size_t size() const {
    const std::lock_guard lock(mutex_);
    return items_.size();
  }

 private:
  const size_t capacity_;
  mutable std::mutex mutex_;  // guards the two below
  std::deque<T> items_;
  bool closed_ = false;
  std::condition_variable ready_;
  std::condition_variable room_;
};

}  // namespace vivace
