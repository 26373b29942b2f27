// The slow paths of the protobuf reader: long varints and skipping. The fast ones are inline in the
// header.
#include "wire/protobuf.h"

namespace vivace {

ProtoReader::Long ProtoReader::long_varint(const char* at, const char* end) {
  uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    if (at == end) return {.value = 0, .at = nullptr};
    const auto byte = static_cast<uint8_t>(*at++);
    value |= uint64_t{byte & 0x7fU} << shift;
    if (byte < 0x80) return {.value = value, .at = at};
  }
  return {.value = 1, .at = nullptr};
}

ProtoReader::Skipped ProtoReader::skip_field(const char* at, const char* end, uint32_t key) {
  ProtoReader rest({at, end});
  rest.key_ = key;
  rest.skip_plain();
  return {.at = rest.at_, .error = rest.error_};
}

void ProtoReader::skip_plain() {
  switch (static_cast<Wire>(key_ & 7)) {
    case Wire::varint:
      varint();
      return;
    case Wire::fixed64:
      fixed64();
      return;
    case Wire::bytes:
      bytes();
      return;
    case Wire::fixed32:
      fixed32();
      return;
    case Wire::group:
      skip_group();
      return;
    case Wire::end_group:
      break;
  }
  fail("bad wire type");
}

// Groups nest; their fields are passed over one by one until the matching end.
void ProtoReader::skip_group() {
  constexpr int kDepthMax = 100;
  uint32_t open[kDepthMax];
  int depth = 0;
  open[depth++] = field();
  while (depth > 0) {
    if (!next()) return fail("group without end");
    const auto type = static_cast<Wire>(key_ & 7);
    if (type == Wire::end_group) {
      if (field() != open[--depth]) return fail("group with the wrong end");
    } else if (type == Wire::group) {
      if (depth == kDepthMax) return fail("groups nested too deeply");
      open[depth++] = field();
    } else {
      skip_plain();
    }
  }
}

}  // namespace vivace
