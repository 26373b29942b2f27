// Collects attributes into a batch: finds each key's number and walks the trie of shapes. Every
// node remembers which child followed it last, so that the attributes of a span that looks like an
// earlier one cost a comparison of bytes each instead of a hash and two look-ups.
//
// Used by the decoder, one batch at a time; the tables keep their room between batches.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/result.h"
#include "model/batch.h"

namespace vivace {

class BatchBuilder {
 public:
  // The batch's body is there already: it tells how much room spans and attributes will need, if it
  // is like the one before.
  void begin(Batch& batch);
  void end();

  // Attributes of one owner come one behind the other between these two.
  void begin_run(Scope owner);
  void add(std::string_view key, const Value& value) {
    const uint32_t guess = last_child_[run_.shape];
    const ShapeNode& guessed = batch_->shapes[guess];
    if (guess != 0 && guessed.type == value.type &&
        same_text(batch_->keys[guessed.key].text, key)) {
      run_.shape = guess;
    } else {
      look_up(key, value.type);
    }
    batch_->attributes.push_back({value, is_text(value.type) ? text_hash(value.text) : 0});
    ++run_.count;
  }
  AttributeRun end_run() const { return run_; }

 private:
  struct KeyHash {
    using is_avalanching = void;
    size_t operator()(const BatchKey& key) const { return key.hash; }
  };
  struct KeyEqual {
    bool operator()(const BatchKey& a, const BatchKey& b) const {
      return same_text(a.text, b.text);
    }
  };

  void look_up(std::string_view key, ValueType type);
  uint32_t key_number(std::string_view key);
  uint32_t child(uint32_t node, uint32_t key, ValueType type);

  Batch* batch_ = nullptr;
  AttributeRun run_;
  boost::unordered_flat_map<BatchKey, uint32_t, KeyHash, KeyEqual> keys_;
  boost::unordered_flat_map<uint64_t, uint32_t, NumberHash> children_;  // (node, key, type) -> node
  double spans_a_byte_ = 0;  // of the last batch, and some spare
  double attributes_a_byte_ = 0;
  std::vector<uint32_t> last_child_;  // by node; 0: none yet
};

}  // namespace vivace
