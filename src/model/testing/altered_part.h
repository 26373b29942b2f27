// A part in front of another one, for tests of what reads parts: its columns lie in memory of their
// own, cut into slices of odd lengths (as no head would), and reads that are told to fail do.
//
//   AlteredPart part(head_part, seed);
//   part.fail_field = [](Field field, uint32_t group) { return group == 1; };
//
// Not part of the product. Any thread, once the failures are set.
#pragma once

#include <functional>
#include <memory>
#include <random>
#include <utility>

#include "model/columns.h"

namespace vivace {

class AlteredPart final : public Part {
 public:
  AlteredPart(std::shared_ptr<const Part> below, uint64_t seed)
      : below_(std::move(below)), seed_(seed) {}

  std::function<bool(Field, uint32_t group)> fail_field;
  std::function<bool(Scope, uint32_t column, uint32_t group)> fail_attribute;
  bool fail_index = false;
  uint64_t bytes_a_read = 0;  // that are counted as inspected

  uint32_t rows() const override { return below_->rows(); }
  uint32_t traces() const override { return below_->traces(); }
  uint32_t resources() const override { return below_->resources(); }
  uint32_t scopes() const override { return below_->scopes(); }
  uint32_t groups() const override { return below_->groups(); }
  RowGroup group(uint32_t group) const override { return below_->group(group); }
  uint32_t columns(Scope owner) const override { return below_->columns(owner); }
  AttributeName column(Scope owner, uint32_t column) const override {
    return below_->column(owner, column);
  }

  Result<Column> read(Field field, uint32_t group, Inspected& inspected) const override {
    if (fail_field && fail_field(field, group)) return damaged();
    inspected.bytes += bytes_a_read;
    return cut(TRY(below_->read(field, group, inspected)));
  }
  Result<Column> read_attribute(Scope owner, uint32_t column, uint32_t group,
                                Inspected& inspected) const override {
    if (fail_attribute && fail_attribute(owner, column, group)) return damaged();
    inspected.bytes += bytes_a_read;
    return cut(TRY(below_->read_attribute(owner, column, group, inspected)));
  }
  Result<Overflow> read_overflow(Scope owner, uint32_t group, Inspected& inspected) const override {
    Overflow out = TRY(below_->read_overflow(owner, group, inspected));
    out.keys = cut(std::move(out.keys));
    out.types = cut(std::move(out.types));
    out.values = cut(std::move(out.values));
    return out;
  }
  Result<std::shared_ptr<const Shapes>> shapes(Scope owner, Inspected& inspected) const override {
    return below_->shapes(owner, inspected);
  }

  Result<std::optional<uint32_t>> find_trace(const TraceId& id,
                                             Inspected& inspected) const override {
    if (fail_index) return damaged();
    return below_->find_trace(id, inspected);
  }
  Result<TraceEntry> trace(uint32_t ordinal, Inspected& inspected) const override {
    return below_->trace(ordinal, inspected);
  }
  Result<void> trace_rows(uint32_t ordinal, std::vector<uint32_t>& rows,
                          Inspected& inspected) const override {
    return below_->trace_rows(ordinal, rows, inspected);
  }

 private:
  static std::unexpected<Error> damaged() { return fail(Code::corrupt, "damaged on purpose"); }

  struct Copy {
    std::vector<uint32_t> owners;
    std::vector<uint32_t> words;
    std::vector<uint64_t> longs;
    std::shared_ptr<const void> below;
  };

  // The same values in other slices, some of which are empty.
  Column cut(Column column) const {
    auto copy = std::make_shared<Copy>();
    bool is_dense = true;
    for (const Slice& slice : column.slices) {
      is_dense = is_dense && slice.owners == nullptr;
      for (uint32_t i = 0; i < slice.count; ++i) {
        copy->owners.push_back(slice.owner(i));
        if (slice.words != nullptr) copy->words.push_back(slice.words[i]);
        if (slice.longs != nullptr) copy->longs.push_back(slice.longs[i]);
      }
    }
    std::mt19937_64 random(seed_ + copy->owners.size());
    Column out{.slices = {}, .texts = column.texts, .keep = nullptr};
    for (size_t at = 0; at < copy->owners.size();) {
      const size_t most = random() % 3 == 0 ? 3 : 5000;
      const size_t count = std::min<size_t>(random() % most, copy->owners.size() - at);
      Slice& slice = out.slices.emplace_back();
      slice.count = static_cast<uint32_t>(count);
      slice.first_owner = copy->owners[at];
      if (!is_dense) slice.owners = copy->owners.data() + at;
      if (!copy->words.empty()) slice.words = copy->words.data() + at;
      if (!copy->longs.empty()) slice.longs = copy->longs.data() + at;
      at += count;
    }
    copy->below = std::move(column.keep);
    out.keep = std::move(copy);
    return out;
  }

  std::shared_ptr<const Part> below_;
  uint64_t seed_;
};

}  // namespace vivace
