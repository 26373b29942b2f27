// A spanset: some spans of one trace by their numbers, and what groups and aggregates say of them.
// Bits until by() splits the trace; then lists, because thousands of sets of one span each would
// be as many times the bits of the whole trace.
//
// Made by a pipeline, on the thread of its question.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "query/bits.h"
#include "traceql/datum.h"

namespace vivace {

class MatchedSpans {
 public:
  struct Attribute {
    const std::string* key;  // lives as long as the pipeline
    traceql::Datum value;
  };

  MatchedSpans() = default;
  explicit MatchedSpans(SpanBits bits) : bits_(std::move(bits)) {}
  explicit MatchedSpans(std::vector<uint32_t> list) : list_(std::move(list)), is_list_(true) {}

  uint32_t count() const { return is_list_ ? static_cast<uint32_t>(list_.size()) : bits_.count(); }
  bool none() const { return is_list_ ? list_.empty() : bits_.none(); }
  // Ascending: canonical order.
  template <class Take>
  void each(Take take) const {
    if (!is_list_) return bits_.each(take);
    for (const uint32_t span : list_) take(span);
  }
  SpanBits bits(uint32_t size) const;
  // Drops what is not in `spans`; costs what the set has.
  void keep(const SpanBits& spans);
  void add_to(SpanBits& spans) const;
  void make_list();

  std::vector<Attribute> attributes;

 private:
  SpanBits bits_;
  std::vector<uint32_t> list_;
  bool is_list_ = false;
};

inline SpanBits MatchedSpans::bits(uint32_t size) const {
  if (!is_list_) return bits_;
  SpanBits out(size);
  add_to(out);
  return out;
}

inline void MatchedSpans::keep(const SpanBits& spans) {
  if (!is_list_) {
    bits_ &= spans;
  } else {
    std::erase_if(list_, [&](uint32_t span) { return !spans.test(span); });
  }
}

inline void MatchedSpans::make_list() {
  if (is_list_) return;
  list_.reserve(bits_.count());
  bits_.each([&](uint32_t span) { list_.push_back(span); });
  bits_ = SpanBits();
  is_list_ = true;
}

inline void MatchedSpans::add_to(SpanBits& spans) const {
  if (!is_list_) {
    spans |= bits_;
  } else {
    for (const uint32_t span : list_) spans.set(span);
  }
}

}  // namespace vivace
