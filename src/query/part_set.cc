// Gathering a trace: its rows of every part are sorted, and repeats are dropped; of one part there
// are none. What cannot be read is left out and counted. Called by searches, on their thread.
#include "query/part_set.h"

#include <algorithm>
#include <tuple>

#include <boost/unordered/unordered_flat_map.hpp>

#include "base/log.h"
#include "query/stored_values.h"

namespace vivace {
namespace {

// Rows of the row groups that are kept. Traces that two blocks share lie in the same order in both,
// by start, but some row groups apart: small ones need more of them.
constexpr uint64_t kRowsKept = 8 * 65'536;
constexpr size_t kGroupsKept = 64;
// Of a gathered trace: its row, its reference, its node and place in the tree.
constexpr int64_t kBytesPerSpan = 96;
// Of a block: a trace that goes on in the next row group has filled this one (model/columns.h).
constexpr uint32_t kRowGroupRowsMax = 65'536;
// Damage that is not in a row group: of a part's tables, its index, its list of traces.
constexpr uint32_t kWholePart = UINT32_MAX;

auto identity(const SpanRef& s) { return std::pair(s.id, s.kind); }
auto identity_and_age(const SpanRef& s) { return std::tuple(s.id, s.kind, s.part, s.row); }
auto canonical_order(const SpanRef& s) {
  return std::tuple(s.start_ns, s.id, s.kind, s.part, s.row);
}

}  // namespace

PartSet::PartSet(std::span<const Snapshot> snapshots, const QueryControl& control)
    : control_(control), gathering_(control) {
  for (const Snapshot& snapshot : snapshots) {
    const SplitTraces* maybe_splits = snapshot.splits.get();
    damaged_parts_ += snapshot.damaged_parts;
    splits_.push_back(maybe_splits);
    for (const auto& part : snapshot.parts) {
      Source source{.columns = std::make_unique<PartColumns>(part, *inspected_, control),
                    .maybe_splits = maybe_splits,
                    .number = static_cast<uint32_t>(&part - snapshot.parts.data()),
                    .received_after_ns = snapshot.received_after_ns};
      source.is_block = maybe_splits != nullptr && source.number < maybe_splits->blocks();
      for (const RowGroup& group : source.columns->groups()) {
        if (group.received_max_ns < snapshot.received_after_ns) source.has_hidden = true;
        source.start_min_ns = std::min(source.start_min_ns, group.start_min_ns);
        source.end_max_ns = std::max(source.end_max_ns, group.end_max_ns);
      }
      parts_.push_back(std::move(source));
    }
  }
  any_split_ = parts_.size() > 1 && (splits_.size() > 1 || !knows_splits());
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

bool PartSet::overlaps(uint32_t part, uint32_t group, uint64_t start_ns, uint64_t end_ns) const {
  const Source& source = parts_[part];
  uint64_t start_min_ns = source.start_min_ns;
  uint64_t end_max_ns = source.end_max_ns;
  if (source.is_block) {
    const std::vector<RowGroup>& groups = source.columns->groups();
    const auto goes_on = [&](size_t g) { return groups[g].rows.count >= kRowGroupRowsMax; };
    size_t first = group;
    while (first > 0 && goes_on(first - 1)) --first;
    size_t last = group;
    while (last + 1 < groups.size() && goes_on(last)) ++last;
    start_min_ns = groups[first].start_min_ns;
    end_max_ns = groups[first].end_max_ns;
    for (size_t g = first + 1; g <= last; ++g) {
      start_min_ns = std::min(start_min_ns, groups[g].start_min_ns);
      end_max_ns = std::max(end_max_ns, groups[g].end_max_ns);
    }
  }
  return start_min_ns <= end_ns && end_max_ns >= start_ns;
}

uint64_t PartSet::rows_of(const Kept& kept) const {
  return part(kept.part).groups()[kept.group].rows.count;
}

std::shared_ptr<GroupColumns> PartSet::group(uint32_t part, uint32_t group) {
  const auto found = std::ranges::find_if(
      kept_, [&](const Kept& kept) { return kept.part == part && kept.group == group; });
  if (found != kept_.end()) {
    kept_.splice(kept_.begin(), kept_, found);
  } else {
    kept_.push_front({part, group, std::make_shared<GroupColumns>(this->part(part), group)});
    kept_rows_ += rows_of(kept_.front());
    while (kept_.size() > 1 && (kept_.size() > kGroupsKept || kept_rows_ > kRowsKept)) {
      kept_rows_ -= rows_of(kept_.back());
      kept_.pop_back();
    }
  }
  return kept_.front().columns;
}

std::shared_ptr<GroupColumns> PartSet::group_of(const SpanRef& span) {
  return group(span.part, part(span.part).group_of(span.row));
}

void PartSet::forget(uint32_t part, uint32_t group) {
  kept_.remove_if([&](const Kept& kept) {
    if (kept.part != part || kept.group != group) return false;
    kept_rows_ -= rows_of(kept);
    return true;
  });
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

uint32_t PartSet::damaged() const {
  uint32_t out = damaged_parts_ + static_cast<uint32_t>(damaged_groups_.size());
  for (const SplitTraces* splits : splits_) out += splits == nullptr ? 0 : splits->damaged();
  return out;
}

// ------------------------------------------------------------------------------- traces

bool PartSet::knows_splits() const {
  return parts_.size() < 2 || std::ranges::find(splits_, nullptr) == splits_.end();
}

bool PartSet::is_split(const TraceId& id) const {
  if (any_split_ || parts_.size() < 2) return any_split_;
  return splits_.front()->is_split(id);
}

Result<std::vector<SplitTrace>> PartSet::reaching_into(uint64_t start_ns, uint64_t end_ns) {
  std::vector<SplitTrace> out;
  for (const SplitTraces* splits : splits_) {
    if (splits == nullptr) continue;
    const auto traces = splits->reaching_into(start_ns, end_ns);
    if (traces) {
      out.insert(out.end(), traces->begin(), traces->end());
    } else if (!contain(traces.error(), 0, kWholePart)) {
      return std::unexpected(traces.error());
    }
  }
  return out;
}

void PartSet::leave_out_repeats(uint32_t part, uint32_t group, Bits& rows) const {
  const Source& source = parts_[part];
  if (source.maybe_splits == nullptr || source.is_block) return;
  const Range range = source.columns->groups()[group].rows;
  const SplitTraces::Rows repeats = source.maybe_splits->repeats(source.number);
  for (auto at = std::ranges::lower_bound(*repeats, range.first);
       at != repeats->end() && *at < range.end(); ++at) {
    rows.assign(*at - range.first, false);
  }
}

Result<Bits> PartSet::split_rows(uint32_t part, uint32_t group) {
  const Range rows = this->part(part).groups()[group].rows;
  if (any_split_ || parts_.size() < 2) return Bits(rows.count, any_split_);
  Bits out(rows.count);
  boost::unordered_flat_map<uint32_t, bool> known;  // in a head, rows of traces are mixed
  const auto columns = this->group(part, group);
  for (const Slice& slice : TRY(columns->field(Field::trace))->column.slices) {
    for (uint32_t i = 0; i < slice.count; ++i) {
      const auto [trace, is_new] = known.try_emplace(slice.words[i], false);
      if (is_new) {
        const TraceId id = TRY(this->part(part).part().trace(slice.words[i], lookups_)).id;
        trace->second = is_split(id);
      }
      if (trace->second) out.set(slice.owner(i) - rows.first);
    }
  }
  return out;
}

Result<TracePlaces> PartSet::find(const TraceId& id, std::optional<TracePlaces::Place> known) {
  TracePlaces out{.id = id, .places = {}};
  if (known && !is_split(id)) {
    CHECK_OK(look_into(known->part, known, out));
    return out;
  }
  const auto expected =
      std::ranges::equal_range(expected_, id, {}, &std::pair<TraceId, uint32_t>::first);
  for (const auto& [trace, part] : expected) CHECK_OK(look_into(part, known, out));
  if (!expected.empty()) return out;
  for (uint32_t part = 0; part < size(); ++part) CHECK_OK(look_into(part, known, out));
  return out;
}

Result<void> PartSet::look_into(uint32_t part, std::optional<TracePlaces::Place> known,
                                TracePlaces& out) {
  const auto found = known && known->part == part
                         ? Result<std::optional<uint32_t>>(known->ordinal)
                         : this->part(part).part().find_trace(out.id, lookups_);
  auto added = found ? Result<void>() : std::unexpected(found.error());
  if (found && *found) added = add_place(part, **found, out);
  if (!added && !contain(added.error(), part, kWholePart)) return added;
  return {};
}

void PartSet::expect(std::span<const TraceId> traces) {
  expected_.clear();
  std::vector<uint32_t> places;
  for (uint32_t part = 0; part < size(); ++part) {
    places.clear();
    this->part(part).part().may_find(traces, places, lookups_);
    for (const uint32_t place : places) expected_.emplace_back(traces[place], part);
  }
  std::ranges::sort(expected_);
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
  const size_t spans = out.size() + rows.size();
  CHECK_OK(gathering_.set(static_cast<int64_t>(spans) * kBytesPerSpan));
  out.reserve(spans);
  ControlledLoop loop(control_);
  std::shared_ptr<GroupColumns> columns;  // of the row before, most often of this one too
  for (const uint32_t row : rows) {
    CHECK_OK(loop.step());
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
    if (TRY(group_of(span)->number(Field::parent_id, span.row)) != 0) return false;
    return !TRY(is_child_by_link(span));
  };
  for (size_t i = spans.size(); i-- > 0;) {
    const SpanRef& span = spans[i];
    const auto found = is_root(span);
    if (found && !*found) continue;
    auto out = found ? name_of(span) : std::unexpected(found.error());
    if (out || !contain(out.error(), span.part, part(span.part).group_of(span.row))) return out;
  }
  return Root{};
}

Result<bool> PartSet::is_child_by_link(const SpanRef& span) {
  const auto columns = group_of(span);
  if (columns->owners(Scope::link).count == 0) return false;
  const Range links = TRY(belongings(*columns, Field::link_span, span.row));
  for (uint32_t link = links.first; link < links.end(); ++link) {
    const auto kind = TRY(columns->value(Scope::link, "opentracing.ref_type", link));
    if (!kind || kind->type != ValueType::string || kind->text != "child_of") continue;
    TraceId of;
    store(of.bytes.data(), TRY(columns->number(Field::link_trace_id_head, link)));
    store(of.bytes.data() + 8, TRY(columns->number(Field::link_trace_id_tail, link)));
    const auto trace = static_cast<uint32_t>(TRY(columns->number(Field::trace, span.row)));
    if (of == TRY(part(span.part).part().trace(trace, lookups_)).id) return true;
  }
  return false;
}

Result<PartSet::Root> PartSet::name_of(const SpanRef& span) {
  const auto name = TRY(group_of(span)->value(Field::name, span.row));
  return Root{std::string(name ? name->text : std::string_view()), TRY(service_of(span))};
}

Result<std::string> PartSet::service_of(const SpanRef& span) {
  const auto columns = group_of(span);
  const auto resource = static_cast<uint32_t>(TRY(columns->number(Field::resource, span.row)));
  const auto name = TRY(columns->value(Scope::resource, "service.name", resource));
  return std::string(name && name->type == ValueType::string ? name->text : std::string_view());
}

}  // namespace vivace
