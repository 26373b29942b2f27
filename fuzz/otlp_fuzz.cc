// OTLP: any bytes are a batch or an error. A batch keeps its promises (runs and shapes match,
// every view can be read, ordinals ascend), decodes to the same again under its own verdict, and
// its values can be written as JSON.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "api/trace_json.h"
#include "base/hash.h"
#include "base/result.h"
#include "decode/otlp.h"

namespace vivace {
namespace {

constexpr uint32_t kAttributeBytesMax = 20;

// Reads all that a batch holds, and condenses it.
class Walker {
 public:
  explicit Walker(const Batch& batch) : batch_(batch) {}

  uint64_t walk() {
    for (const BatchResource& r : batch_.resources) {
      run(r.attributes, Scope::resource);
      text(r.schema_url);
      number(r.dropped_attributes ^ r.identity.low);
    }
    for (const BatchScope& s : batch_.scopes) {
      run(s.attributes, Scope::scope);
      text(s.name);
      text(s.version);
      text(s.schema_url);
      number(s.dropped_attributes ^ s.identity.low);
    }
    for (const BatchSpan& s : batch_.spans) span(s);
    ASSERT(std::ranges::is_sorted(batch_.rejected));
    ASSERT(std::ranges::adjacent_find(batch_.rejected) == batch_.rejected.end());
    ASSERT(batch_.rejected.size() == batch_.rejected_trace_ids + batch_.rejected_span_ids);
    number(batch_.rejected.size());
    number(batch_.truncated_attributes);
    return sum_;
  }

 private:
  void number(uint64_t n) { sum_ = mix64(sum_ ^ n); }
  void text(std::string_view t) { number(hash64(t)); }

  void run(const AttributeRun& run, Scope owner) {
    ASSERT(uint64_t{run.first} + run.count <= batch_.attributes.size());
    uint32_t node = run.shape;
    for (uint32_t i = run.count; i-- > 0; node = batch_.shapes[node].parent) {
      const ShapeNode& shape = batch_.shapes.at(node);
      const BatchAttribute& attribute = batch_.attributes[run.first + i];
      ASSERT(shape.depth == i + 1 && shape.type == attribute.value.type);
      text(batch_.keys.at(shape.key).text);
      if (owner != Scope::event && owner != Scope::link) {
        ASSERT(batch_.keys[shape.key].text.size() <= kAttributeBytesMax);
        ASSERT(shape.type != ValueType::string ||
               attribute.value.text.size() <= kAttributeBytesMax);
      }
      number(attribute.value.bits);
      json_.clear();
      api::append_value(json_, attribute.value);
      text(json_);
    }
    ASSERT(node == static_cast<uint32_t>(owner));
  }
  void span(const BatchSpan& s) {
    ASSERT(!s.trace_id.is_zero() && !s.span_id.is_zero());
    ASSERT(s.resource < batch_.resources.size() && s.scope < batch_.scopes.size());
    run(s.attributes, Scope::span);
    text(s.name);
    ASSERT(s.name_hash == text_hash(s.name));
    text(s.trace_state);
    text(s.status_message);
    number(s.trace_id.hash() ^ s.span_id.raw ^ s.parent_id.raw ^ s.start_ns ^ s.end_ns);
    ASSERT(uint64_t{s.first_event} + s.events <= batch_.events.size());
    for (uint32_t i = 0; i < s.events; ++i) {
      const BatchEvent& event = batch_.events[s.first_event + i];
      run(event.attributes, Scope::event);
      text(event.name);
    }
    ASSERT(uint64_t{s.first_link} + s.links <= batch_.links.size());
    for (uint32_t i = 0; i < s.links; ++i) {
      const BatchLink& link = batch_.links[s.first_link + i];
      run(link.attributes, Scope::link);
      text(link.trace_state);
    }
  }

  const Batch& batch_;
  uint64_t sum_ = 0;
  std::string json_;
};

}  // namespace
}  // namespace vivace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vivace;
  const std::string body(reinterpret_cast<const char*>(data), size);
  DecodeOptions options{.attribute_bytes_max = kAttributeBytesMax};
  const auto batch = decode_otlp(body, options);
  if (!batch) {
    ASSERT(batch.error().code == Code::invalid_argument && !batch.error().message.empty());
    return 0;
  }
  const uint64_t sum = Walker(**batch).walk();
  options.verdict = (*batch)->rejected;
  const auto again = decode_otlp(body, options);
  ASSERT(again && Walker(**again).walk() == sum);
  return 0;
}
