// Appending a batch: one pass over its spans. A span's columns are filled before the row count that
// covers it is released; the chain of its trace is linked last.
#include "head/head.h"

#include <algorithm>

namespace vivace {
namespace {

constexpr size_t kPrefetchSpans = 8;

uint64_t span_hash(uint32_t trace, uint64_t span_id) {
  return mix64((span_id ^ kProcessSeed) + (uint64_t{trace} << 20));
}

}  // namespace

Head::Head(std::shared_ptr<RegionPool> maybe_pool) : memory_(std::move(maybe_pool)) {
  memory_.use(kFixedBytes);
}

Head::Appended Head::append(const Batch& batch, int64_t received_ns) {
  if (texts_.size() == 0) texts_.intern(memory_, {}, text_hash({}));
  span_attributes_.begin_batch(batch);
  event_attributes_.begin_batch(batch);
  link_attributes_.begin_batch(batch);
  resource_attributes_.begin_batch(batch);
  scope_attributes_.begin_batch(batch);
  batch_resources_.assign(batch.resources.size(), kUnknown);
  batch_scopes_.assign(batch.scopes.size(), kUnknown);
  ASSERT(batch.spans.size() <= kRowsMax - trace_.size());
  const uint32_t first_row = trace_.size();
  const uint32_t traces_before = traces_.size();
  find_places(batch);
  last_repeats_.clear();
  Appended out;
  for (size_t i = 0; i < batch.spans.size(); ++i) {
    if (i + kPrefetchSpans < batch.spans.size()) {
      const Place& ahead = batch_places_[i + kPrefetchSpans];
      if (ahead.has_returned) returned_spans_.prefetch(ahead.hash);
    }
    if (append_span(batch, batch.spans[i], batch_places_[i])) {
      ++out.spans;
    } else {
      ++out.repeats;
      last_repeats_.push_back(static_cast<uint32_t>(i));
    }
  }
  out.new_traces = traces_.size() - traces_before;
  if (out.spans > 0) note_received(first_row, received_ns);
  published_.store(uint64_t{traces_.size()} << 32 | trace_.size(), std::memory_order_release);
  return out;
}

bool Head::append_span(const Batch& batch, const BatchSpan& span, const Place& place) {
  const uint32_t row = trace_.size();
  const uint32_t trace = place.trace;
  if (is_repeat(span, place)) return false;
  resources_.append(memory_, resource_of(batch, span.resource));
  scopes_.append(memory_, scope_of(batch, span.scope));
  memory_.use(kRowBytes);
  span_id_.append(memory_, span.span_id.raw);
  parent_id_.append(memory_, span.parent_id.raw);
  start_ns_.append(memory_, span.start_ns);
  duration_ns_.append(memory_, span.end_ns - span.start_ns);
  name_.append(memory_, texts_.intern(memory_, span.name, span.name_hash));
  kind_.append(memory_, static_cast<uint32_t>(span.kind));
  status_code_.append(memory_, static_cast<uint32_t>(span.status_code));
  status_message_.append(memory_, row, text(span.status_message));
  trace_state_.append(memory_, row, text(span.trace_state));
  flags_.append(memory_, row, span.flags);
  dropped_attributes_.append(memory_, row, span.dropped_attributes);
  dropped_events_.append(memory_, row, span.dropped_events);
  dropped_links_.append(memory_, row, span.dropped_links);
  span_attributes_.append(memory_, batch, span.attributes);
  append_events(batch, span, row);
  append_links(batch, span, row);
  trace_.append(memory_, trace);
  // The link before the newest row, so that a reader who sees the row can follow it.
  previous_.append(memory_, traces_.newest(trace));
  traces_.set_newest(trace, row);
  return true;
}

// The traces of a batch's spans, and what is needed to tell repeats: ahead of the spans themselves,
// so that the set's slots can be fetched before they are needed.
void Head::find_places(const Batch& batch) {
  const uint32_t traces_before = traces_.size();
  batch_places_.clear();
  for (const BatchSpan& span : batch.spans) {
    const uint32_t trace = traces_.intern(memory_, span.trace_id);
    const bool has_returned = trace < traces_before;
    if (has_returned && !has_returned_[trace]) enter_returned(trace);
    batch_places_.push_back(
        {.trace = trace, .has_returned = has_returned, .hash = span_hash(trace, span.span_id.raw)});
  }
  has_returned_.resize(traces_.size());
  batch_spans_.clear(batch.spans.size());
  returned_spans_.make_room(batch.spans.size(), [this](uint32_t row) { return hash_of(row); });
}

// The spans that came with the trace's first batch.
void Head::enter_returned(uint32_t trace) {
  has_returned_[trace] = true;
  for (uint32_t row = traces_.newest(trace); row != TraceIndex::kNoRow; row = previous_[row]) {
    returned_spans_.make_room(1, [this](uint32_t other) { return hash_of(other); });
    returned_spans_.enter(hash_of(row), row, [](uint32_t) { return false; });
  }
}

uint64_t Head::hash_of(uint32_t row) const { return span_hash(trace_[row], span_id_[row]); }

// Looks the span up among all rows of its trace, and enters it under the row it is about to get.
bool Head::is_repeat(const BatchSpan& span, const Place& place) {
  SpanSet& spans = place.has_returned ? returned_spans_ : batch_spans_;
  const auto is_same = [&](uint32_t row) {
    return span_id_[row] == span.span_id.raw && trace_[row] == place.trace &&
           kind_[row] == static_cast<uint32_t>(span.kind);
  };
  return !spans.enter(place.hash, trace_.size(), is_same);
}

uint32_t Head::resource_of(const Batch& batch, uint32_t index) {
  uint32_t& known = batch_resources_[index];
  if (known != kUnknown) return known;
  const BatchResource& resource = batch.resources[index];
  const auto [at, is_new] =
      resource_by_identity_.try_emplace(resource.identity, resource_attributes_.rows());
  if (is_new) {
    const uint32_t number = at->second;
    memory_.use(kIdentityBytes);
    resource_schema_.append(memory_, number, text(resource.schema_url));
    resource_dropped_.append(memory_, number, resource.dropped_attributes);
    resource_attributes_.append(memory_, batch, resource.attributes);
  }
  return known = at->second;
}

uint32_t Head::scope_of(const Batch& batch, uint32_t index) {
  uint32_t& known = batch_scopes_[index];
  if (known != kUnknown) return known;
  const BatchScope& scope = batch.scopes[index];
  const auto [at, is_new] =
      scope_by_identity_.try_emplace(scope.identity, scope_attributes_.rows());
  if (is_new) {
    const uint32_t number = at->second;
    memory_.use(kIdentityBytes);
    scope_name_.append(memory_, number, text(scope.name));
    scope_version_.append(memory_, number, text(scope.version));
    scope_schema_.append(memory_, number, text(scope.schema_url));
    scope_dropped_.append(memory_, number, scope.dropped_attributes);
    scope_attributes_.append(memory_, batch, scope.attributes);
  }
  return known = at->second;
}

void Head::append_events(const Batch& batch, const BatchSpan& span, uint32_t row) {
  for (uint32_t i = 0; i < span.events; ++i) {
    const BatchEvent& event = batch.events[span.first_event + i];
    const uint32_t number = event_row_.size();
    event_time_ns_.append(memory_, event.time_ns);
    event_name_.append(memory_, text(event.name));
    event_dropped_.append(memory_, number, event.dropped_attributes);
    event_attributes_.append(memory_, batch, event.attributes);
    event_row_.append(memory_, row);
    memory_.use(kEventBytes);
  }
}

void Head::append_links(const Batch& batch, const BatchSpan& span, uint32_t row) {
  for (uint32_t i = 0; i < span.links; ++i) {
    const BatchLink& link = batch.links[span.first_link + i];
    const uint32_t number = link_row_.size();
    link_trace_id_head_.append(memory_, load<uint64_t>(link.trace_id.bytes.data()));
    link_trace_id_tail_.append(memory_, load<uint64_t>(link.trace_id.bytes.data() + 8));
    link_span_id_.append(memory_, link.span_id.raw);
    link_trace_state_.append(memory_, number, text(link.trace_state));
    link_flags_.append(memory_, number, link.flags);
    link_dropped_.append(memory_, number, link.dropped_attributes);
    link_attributes_.append(memory_, batch, link.attributes);
    link_row_.append(memory_, row);
    memory_.use(kLinkBytes);
  }
}

void Head::note_received(uint32_t first_row, int64_t received_ns) {
  batch_received_ns_.append(memory_, received_ns);
  batch_row_.append(memory_, first_row);
  memory_.use(kBatchBytes);
  received_min_ns_.store(std::min(received_min_ns(), received_ns), std::memory_order_relaxed);
  received_max_ns_.store(std::max(received_max_ns(), received_ns), std::memory_order_relaxed);
  for (uint32_t row = first_row; row < trace_.size(); ++row) widen_bounds(row, received_ns);
}

// Readers may see bounds that are too wide for what is published to them, never too narrow.
void Head::widen_bounds(uint32_t row, int64_t received_ns) {
  const uint64_t start_ns = start_ns_[row];
  const uint64_t end_ns = std::max(start_ns, start_ns + duration_ns_[row]);
  const uint32_t group = group_of(row);
  if (group == bounds_.size()) {
    bounds_.append(memory_, {start_ns, end_ns, received_ns});
    memory_.use(kGroupBytes);
    return;
  }
  Bounds& bounds = bounds_.at(group);
  const auto set = [](auto& bound, auto value) {
    std::atomic_ref(bound).store(value, std::memory_order_relaxed);
  };
  if (start_ns < bounds.start_min_ns) set(bounds.start_min_ns, start_ns);
  if (end_ns > bounds.end_max_ns) set(bounds.end_max_ns, end_ns);
  if (received_ns > bounds.received_max_ns) set(bounds.received_max_ns, received_ns);
}

uint32_t Head::text(std::string_view text) {
  return text.empty() ? 0 : texts_.intern(memory_, text, text_hash(text));
}

}  // namespace vivace
