// Gather, order, drop repeats, part shared ids, group: in this order, each over the whole trace.
// All works on 40-byte references to rows; spans are read only when a writer asks for them.
#include "query/find_trace.h"

#include <algorithm>
#include <tuple>

#include <fmt/format.h>

namespace vivace {
namespace {

constexpr int32_t kKindServer = 2;
constexpr int32_t kKindClient = 3;
constexpr size_t kBytesPerSpan = 128;  // while spans are ordered and grouped

}  // namespace

Trace Trace::find(const Snapshot& snapshot, const TraceId& id) {
  return find(std::span(&snapshot, 1), id);
}

Trace Trace::find(std::span<const Snapshot> snapshots, const TraceId& id) {
  auto trace = find(snapshots, id, QueryControl::none());
  ASSERT(trace);
  return *std::move(trace);
}

Result<Trace> Trace::find(std::span<const Snapshot> snapshots, const TraceId& id,
                          const QueryControl& control) {
  Trace trace;
  trace.memory_ = MemoryCharge(control);
  for (const Snapshot& snapshot : snapshots) CHECK_OK(trace.gather(snapshot, id, control));
  trace.drop_repeats();
  trace.part_shared_ids();
  trace.group();
  const size_t spans = trace.spans_.size();
  CHECK_OK(trace.memory_.set(static_cast<int64_t>(spans * sizeof(Ref))));
  return trace;
}

Result<void> Trace::gather(const Snapshot& snapshot, const TraceId& id,
                           const QueryControl& control) {
  if (snapshot.damaged_parts > 0) {
    noted(fail(Code::corrupt, fmt::format("{} damaged blocks", snapshot.damaged_parts)));
  }
  std::vector<uint32_t> rows;
  const auto find_rows = [&](const Part& part) -> Result<void> {
    rows.clear();
    const std::optional<uint32_t> ordinal = TRY(part.find_trace(id, *inspected_));
    return ordinal ? part.trace_rows(*ordinal, rows, *inspected_) : Result<void>();
  };
  for (const std::shared_ptr<const Part>& part : snapshot.parts) {
    const auto number = static_cast<uint32_t>(sources_.size());
    sources_.push_back({part, RowReader(*part, *inspected_)});
    CHECK_OK(control.check());
    if (noted(find_rows(*part))) {
      CHECK_OK(gather_rows(number, rows, snapshot.received_after_ns, control));
    }
  }
  return {};
}

Result<void> Trace::gather_rows(uint32_t part, const std::vector<uint32_t>& rows,
                                int64_t received_after_ns, const QueryControl& control) {
  CHECK_OK(memory_.grow(static_cast<int64_t>(rows.size() * kBytesPerSpan)));
  spans_.reserve(spans_.size() + rows.size());
  ControlledLoop loop(control);
  Source& source = sources_[part];
  RowGroup group;
  bool is_shown = false;
  for (const uint32_t row : rows) {
    CHECK_OK(loop.step());
    if (row >= group.rows.end()) {
      group = source.part->group(group_of(*source.part, row));
      is_shown = group.received_max_ns >= received_after_ns;
    }
    if (!is_shown) continue;
    const Result<Ref> ref = read_ref(part, row);
    if (ref) {
      spans_.push_back(*ref);
    } else {
      is_shown = noted(std::unexpected(ref.error()));
    }
  }
  return {};
}

Result<Trace::Ref> Trace::read_ref(uint32_t part, uint32_t row) {
  RowReader& reader = sources_[part].reader;
  Ref out{.start_ns = TRY(reader.number(Field::start_ns, row)),
          .span_id = {TRY(reader.number(Field::span_id, row))},
          .kind = static_cast<int32_t>(TRY(reader.number(Field::kind, row))),
          .part = part,
          .row = row,
          .resource = static_cast<uint32_t>(TRY(reader.number(Field::resource, row))),
          .scope = static_cast<uint32_t>(TRY(reader.number(Field::scope, row)))};
  return out;
}

// Remembers what went wrong; whether nothing did.
bool Trace::noted(const Result<void>& result) {
  if (!result && !damage_) damage_ = result.error();
  return result.has_value();
}

// Leaves the spans in canonical order.
void Trace::drop_repeats() {
  if (sources_.size() > 1) {
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
        const auto parent = sources_[any.part].reader.number(Field::parent_id, any.row);
        if (parent) used.try_emplace(*parent, true);
      }
    }
    do {
      ++counter;
    } while (used.contains(std::byteswap(counter)));
    server_ids_[span.span_id.raw] = std::byteswap(counter);
  }
}

bool Trace::read_resource(const ScopeGroup& group, ResourceView& out) {
  return noted(sources_[group.part].reader.read_resource(group.resource, out));
}

bool Trace::read_scope(const ScopeGroup& group, ScopeView& out) {
  return noted(sources_[group.part].reader.read_scope(group.scope, out));
}

bool Trace::read_span(const ScopeGroup& group, uint32_t index, SpanView& out) {
  const Ref& ref = spans_[group.first + index];
  Source& source = sources_[ref.part];
  const auto holds_row = [&ref](Range rows) { return ref.row - rows.first < rows.count; };
  if (std::ranges::any_of(source.damaged, holds_row)) return false;
  if (!noted(source.reader.read_span(ref.row, out))) {
    source.damaged.push_back(source.part->group(group_of(*source.part, ref.row)).rows);
    return false;
  }
  if (server_ids_.empty()) return true;
  const auto shared = server_ids_.find(out.span_id.raw);
  if (shared != server_ids_.end() && out.kind == kKindServer) {
    out.parent_id = out.span_id;
    out.span_id.raw = shared->second;
    return true;
  }
  if (out.parent_id == out.span_id) return true;  // the client of a pair, of a broken sender
  const auto parent = server_ids_.find(out.parent_id.raw);
  if (parent != server_ids_.end()) out.parent_id.raw = parent->second;
  return true;
}

}  // namespace vivace
