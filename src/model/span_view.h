// One span with everything that belongs to it, on the way out: filled from a head's rows (later
// from a block's), used by one writer, filled again. Views stay valid as long as the snapshot they
// came from. The vectors keep their room between spans, so that a long trace costs no allocation a
// span.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "model/ids.h"
#include "model/value.h"

namespace vivace {

struct AttributeView {
  std::string_view key;
  Value value;
};

struct ResourceView {
  std::vector<AttributeView> attributes;
  uint32_t dropped_attributes = 0;
  std::string_view schema_url;  // of the ResourceSpans
};

struct ScopeView {
  std::string_view name;
  std::string_view version;
  std::vector<AttributeView> attributes;
  uint32_t dropped_attributes = 0;
  std::string_view schema_url;  // of the ScopeSpans
};

struct EventView {
  uint64_t time_ns = 0;
  std::string_view name;
  std::vector<AttributeView> attributes;
  uint32_t dropped_attributes = 0;
};

struct LinkView {
  TraceId trace_id;
  SpanId span_id;
  std::string_view trace_state;
  std::vector<AttributeView> attributes;
  uint32_t dropped_attributes = 0;
  uint32_t flags = 0;
};

struct SpanView {
  TraceId trace_id;
  SpanId span_id;
  SpanId parent_id;  // zero: a root
  std::string_view trace_state;
  std::string_view name;
  int32_t kind = 0;
  uint64_t start_ns = 0;
  uint64_t end_ns = 0;
  std::vector<AttributeView> attributes;
  uint32_t dropped_attributes = 0;
  std::vector<EventView> events;
  uint32_t dropped_events = 0;
  std::vector<LinkView> links;
  uint32_t dropped_links = 0;
  std::string_view status_message;
  int32_t status_code = 0;
  uint32_t flags = 0;
};

}  // namespace vivace
