// Texts side by side in memory: a dictionary, or the texts of one chunk; and how they are stored:
// the lengths as a run of numbers, then the bytes.
#pragma once

#include <string>
#include <vector>

#include "block/byte_reader.h"
#include "block/numbers.h"
#include "model/columns.h"

namespace vivace {

class TextList final : public Texts {
 public:
  uint32_t size() const override { return static_cast<uint32_t>(ends_.size()); }
  std::string_view operator[](uint32_t code) const override {
    const uint32_t from = code == 0 ? 0 : ends_[code - 1];
    return {bytes_.data() + from, ends_[code] - from};
  }
  int64_t memory_bytes() const {
    return static_cast<int64_t>(sizeof *this + bytes_.capacity() + ends_.capacity() * 4);
  }

  // `count` texts; fails the reader when the lengths do not fit the bytes.
  void take(ByteReader& in, uint32_t count) {
    ends_.resize(count);
    take_numbers(in, std::span<uint32_t>(ends_));
    uint64_t end = 0;
    for (uint32_t& each : ends_) {
      end += each;
      if (end > in.left()) in.set_failed();
      each = static_cast<uint32_t>(end);
    }
    bytes_ = in.take_bytes(end);
    if (!in.ok()) ends_.clear();
  }

 private:
  std::string bytes_;
  std::vector<uint32_t> ends_;
};

inline void append_texts(std::string& out, std::span<const std::string_view> texts) {
  std::vector<uint32_t> lengths;
  lengths.reserve(texts.size());
  size_t bytes = 0;
  for (const std::string_view text : texts) {
    lengths.push_back(static_cast<uint32_t>(text.size()));
    bytes += text.size();
  }
  append_numbers(out, std::span<const uint32_t>(lengths));
  out.reserve(out.size() + bytes);
  for (const std::string_view text : texts) out.append(text);
}

}  // namespace vivace
