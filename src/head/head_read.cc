// Reading rows back. Everything here runs on any thread, on rows that were published to it, and
// takes no lock: a row's columns were complete before the row count that covers it was released.
#include "head/head.h"

namespace vivace {

void Head::find_trace(const TraceId& id, uint32_t rows, std::vector<uint32_t>& out) const {
  const auto newest = traces_.newest_row(id);
  if (!newest) return;
  for (uint32_t row = *newest; row != TraceIndex::kNoRow; row = previous_[row]) {
    if (row < rows) out.push_back(row);
  }
}

Head::SpanKey Head::key(uint32_t row) const {
  return {.start_ns = start_ns_[row], .span_id = {span_id_[row]}, .kind = kind_.at(row)};
}

void Head::read_span(uint32_t row, SpanView& out) const {
  out.trace_id = traces_.id(trace_[row]);
  out.span_id.raw = span_id_[row];
  out.parent_id.raw = parent_id_[row];
  out.start_ns = start_ns_[row];
  out.end_ns = start_ns_[row] + duration_ns_[row];
  out.name = texts_[name_[row]];
  out.kind = kind_.at(row);
  out.status_code = status_code_.at(row);
  out.status_message = texts_[status_message_.at(row)];
  out.trace_state = texts_[trace_state_.at(row)];
  out.flags = flags_.at(row);
  out.dropped_attributes = dropped_attributes_.at(row);
  out.dropped_events = dropped_events_.at(row);
  out.dropped_links = dropped_links_.at(row);
  span_attributes_.read(row, out.attributes);
  read_events(row, out.events);
  read_links(row, out.links);
}

void Head::read_events(uint32_t row, std::vector<EventView>& out) const {
  const uint32_t size = event_row_.size();
  size_t count = 0;
  for (uint32_t i = lower_bound(event_row_, size, row); i < size && event_row_[i] == row; ++i) {
    if (out.size() == count) out.emplace_back();
    EventView& event = out[count++];
    event.time_ns = event_time_ns_[i];
    event.name = texts_[event_name_[i]];
    event.dropped_attributes = event_dropped_.at(i);
    event_attributes_.read(i, event.attributes);
  }
  out.resize(count);
}

void Head::read_links(uint32_t row, std::vector<LinkView>& out) const {
  const uint32_t size = link_row_.size();
  size_t count = 0;
  for (uint32_t i = lower_bound(link_row_, size, row); i < size && link_row_[i] == row; ++i) {
    if (out.size() == count) out.emplace_back();
    LinkView& link = out[count++];
    store(link.trace_id.bytes.data(), link_trace_id_head_[i]);
    store(link.trace_id.bytes.data() + 8, link_trace_id_tail_[i]);
    link.span_id.raw = link_span_id_[i];
    link.trace_state = texts_[link_trace_state_.at(i)];
    link.flags = link_flags_.at(i);
    link.dropped_attributes = link_dropped_.at(i);
    link_attributes_.read(i, link.attributes);
  }
  out.resize(count);
}

void Head::read_resource(uint32_t resource, ResourceView& out) const {
  out.dropped_attributes = resource_dropped_.at(resource);
  out.schema_url = texts_[resource_schema_.at(resource)];
  resource_attributes_.read(resource, out.attributes);
}

void Head::read_scope(uint32_t scope, ScopeView& out) const {
  out.name = texts_[scope_name_.at(scope)];
  out.version = texts_[scope_version_.at(scope)];
  out.schema_url = texts_[scope_schema_.at(scope)];
  out.dropped_attributes = scope_dropped_.at(scope);
  scope_attributes_.read(scope, out.attributes);
}

}  // namespace vivace
