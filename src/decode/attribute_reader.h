// Reads attributes: OTLP's KeyValue and AnyValue (common/v1), from the bytes of one message into a
// batch under construction. Arrays and maps are walked, so that whoever reads them later need not
// expect nonsense, and then kept as the bytes they came as.
//
// Used by the decoder, one batch at a time, on its thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "decode/batch_builder.h"
#include "model/batch.h"

namespace vivace {

constexpr int kNestingMax = 100;  // of arrays and maps in a value

class AttributeReader {
 public:
  AttributeReader(Batch& batch, BatchBuilder& builder) : batch_(batch), builder_(builder) {}

  // Adds the KeyValue to the builder's current run. A key or string longer than `limit` bytes is
  // cut there, at a character boundary; 0: no limit. False when it is malformed; `error` then tells
  // how.
  [[nodiscard]] bool read(std::string_view key_value, size_t limit);
  const std::string& error() const { return error_; }

 private:
  bool read_fields(std::string_view bytes, std::string_view& key, Value& value);
  void cut_to(size_t limit, std::string_view& key, Value& value);
  bool any_value(std::string_view bytes, Value& out, int depth);
  bool nested(const Value& piece, Value& out, int depth);
  std::string_view join_pieces();
  bool check_nested(const Value& value, int depth);
  bool check_element(std::string_view bytes, int depth);
  bool check_pair(std::string_view bytes, int depth);
  bool refuse(std::string_view what) {
    error_ = what;
    return false;
  }

  Batch& batch_;
  BatchBuilder& builder_;
  std::vector<std::string_view> pieces_;  // of the array or map that is the value being read
  std::string error_;
};

}  // namespace vivace
