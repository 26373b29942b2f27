// The forms of the fixed columns, in one table: readers, writers and tests take them from here.
// And the search for a row's group.
#include "model/columns.h"

namespace vivace {

FieldInfo info(Field field) {
  using enum Field;
  constexpr auto kWords = FieldForm::words;
  constexpr auto kLongs = FieldForm::longs;
  constexpr auto kTexts = FieldForm::texts;
  switch (field) {
    case trace:
    case kind:
    case status_code:
    case resource:
    case scope:
    case span_shape:
    case parent_row:
      return {Scope::span, kWords, true};
    case span_id:
    case parent_id:
    case start_ns:
    case duration_ns:
    case received_ns:
      return {Scope::span, kLongs, true};
    case name:
      return {Scope::span, kTexts, true};
    case status_message:
    case trace_state:
      return {Scope::span, kTexts, false};
    case flags:
    case dropped_attributes:
    case dropped_events:
    case dropped_links:
      return {Scope::span, kWords, false};
    case event_span:
    case event_shape:
      return {Scope::event, kWords, true};
    case event_time_ns:
      return {Scope::event, kLongs, true};
    case event_name:
      return {Scope::event, kTexts, true};
    case event_dropped_attributes:
      return {Scope::event, kWords, false};
    case link_span:
    case link_shape:
      return {Scope::link, kWords, true};
    case link_trace_id_head:
    case link_trace_id_tail:
    case link_span_id:
      return {Scope::link, kLongs, true};
    case link_trace_state:
      return {Scope::link, kTexts, false};
    case link_flags:
    case link_dropped_attributes:
      return {Scope::link, kWords, false};
    case resource_shape:
      return {Scope::resource, kWords, true};
    case resource_schema_url:
      return {Scope::resource, kTexts, false};
    case resource_dropped_attributes:
      return {Scope::resource, kWords, false};
    case scope_shape:
      return {Scope::scope, kWords, true};
    case scope_name:
    case scope_version:
    case scope_schema_url:
      return {Scope::scope, kTexts, false};
    case scope_dropped_attributes:
      return {Scope::scope, kWords, false};
  }
  ASSERT(false);
}

uint32_t group_of(const Part& part, uint32_t row) {
  uint32_t low = 0;
  uint32_t high = part.groups();
  while (low < high) {
    const uint32_t middle = low + (high - low) / 2;
    if (part.group(middle).rows.end() <= row) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  ASSERT(low < part.groups());
  return low;
}

}  // namespace vivace
