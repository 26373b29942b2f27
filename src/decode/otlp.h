// Decodes an OTLP protobuf ExportTraceServiceRequest (opentelemetry-proto, collector/trace/v1) into
// a Batch, in one pass over the bytes.
//
// What is refused as a whole (Code::invalid_argument, with the path of the field): bytes that are
// not protobuf, known fields with another wire type, ids of a length other than 0 or the right one,
// values nested more than kNestingMax deep, more attributes, events and links than a body of that
// size can hold unless they are empty. What is refused alone: a span whose trace id or span id
// is empty or zero; its ordinal goes into Batch::rejected. Unknown fields are passed over.
//
// Cost: about one hash a string and one comparison a key; no allocation a span. Any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/result.h"
#include "decode/attribute_reader.h"
#include "model/batch.h"
#include "wire/compression.h"

namespace vivace {

struct DecodeOptions {
  // Longer keys and string values of resource, scope and span attributes are cut to this many
  // bytes, at a character boundary; 0: never.
  uint32_t attribute_bytes_max = 0;
  // The verdict of an earlier decoding (Batch::rejected): exactly these spans are refused.
  std::optional<std::span<const uint32_t>> verdict = {};
};

Result<std::unique_ptr<Batch>> decode_otlp(std::string body, const DecodeOptions& options);

// How many spans a request has, without looking into them; of one that is broken, those before the
// damage.
uint64_t count_spans(std::string_view body);

// The same as decode_otlp for a body as it was received: unpacks first. What unpacks to more than
// `bytes_max` is Code::too_large.
Result<std::unique_ptr<Batch>> decode_received(ContentEncoding encoding, std::string_view received,
                                               size_t bytes_max, const DecodeOptions& options);

}  // namespace vivace
