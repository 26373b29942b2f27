// Takes integers and bytes off the front of a view, little-endian. Past the end it gives zeros and
// latches: ask ok() once at the end, and before anything is sized by what was read.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.h"

namespace vivace {

class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : left_(bytes) {}

  bool ok() const { return ok_; }
  bool at_end() const { return ok_ && left_.empty(); }
  size_t left() const { return left_.size(); }

  std::string_view take_bytes(uint64_t count) {
    if (count > left_.size()) {
      set_failed();
      return {};
    }
    const std::string_view taken = left_.substr(0, count);
    left_.remove_prefix(count);
    return taken;
  }
  template <class T>
  T take() {
    const std::string_view taken = take_bytes(sizeof(T));
    return taken.empty() ? T{} : load<T>(taken.data());
  }
  void set_failed() {
    ok_ = false;
    left_ = {};
  }

 private:
  std::string_view left_;
  bool ok_ = true;
};

}  // namespace vivace
