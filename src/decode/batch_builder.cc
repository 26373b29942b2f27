// Keys and shapes of a batch. The common case, an attribute that follows the same attribute as last
// time, is one comparison of bytes; the rest goes through two hash tables. Ingest threads, one
// builder each.
#include "decode/batch_builder.h"

#include <algorithm>

namespace vivace {
namespace {

constexpr double kSpareRoom = 1.1;
// No batch makes the room of the next one large, if that is of another kind.
constexpr double kItemsAByteMax = 0.05;
constexpr size_t kForeseenBytesMax = 256 << 10;

// Empties a table. One that a monstrous batch made big is given back: clearing it would cost every
// later batch the walk over its room.
template <class Table>
void forget(Table& table) {
  constexpr size_t kEntriesKept = 1 << 14;
  if (table.size() > kEntriesKept) {
    table = Table();
  } else {
    table.clear();
  }
}

}  // namespace

void BatchBuilder::begin(Batch& batch) {
  batch_ = &batch;
  forget(keys_);
  forget(children_);
  batch.shapes.assign(kScopes, ShapeNode());
  last_child_.assign(kScopes, 0);
  const auto bytes = static_cast<double>(std::min(batch.body.size(), kForeseenBytesMax));
  batch.spans.reserve(static_cast<size_t>(bytes * spans_a_byte_));
  batch.attributes.reserve(static_cast<size_t>(bytes * attributes_a_byte_));
}

void BatchBuilder::end() {
  const auto bytes = static_cast<double>(std::max<size_t>(batch_->body.size(), 1));
  const auto a_byte = [bytes](size_t count) {
    return std::min(static_cast<double>(count) / bytes * kSpareRoom, kItemsAByteMax);
  };
  spans_a_byte_ = a_byte(batch_->spans.size());
  attributes_a_byte_ = a_byte(batch_->attributes.size());
}

void BatchBuilder::begin_run(Scope owner) {
  run_ = {.first = static_cast<uint32_t>(batch_->attributes.size()),
          .count = 0,
          .shape = static_cast<uint32_t>(owner)};
}

void BatchBuilder::look_up(std::string_view key, ValueType type) {
  const uint32_t parent = run_.shape;
  run_.shape = child(parent, key_number(key), type);
  last_child_[parent] = run_.shape;
}

uint32_t BatchBuilder::key_number(std::string_view key) {
  const BatchKey hashed{key, text_hash(key)};
  const auto next = static_cast<uint32_t>(batch_->keys.size());
  const auto [at, is_new] = keys_.try_emplace(hashed, next);
  if (is_new) batch_->keys.push_back(hashed);
  return at->second;
}

uint32_t BatchBuilder::child(uint32_t node, uint32_t key, ValueType type) {
  ASSERT(key < 1U << 29);
  const auto next = static_cast<uint32_t>(batch_->shapes.size());
  const uint64_t edge = uint64_t{node} << 32 | uint64_t{key} << 3 | static_cast<uint64_t>(type);
  const auto [at, is_new] = children_.try_emplace(edge, next);
  if (is_new) {
    const uint32_t depth = batch_->shapes[node].depth + 1;
    batch_->shapes.push_back({.parent = node, .key = key, .type = type, .depth = depth});
    last_child_.push_back(0);
  }
  return at->second;
}

}  // namespace vivace
