// A small queue that owns no memory while it is empty and fresh; std::deque takes 600 bytes at
// once, which every idle connection would pay several times.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace vivace::net {

template <class T>
class Fifo {
 public:
  bool empty() const { return first_ == items_.size(); }
  T& front() { return items_[first_]; }
  void push(T item) { items_.push_back(std::move(item)); }

  void pop() {
    items_[first_] = T();
    first_++;
    if (first_ == items_.size()) {
      items_.clear();
      first_ = 0;
    } else if (first_ >= kCompact && first_ * 2 >= items_.size()) {
      items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(first_));
      first_ = 0;
    }
  }

 private:
  static constexpr size_t kCompact = 64;

  std::vector<T> items_;
  size_t first_ = 0;
};

}  // namespace vivace::net
