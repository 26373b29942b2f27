// Gathering a trace: its rows of every part are sorted, and repeats are dropped; of one part there
// are none. What cannot be read is left out and counted. Called by searches, on their thread.
#include "query/part_set.h"

#include <algorithm>
#include <tuple>

#include "base/log.h"
#include "query/stored_values.h"

namespace vivace {
namespace {

constexpr size_t kGroupsKept = 8;
// Damage that is not in a row group: of a part's tables, its index, its list of traces.
constexpr uint32_t kWholePart = UINT32_MAX;

auto identity(const SpanRef& s) { return std::pair(s.id, s.kind); }
auto identity_and_age(const SpanRef& s) { return std::tuple(s.id, s.kind, s.part, s.row); }
auto canonical_order(const SpanRef& s) {
  return std::tuple(s.start_ns, s.id, s.kind, s.part, s.row);
}

}  // namespace

PartSet::PartSet(std::span<const Snapshot> snapshots) {
  for (const Snapshot& snapshot : snapshots) {
    damaged_parts_ += snapshot.damaged_parts;
    for (const auto& part : snapshot.parts) {
      Source source{.columns = std::make_unique<PartColumns>(part, *inspected_),
                    .received_after_ns = snapshot.received_after_ns};
      source.has_hidden = std::ranges::any_of(source.columns->groups(), [&](const RowGroup& g) {
        return g.received_max_ns < snapshot.received_after_ns;
      });
      parts_.push_back(std::move(source));
    }
  }
}

uint32_t PartSet::number_of(const PartColumns& part) const {
  const auto found = std::ranges::find_if(
      parts_, [&](const Source& source) { return source.columns.get() == &part; });
  ASSERT(found != parts_.end());
  return static_cast<uint32_t>(found - parts_.begin());
}

bool PartSet::is_hidden(uint32_t part, uint32_t group) const {
  const Source& source = parts_[part];
  return source.columns->groups()[group].received_max_ns < source.received_after_ns;
}

std::shared_ptr<GroupColumns> PartSet::group(uint32_t part, uint32_t group) {
  const auto found = std::ranges::find_if(
      kept_, [&](const Kept& kept) { return kept.part == part && kept.group == group; });
  if (found != kept_.end()) {
    kept_.splice(kept_.begin(), kept_, found);
  } else {
    kept_.push_front({part, group, std::make_shared<GroupColumns>(this->part(part), group)});
    if (kept_.size() > kGroupsKept) kept_.pop_back();
  }
  return kept_.front().columns;
}

std::shared_ptr<GroupColumns> PartSet::group_of(const SpanRef& span) {
  return group(span.part, part(span.part).group_of(span.row));
}

void PartSet::forget(uint32_t part, uint32_t group) {
  kept_.remove_if([&](const Kept& kept) { return kept.part == part && kept.group == group; });
}

bool PartSet::contain(const Error& error, uint32_t part, uint32_t group) {
  if (error.code != Code::corrupt && error.code != Code::io) return false;
  if (damaged_groups_.empty()) {
    log::error("stored spans cannot be read; the answer goes without them",
               {{"part", part}, {"row_group", group}, {"err", error.message}});
  }
  damaged_groups_.emplace(part, group);
  return true;
}

// ------------------------------------------------------------------------------- traces

Result<TracePlaces> PartSet::find(const TraceId& id, std::optional<TracePlaces::Place> known) {
  TracePlaces out{.id = id, .places = {}};
  for (uint32_t part = 0; part < size(); ++part) {
    const auto found = known && known->part == part
                           ? Result<std::optional<uint32_t>>(known->ordinal)
                           : look_up(part, id);
    auto added = found ? Result<void>() : std::unexpected(found.error());
    if (found && *found) added = add_place(part, **found, out);
    if (!added && !contain(added.error(), part, kWholePart)) {
      return std::unexpected(added.error());
    }
  }
  return out;
}

Result<std::optional<uint32_t>> PartSet::look_up(uint32_t part, const TraceId& id) {
  constexpr uint32_t kShare = 16;  // look-ups for one in so many traces: then know them all
  Source& source = parts_[part];
  const Part& in = source.columns->part();
  if (!source.known && ++source.lookups > in.traces() / kShare && in.traces() <= known_left_) {
    CHECK_OK(know(source));
  }
  if (source.known && !source.known->contains(id.hash())) return std::nullopt;
  return in.find_trace(id, lookups_);
}

Result<void> PartSet::know(Source& source) {
  const Part& in = source.columns->part();
  boost::unordered_flat_set<uint64_t> known(in.traces());
  for (uint32_t ordinal = 0; ordinal < in.traces(); ++ordinal) {
    known.insert(TRY(in.trace(ordinal, lookups_)).id.hash());
  }
  known_left_ -= in.traces();
  source.known = std::move(known);
  return {};
}

Result<void> PartSet::add_place(uint32_t part, uint32_t ordinal, TracePlaces& out) {
  if (parts_[part].has_hidden) return extend_by_rows(part, ordinal, out);
  const TraceEntry entry = TRY(this->part(part).part().trace(ordinal, lookups_));
  out.start_ns = std::min(out.start_ns, entry.start_ns);
  out.end_ns = std::max(out.end_ns, entry.end_ns);
  out.places.push_back({part, ordinal});
  return {};
}

// What the part knows of the trace counts rows that are past retention, so its rows are asked.
Result<void> PartSet::extend_by_rows(uint32_t part, uint32_t ordinal, TracePlaces& out) {
  std::vector<SpanRef> spans;
  CHECK_OK(add_spans({part, ordinal}, spans));
  for (const SpanRef& span : spans) {
    const uint64_t duration_ns = TRY(group_of(span)->number(Field::duration_ns, span.row));
    out.start_ns = std::min(out.start_ns, span.start_ns);
    out.end_ns = std::max(out.end_ns, span.start_ns + duration_ns);
  }
  if (!spans.empty()) out.places.push_back({part, ordinal});
  return {};
}

Result<std::vector<SpanRef>> PartSet::spans(const TracePlaces& trace) {
  std::vector<SpanRef> out;
  for (const TracePlaces::Place& place : trace.places) {
    const auto added = add_spans(place, out);
    if (!added && !contain(added.error(), place.part, kWholePart)) {
      return std::unexpected(added.error());
    }
  }
  if (trace.places.size() > 1) {
    std::ranges::sort(out, {}, identity_and_age);
    const auto repeats = std::ranges::unique(out, {}, identity);
    out.erase(repeats.begin(), repeats.end());
  }
  std::ranges::sort(out, {}, canonical_order);
  return out;
}

Result<void> PartSet::add_spans(const TracePlaces::Place& place, std::vector<SpanRef>& out) {
  const PartColumns& in = part(place.part);
  std::vector<uint32_t> rows;
  CHECK_OK(in.part().trace_rows(place.ordinal, rows, lookups_));
  std::shared_ptr<GroupColumns> columns;  // of the row before, most often of this one too
  for (const uint32_t row : rows) {
    if (columns == nullptr || row >= columns->owners(Scope::span).end()) {
      columns = group(place.part, in.group_of(row));
    }
    if (is_hidden(place.part, columns->group())) continue;
    const auto added = add_span(*columns, {.part = place.part, .row = row}, out);
    if (!added && !contain(added.error(), place.part, columns->group())) {
      return std::unexpected(added.error());
    }
  }
  return {};
}

Result<void> PartSet::add_span(GroupColumns& columns, SpanRef span, std::vector<SpanRef>& out) {
  span.start_ns = TRY(columns.number(Field::start_ns, span.row));
  span.id = {TRY(columns.number(Field::span_id, span.row))};
  span.kind = static_cast<int32_t>(TRY(columns.number(Field::kind, span.row)));
  out.push_back(span);
  return {};
}

Result<PartSet::Root> PartSet::root(std::span<const SpanRef> spans) {
  const auto is_root = [this](const SpanRef& span) -> Result<bool> {
    return TRY(group_of(span)->number(Field::parent_id, span.row)) == 0;
  };
  const auto read = [this](const SpanRef& span) -> Result<Root> {
    const auto name = TRY(group_of(span)->value(Field::name, span.row));
    return Root{std::string(name ? name->text : std::string_view()), TRY(service_of(span))};
  };
  for (size_t i = spans.size(); i-- > 0;) {
    const SpanRef& span = spans[i];
    const auto found = is_root(span);
    if (found && !*found) continue;
    auto out = found ? read(span) : std::unexpected(found.error());
    if (out || !contain(out.error(), span.part, part(span.part).group_of(span.row))) return out;
  }
  return Root{};
}

Result<std::string> PartSet::service_of(const SpanRef& span) {
  const auto columns = group_of(span);
  const auto resource = static_cast<uint32_t>(TRY(columns->number(Field::resource, span.row)));
  const auto name = TRY(columns->value(Scope::resource, "service.name", resource));
  return std::string(name && name->type == ValueType::string ? name->text : std::string_view());
}

// ------------------------------------------------------------------------------- facts

Result<const TraceFacts*> TraceFactsOf::facts(PartColumns& part, uint32_t ordinal) {
  Inspected lookup;
  const TraceId id = TRY(part.part().trace(ordinal, lookup)).id;
  if (facts_ && id == last_) return &*facts_;
  facts_.reset();
  const TracePlaces places =
      TRY(parts_.find(id, TracePlaces::Place{parts_.number_of(part), ordinal}));
  TraceFacts out{
      .start_ns = places.start_ns, .end_ns = places.end_ns, .root_name = {}, .root_service = {}};
  if (roots_) {
    const std::vector<SpanRef> spans = TRY(parts_.spans(places));
    PartSet::Root root = TRY(parts_.root(spans));
    out.root_name = std::move(root.name);
    out.root_service = std::move(root.service);
  }
  last_ = id;
  facts_ = std::move(out);
  return &*facts_;
}

}  // namespace vivace
