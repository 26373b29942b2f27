// How much a batch may add to a head, counted as if everything in it were new. Admission reserves
// this much before the batch goes to the log; what was not needed is given back once it is in.
#include <algorithm>

#include "head/head.h"

namespace vivace {
namespace {

constexpr int64_t kTextBytes = Dictionary::kTextBytesMax;

}  // namespace

// Beside its texts' own bytes and its attributes.
int64_t Head::span_bytes_needed(const BatchSpan& span) {
  const int rare = !span.status_message.empty() + !span.trace_state.empty() + (span.flags != 0) +
                   (span.dropped_attributes != 0) + (span.dropped_events != 0) +
                   (span.dropped_links != 0);
  // A name takes a code even if it is empty.
  const int texts = 1 + !span.status_message.empty() + !span.trace_state.empty();
  return kRowBytes + TraceIndex::kTraceBytesMax + AttributeTable::kOwnerBytes +
         rare * RareColumn::kBytes + texts * kTextBytes;
}

int64_t Head::bytes_needed(const Batch& batch) {
  constexpr int64_t kOwner = AttributeTable::kOwnerBytes;
  constexpr int64_t kEvent = kEventBytes + kOwner + kTextBytes + RareColumn::kBytes;
  constexpr int64_t kLink = kLinkBytes + kOwner + kTextBytes + 3 * RareColumn::kBytes;
  constexpr int64_t kResource = kIdentityBytes + kOwner + kTextBytes + 2 * RareColumn::kBytes;
  constexpr int64_t kScope = kIdentityBytes + kOwner + 3 * kTextBytes + 4 * RareColumn::kBytes;
  const auto count = [](const auto& of) { return static_cast<int64_t>(of.size()); };

  int64_t bytes = count(batch.body);  // holds every text
  bytes += kBatchBytes + (1 + count(batch.spans) / kFirstGroupRows) * kGroupBytes;
  for (const BatchSpan& span : batch.spans) bytes += span_bytes_needed(span);
  for (const BatchAttribute& attribute : batch.attributes) {
    bytes += AttributeTable::kAttributeBytesMax + (is_text(attribute.value.type) ? kTextBytes : 0);
  }
  bytes += count(batch.events) * kEvent + count(batch.links) * kLink;
  bytes += count(batch.resources) * kResource + count(batch.scopes) * kScope;
  // A shape may bring one new key, which makes a column, or a name in the overflow list.
  constexpr int64_t kColumnsMax = kScopes * AttributeTable::kColumnsMax;
  const int64_t shapes = count(batch.shapes);
  bytes += shapes * (AttributeTable::kShapeBytesMax + kTextBytes);
  return bytes + std::min(shapes, kColumnsMax) * AttributeTable::kColumnBytesMax;
}

}  // namespace vivace
