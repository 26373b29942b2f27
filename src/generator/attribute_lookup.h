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

#include "model/batch.h"

namespace vivace::generator {

class AttributeLookup {
 public:
  using Slot = uint32_t;

  Slot want(std::string_view key);
  void begin(const Batch& batch);

  const BatchAttribute* find(const AttributeRun& run, Slot slot) {
    uint32_t places = places_of_shape_[run.shape];
    if (places == kUnknown) [[unlikely]]
      places = learn(run.shape);
    const uint32_t place = places_[places + slot];
    return place == kUnknown ? nullptr : &batch_->attributes[run.first + place];
  }

  const Batch& batch() const { return *batch_; }

 private:
  static constexpr uint32_t kUnknown = UINT32_MAX;
  struct Avalanching {
    using is_avalanching = void;
    size_t operator()(uint64_t hash) const { return hash; }
  };

  uint32_t learn(uint32_t shape);

  std::vector<std::string> wanted_;
  boost::unordered_flat_map<uint64_t, Slot, Avalanching> slots_;  // by the hash of the key
  const Batch* batch_ = nullptr;
  std::vector<uint32_t> slot_of_key_;      // by Batch::keys
  std::vector<uint32_t> places_of_shape_;  // index into places_
  std::vector<uint32_t> places_;           // a row of slots for each shape that was asked for
};

}  // namespace vivace::generator
