// A pull reader for protobuf's wire format (protobuf.dev/programming-guides/encoding): no objects,
// no exceptions, views into the caller's bytes. An error latches: the reader then yields no more
// fields and zeros, and `ok` tells at the end, so that the loop needs no checks.
//
//   ProtoReader span(bytes);
//   while (span.next()) {
//     switch (span.key()) {
//       case proto_key(5, Wire::bytes): name = span.bytes(); break;
//       default: span.skip_unknown(16);   // up to 16 are known: another wire type is an error
//     }
//   }
//   if (!span.ok()) return fail(Code::invalid_argument, span.error());
//
// Each field must be consumed exactly once, by the getter of its wire type or by a skip. The slow
// paths are given the place by value, so that a reader never has to leave the processor's
// registers. It stands beside protozero, which writes for us, because that reader throws and
// refuses groups (wire types 3 and 4), which a sender may put into fields we do not know.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace vivace {

enum class Wire : uint8_t {
  varint = 0,
  fixed64 = 1,
  bytes = 2,
  group = 3,
  end_group = 4,
  fixed32 = 5
};

constexpr uint32_t proto_key(uint32_t field, Wire type) {
  return field << 3 | static_cast<uint32_t>(type);
}

class ProtoReader {
 public:
  explicit ProtoReader(std::string_view bytes)
      : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  // Moves to the next field; false at the end and after an error.
  bool next() {
    if (at_ == end_) return false;
    const auto first = static_cast<uint8_t>(*at_);
    if (first >= 0x08 && first < 0x80) {  // a field number below 16, as nearly all are
      ++at_;
      key_ = first;
      return true;
    }
    const uint64_t key = varint();
    if (error_ != nullptr || key >> 3 == 0 || key > UINT32_MAX) {
      fail("bad field number");
      return false;
    }
    key_ = static_cast<uint32_t>(key);
    return true;
  }

  uint32_t key() const { return key_; }
  uint32_t field() const { return key_ >> 3; }

  uint64_t varint() {
    if (at_ < end_ && static_cast<int8_t>(*at_) >= 0) return static_cast<uint8_t>(*at_++);
    const Long read = long_varint(at_, end_);
    if (read.at == nullptr) {
      fail(read.value == 0 ? kEndsInside : "varint longer than 10 bytes");
      return 0;
    }
    at_ = read.at;
    return read.value;
  }
  uint64_t fixed64() { return fixed<uint64_t>(); }
  uint32_t fixed32() { return fixed<uint32_t>(); }
  std::string_view bytes() {
    const uint64_t size = varint();
    if (size > static_cast<uint64_t>(end_ - at_)) {
      fail("length beyond the end of the message");
      return {};
    }
    const std::string_view out(at_, size);
    at_ += size;
    return out;
  }

  // Passes over the current field, whatever it is; groups with all they hold.
  void skip() {
    const Skipped skipped = skip_field(at_, end_, key_);
    if (skipped.error != nullptr) return fail(skipped.error);
    at_ = skipped.at;
  }
  // The same, but a field number up to `known` with an unexpected wire type is an error.
  void skip_unknown(uint32_t known) {
    if (field() <= known) return fail("field with the wrong wire type");
    skip();
  }

  bool ok() const { return error_ == nullptr; }
  const char* error() const { return error_; }
  void fail(const char* what) {  // the first error stays
    if (error_ == nullptr) error_ = what;
    at_ = end_;
  }

 private:
  template <class T>
  T fixed() {
    if (static_cast<size_t>(end_ - at_) < sizeof(T)) {
      fail(kEndsInside);
      return 0;
    }
    const T value = load<T>(at_);
    at_ += sizeof(T);
    return value;
  }
  static constexpr const char* kEndsInside = "message ends inside a field";
  struct Long {  // without `at`: why there is none, 0: the message ends
    uint64_t value;
    const char* at;
  };
  static Long long_varint(const char* at, const char* end);
  struct Skipped {
    const char* at;
    const char* error;
  };
  static Skipped skip_field(const char* at, const char* end, uint32_t key);
  void skip_plain();
  void skip_group();

  const char* at_;
  const char* end_;
  uint32_t key_ = 0;
  const char* error_ = nullptr;
};

}  // namespace vivace
