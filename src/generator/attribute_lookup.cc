// What is worked out once a batch (which keys are wanted) and once a shape (where they are). The
// generator's thread; tables keep their room between batches.
#include "generator/attribute_lookup.h"

#include <algorithm>

namespace vivace::generator {

AttributeLookup::Slot AttributeLookup::want(std::string_view key) {
  const auto known = std::ranges::find(wanted_, key);
  if (known != wanted_.end()) return static_cast<Slot>(known - wanted_.begin());
  slots_.emplace(text_hash(key), static_cast<Slot>(wanted_.size()));
  wanted_.emplace_back(key);
  return static_cast<Slot>(wanted_.size() - 1);
}

void AttributeLookup::begin(const Batch& batch) {
  batch_ = &batch;
  slot_of_key_.clear();
  for (const BatchKey& key : batch.keys) {
    const auto found = slots_.find(key.hash);
    const bool is_wanted = found != slots_.end() && wanted_[found->second] == key.text;
    slot_of_key_.push_back(is_wanted ? found->second : kUnknown);
  }
  places_of_shape_.assign(batch.shapes.size(), kUnknown);
  places_.clear();
}

uint32_t AttributeLookup::learn(uint32_t shape) {
  const auto places = static_cast<uint32_t>(places_.size());
  places_of_shape_[shape] = places;
  places_.resize(places + wanted_.size(), kUnknown);
  for (uint32_t node = shape; batch_->shapes[node].depth > 0; node = batch_->shapes[node].parent) {
    const ShapeNode& attribute = batch_->shapes[node];
    const uint32_t slot = slot_of_key_[attribute.key];
    if (slot != kUnknown) places_[places + slot] = attribute.depth - 1;
  }
  return places;
}

}  // namespace vivace::generator
