// Gather, order, drop repeats, part shared ids, group: in this order, each over the whole trace.
// All works on 40-byte references to rows; spans are read only when a writer asks for them.
#include "query/find_trace.h"

#include <algorithm>
#include <tuple>

namespace vivace {
namespace {

constexpr int32_t kKindServer = 2;
constexpr int32_t kKindClient = 3;

}  // namespace

Trace Trace::find(Snapshot snapshot, const TraceId& id) {
  Trace trace;
  trace.snapshot_ = std::move(snapshot);
  trace.gather(id);
  trace.drop_repeats();
  trace.part_shared_ids();
  trace.group();
  return trace;
}

void Trace::gather(const TraceId& id) {
  std::vector<uint32_t> rows;
  for (uint32_t part = 0; part < snapshot_.heads.size(); ++part) {
    const Head& head = *snapshot_.heads[part].head;
    rows.clear();
    head.find_trace(id, snapshot_.heads[part].rows, rows);
    for (const uint32_t row : rows) {
      const Head::SpanKey key = head.key(row);
      spans_.push_back(
          {key.start_ns, key.span_id, key.kind, part, row, head.resource(row), head.scope(row)});
    }
  }
}

// Leaves the spans in canonical order.
void Trace::drop_repeats() {
  if (snapshot_.heads.size() > 1) {
    std::ranges::sort(spans_, {},
                      [](const Ref& s) { return std::tuple(s.span_id, s.kind, s.part, s.row); });
    const auto repeats =
        std::ranges::unique(spans_, {}, [](const Ref& s) { return std::pair(s.span_id, s.kind); });
    spans_.erase(repeats.begin(), repeats.end());
  }
  std::ranges::sort(spans_, {}, [](const Ref& s) {
    return std::tuple(s.start_ns, s.span_id, s.kind, s.part, s.row);
  });
}

// The spans are in canonical order: a group's place is that of its first span.
void Trace::group() {
  struct Place {
    size_t resource;  // index of the first span of this resource
    size_t scope;     // index of the first span of this resource and scope
  };
  boost::unordered_flat_map<uint64_t, size_t> resources;
  boost::unordered_flat_map<std::pair<size_t, uint64_t>, size_t,
                            boost::hash<std::pair<size_t, uint64_t>>>
      scopes;
  std::vector<Place> places(spans_.size());
  for (size_t i = 0; i < spans_.size(); ++i) {
    const Ref& span = spans_[i];
    const uint64_t resource = uint64_t{span.part} << 32 | span.resource;
    places[i].resource = resources.try_emplace(resource, i).first->second;
    places[i].scope = scopes.try_emplace({places[i].resource, span.scope}, i).first->second;
  }
  std::vector<size_t> order(spans_.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::sort(order, {},
                    [&](size_t i) { return std::tuple(places[i].resource, places[i].scope, i); });
  std::vector<Ref> ordered;
  ordered.reserve(spans_.size());
  size_t scope_before = SIZE_MAX;
  for (const size_t i : order) {
    const Ref& span = spans_[i];
    if (places[i].scope != scope_before) {
      scope_before = places[i].scope;
      groups_.push_back(
          {span.part, span.resource, span.scope, static_cast<uint32_t>(ordered.size()), 0});
    }
    ++groups_.back().count;
    ordered.push_back(span);
  }
  spans_ = std::move(ordered);
}

void Trace::keep_first(uint32_t count) {
  if (count >= spans_.size()) return;
  spans_.resize(count);
  while (!groups_.empty() && groups_.back().first >= count) groups_.pop_back();
  if (!groups_.empty()) groups_.back().count = count - groups_.back().first;
}

void Trace::part_shared_ids() {
  boost::unordered_flat_map<uint64_t, bool> clients;
  for (const Ref& span : spans_) {
    if (span.kind == kKindClient) clients.try_emplace(span.span_id.raw, true);
  }
  if (clients.empty()) return;
  boost::unordered_flat_map<uint64_t, bool> used;
  uint64_t counter = 0;
  for (const Ref& span : spans_) {
    if (span.kind != kKindServer || !clients.contains(span.span_id.raw)) continue;
    if (used.empty()) {
      for (const Ref& any : spans_) {  // a parent that has not come yet is waited for by its id
        used.try_emplace(any.span_id.raw, true);
        used.try_emplace(snapshot_.heads[any.part].head->parent(any.row).raw, true);
      }
    }
    do {
      ++counter;
    } while (used.contains(std::byteswap(counter)));
    server_ids_[span.span_id.raw] = std::byteswap(counter);
  }
}

void Trace::read_resource(const ScopeGroup& group, ResourceView& out) const {
  snapshot_.heads[group.part].head->read_resource(group.resource, out);
}

void Trace::read_scope(const ScopeGroup& group, ScopeView& out) const {
  snapshot_.heads[group.part].head->read_scope(group.scope, out);
}

void Trace::read_span(const ScopeGroup& group, uint32_t index, SpanView& out) const {
  const Ref& ref = spans_[group.first + index];
  snapshot_.heads[ref.part].head->read_span(ref.row, out);
  if (server_ids_.empty()) return;
  const auto shared = server_ids_.find(out.span_id.raw);
  if (shared != server_ids_.end() && out.kind == kKindServer) {
    out.parent_id = out.span_id;
    out.span_id.raw = shared->second;
    return;
  }
  if (out.parent_id == out.span_id) return;  // the client of a pair, as a broken sender made it
  const auto parent = server_ids_.find(out.parent_id.raw);
  if (parent != server_ids_.end()) out.parent_id.raw = parent->second;
}

}  // namespace vivace
