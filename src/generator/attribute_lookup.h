// Finds attributes of spans and resources by their keys, fast: the keys that somebody wants get
// slots once; for each batch the keys that it holds are matched with them once; for each shape of
// attributes (model/batch.h) the places of the wanted ones are worked out once. A look-up is then
// two loads. Of repeated keys the first counts.
//
//   const auto slot = lookup.want("http.method");      // before the first batch
//   lookup.begin(batch);
//   const BatchAttribute* a = lookup.find(span.attributes, slot);    // null: it has none
//
// The generator's thread; a batch outlives its look-ups.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "base/hash.h"
#include "model/batch.h"

namespace vivace::generator {

// Equal for equal values of one type; also where there is none.
inline uint64_t value_hash(const BatchAttribute* attribute) {
  if (attribute == nullptr) return 0x9ae16a3b2f90404fULL;
  const Value& value = attribute->value;
  const auto type = static_cast<uint64_t>(value.type);
  return is_text(value.type) ? attribute->hash + type : mix64(value.bits ^ kProcessSeed) + type;
}

// One hash of two, in this order.
constexpr uint64_t mix_hash(uint64_t hash, uint64_t more) {
  return mix64((hash ^ more) * 0x9e3779b97f4a7c15ULL + more);
}

class AttributeLookup {
 public:
  using Slot = uint32_t;

  Slot want(std::string_view key);
  void begin(const Batch& batch);

  // The attributes of one run, of which several are wanted. It lives until another one is made.
  class View {
   public:
    const BatchAttribute* find(Slot slot) const {
      const uint32_t place = places_[slot];
      return place == kUnknown ? nullptr : first_ + place;
    }

   private:
    friend class AttributeLookup;
    View(const uint32_t* places, const BatchAttribute* first) : places_(places), first_(first) {}
    const uint32_t* places_;
    const BatchAttribute* first_;
  };

  View view(const AttributeRun& run) {
    uint32_t places = places_of_shape_[run.shape];
    if (places == kUnknown) [[unlikely]]
      places = learn(run.shape);
    return {places_.data() + places, batch_->attributes.data() + run.first};
  }
  const BatchAttribute* find(const AttributeRun& run, Slot slot) { return view(run).find(slot); }

  const Batch& batch() const { return *batch_; }

 private:
  static constexpr uint32_t kUnknown = UINT32_MAX;

  uint32_t learn(uint32_t shape);

  std::vector<std::string> wanted_;
  boost::unordered_flat_map<uint64_t, Slot, TakeHash> slots_;  // by the hash of the key
  const Batch* batch_ = nullptr;
  std::vector<uint32_t> slot_of_key_;      // by Batch::keys
  std::vector<uint32_t> places_of_shape_;  // index into places_
  std::vector<uint32_t> places_;           // a row of slots for each shape that was asked for
};

}  // namespace vivace::generator
