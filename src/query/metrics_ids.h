// Numbers for values and for series, and the memory that one metrics query may take.
//
//   ValueIds values(10'000, memory);
//   values.of_text("shop") == 1, values.of_number(ValueType::integer, 200) == 2, ...
//
// 0 is the absent value. Once there are too many, further ones get kTooMany and `is_full`. One
// thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "base/hash.h"
#include "model/value.h"
#include "query/query_budget.h"
#include "traceql/datum.h"

namespace vivace::metrics {

// What a query has taken of its share, and by that of the memory of all queries. Once it asks for
// more than there is, it is over.
class Memory {
 public:
  explicit Memory(int64_t bytes_max, const QueryControl& control = QueryControl::none())
      : bytes_max_(bytes_max), charge_(control) {}
  // False: there is no room, and the query is to end.
  [[nodiscard]] bool take(uint64_t bytes) {
    if (is_short_) return false;
    if (bytes > static_cast<uint64_t>(bytes_max_ - used_)) {
      is_short_ = true;
      return false;
    }
    if (auto charged = charge_.grow(static_cast<int64_t>(bytes)); !charged) {
      refusal_ = std::move(charged.error());
      is_short_ = true;
      return false;
    }
    used_ += static_cast<int64_t>(bytes);
    return true;
  }
  // Of what was taken.
  void give(uint64_t bytes) {
    used_ -= static_cast<int64_t>(bytes);
    (void)charge_.set(used_);  // what is less is always granted
  }
  // The charge of all that was taken, for the answer that is left of the query.
  MemoryCharge hand_over() { return std::move(charge_); }
  bool is_short() const { return is_short_; }
  // Why it is short, if that is for want of the memory of all.
  const std::optional<Error>& refusal() const { return refusal_; }
  int64_t bytes_max() const { return bytes_max_; }

 private:
  int64_t bytes_max_;
  int64_t used_ = 0;
  bool is_short_ = false;
  MemoryCharge charge_;
  std::optional<Error> refusal_;
};

// Numbers by 64-bit keys. Those asked for again and again are found in a small table without a
// search.
class CachedIds {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;
  static constexpr uint64_t kRecentBytes = 8 << 10;  // once asked

  bool is_asked() const { return !recent_.empty(); }
  // The number of the key, or what `make` gives it; kNone is not kept.
  template <class Make>
  uint32_t get(uint64_t key, Make make) {
    const uint64_t hash = (key ^ (key >> 29)) * 0x9e3779b97f4a7c15ULL;
    if (recent_.empty()) recent_.resize(size_t{1} << kBits);
    Recent& recent = recent_[hash >> (64 - kBits)];
    if (recent.id != kNone && recent.key == key) return recent.id;
    const auto found = ids_.find(key);
    const uint32_t id = found != ids_.end() ? found->second : make();
    if (id == kNone) return id;
    if (found == ids_.end()) ids_.emplace(key, id);
    recent = {key, id};
    return id;
  }

 private:
  static constexpr int kBits = 9;
  struct Recent {
    uint64_t key = 0;
    uint32_t id = kNone;
  };
  static_assert(sizeof(Recent) << kBits == kRecentBytes);
  std::vector<Recent> recent_;
  boost::unordered_flat_map<uint64_t, uint32_t, NumberHash> ids_;
};

class ValueIds {
 public:
  static constexpr uint32_t kNil = 0;
  static constexpr uint32_t kTooMany = CachedIds::kNone;

  ValueIds(uint32_t values_max, Memory& memory)
      : values_max_(values_max), memory_(memory), values_(1) {}

  uint32_t of_text(std::string_view text);
  uint32_t of_number(ValueType type, uint64_t bits);  // integer, real, boolean
  uint32_t of_stored(const Value& value);             // as the language has it
  uint32_t of(const traceql::Datum& value);

  const traceql::Datum& value(uint32_t id) const { return values_[id]; }
  uint32_t size() const { return static_cast<uint32_t>(values_.size()); }
  bool is_full() const { return is_full_; }  // a value got no number

 private:
  uint32_t add(traceql::Datum value, size_t bytes);
  template <class Make>
  uint32_t number(CachedIds& ids, uint64_t bits, Make make);

  uint32_t values_max_;
  Memory& memory_;
  std::vector<traceql::Datum> values_;
  std::array<CachedIds, 3> numbers_;
  boost::unordered_flat_map<std::string, uint32_t, TextHash, std::equal_to<>> texts_;
  std::string key_;
  bool is_full_ = false;
};

}  // namespace vivace::metrics
