// OTLP/JSON: any bytes are a request in protobuf or an error. What comes out is never longer than
// the JSON, is the same each time, is what the protobuf decoder takes (it may only find too much of
// it), and does not depend on what stands behind the first value.
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/result.h"
#include "decode/otlp.h"
#include "decode/otlp_json.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vivace;
  const std::string json(reinterpret_cast<const char*>(data), size);
  const auto protobuf = otlp_json_to_protobuf(json);
  if (!protobuf) {
    ASSERT(protobuf.error().code == Code::invalid_argument && !protobuf.error().message.empty());
    return 0;
  }
  ASSERT(protobuf->size() <= json.size());
  ASSERT(otlp_json_to_protobuf(json).value() == *protobuf);
  ASSERT(otlp_json_to_protobuf(json + " {\"resourceSpans\":[{}]}").value() == *protobuf);
  const auto batch = decode_otlp(*protobuf, {});
  ASSERT(batch || batch.error().code == Code::invalid_argument);
  ASSERT(batch || size > 100'000);
  return 0;
}
