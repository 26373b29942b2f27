// The visit of row groups, and the collection of the newest traces. What a trace looks like in the
// answer is read at the end, for those that are in it.
#include "query/search.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <tuple>

#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>

#include "query/part_set.h"

namespace vivace {
namespace {

using traceql::Intrinsic;

constexpr size_t kMatchesKept = 1024;  // row groups whose matches are remembered; 8 KiB each
constexpr uint32_t kChecksEvery = 64;  // traces between two looks at the clock

struct TraceIdHash {
  using is_avalanching = void;
  size_t operator()(const TraceId& id) const { return id.hash(); }
};

// A trace by its place in the answer.
struct Ranked {
  uint64_t start_ns = 0;
  TraceId id;
  std::optional<TracePlaces::Place> known = std::nullopt;  // a place that has it
};
struct Newer {
  bool operator()(const Ranked& a, const Ranked& b) const {
    return std::tie(b.start_ns, a.id) < std::tie(a.start_ns, b.id);
  }
};

// Filters that a span must pass all.
using Condition = std::vector<Filter>;

class Search {
 public:
  Search(std::span<const Snapshot> snapshots, const SearchQuestion& question,
         const QueryControl& control)
      : question_(question), control_(control), parts_(snapshots) {}

  Result<SearchResult> run();

 private:
  struct Visit {
    uint32_t part = 0;
    uint32_t group = 0;
    uint64_t start_max_ns = 0;  // no trace that has spans here starts later
  };

  Result<void> compile();
  std::vector<Visit> visits() const;
  bool could_enter(const Ranked& trace) const;

  Result<void> visit(const Visit& visit);
  Result<std::vector<Ranked>> candidates(const Visit& visit, const Bits& rows);
  Result<void> visit_from_outside();
  // `seen`: one of its spans in some part matches.
  Result<void> confirm(const Ranked& candidate, bool seen);
  Result<bool> all_conditions_hold(const TracePlaces& places);
  // The rows of a group that meet a condition; null if none does.
  Result<const Bits*> matches(size_t condition, uint32_t part, uint32_t group);
  Result<bool> matches(size_t condition, const SpanRef& span);

  Result<FoundTrace> describe(const Ranked& trace);
  Result<void> describe_span(const SpanRef& span, FoundTrace& out);
  Result<FoundSpan> show(const SpanRef& span);

  const SearchQuestion& question_;
  const QueryControl& control_;
  PartSet parts_;
  std::vector<Condition> conditions_;  // the first is that of the spans of the answer
  std::optional<TraceFactsOf> facts_;
  bool names_ = false;  // of spans are in the answer

  std::set<Ranked, Newer> best_;
  boost::unordered_flat_set<TraceId, TraceIdHash> in_best_;
  boost::unordered_flat_map<std::tuple<size_t, uint32_t, uint32_t>, std::unique_ptr<Bits>> matches_;
  boost::unordered_flat_set<uint32_t> parts_seen_;
  uint32_t confirmed_ = 0;
  SearchResult result_;
};

Result<void> Search::compile() {
  conditions_.emplace_back();
  for (const traceql::FieldExpr* condition : question_.spans) {
    conditions_[0].push_back(TRY(Filter::compile(*condition)));
  }
  for (const traceql::FieldExpr* condition : question_.elsewhere) {
    conditions_.emplace_back().push_back(TRY(Filter::compile(*condition)));
  }
  const auto mentioned = [this](Intrinsic intrinsic) {
    return std::ranges::any_of(conditions_, [&](const Condition& condition) {
      return std::ranges::any_of(condition, [&](const Filter& f) { return f.mentions(intrinsic); });
    });
  };
  facts_.emplace(parts_, mentioned(Intrinsic::root_name) || mentioned(Intrinsic::root_service));
  names_ = mentioned(Intrinsic::name) ||
           std::ranges::find(question_.select, Intrinsic::name, &traceql::Attribute::intrinsic) !=
               question_.select.end();
  return {};
}

Result<SearchResult> Search::run() {
  CHECK_OK(compile());
  result_.parts = parts_.size();
  const std::vector<Visit> all =
      question_.never || question_.limit == 0 ? std::vector<Visit>() : visits();
  result_.groups = static_cast<uint32_t>(all.size());
  for (const Visit& next : all) {
    if (best_.size() >= question_.limit && next.start_max_ns < best_.rbegin()->start_ns) break;
    CHECK_OK(control_.check());
    const auto visited = visit(next);
    if (!visited && !parts_.contain(visited.error(), next.part, next.group)) {
      return std::unexpected(visited.error());
    }
  }
  CHECK_OK(visit_from_outside());
  for (const Ranked& trace : best_) {
    if (result_.traces.size() % kChecksEvery == 0) CHECK_OK(control_.check());
    result_.traces.push_back(TRY(describe(trace)));
  }
  for (const uint32_t part : parts_seen_)
    result_.inspected_traces += parts_.part(part).part().traces();
  result_.inspected_bytes = parts_.inspected().bytes;
  result_.damaged = parts_.damaged();
  return std::move(result_);
}

std::vector<Search::Visit> Search::visits() const {
  std::vector<Visit> out;
  for (uint32_t part = 0; part < parts_.size(); ++part) {
    const std::vector<RowGroup>& groups = parts_.part(part).groups();
    for (uint32_t g = 0; g < groups.size(); ++g) {
      if (parts_.is_hidden(part, g)) continue;
      const bool in_window = parts_.overlaps(part, g, question_.start_ns, question_.end_ns);
      if (!in_window && parts_.knows_splits()) continue;
      out.push_back({part, g, std::max(groups[g].end_max_ns, groups[g].start_min_ns)});
    }
  }
  std::ranges::sort(out, std::greater(),
                    [](const Visit& v) { return std::tuple(v.start_max_ns, v.part, v.group); });
  return out;
}

bool Search::could_enter(const Ranked& trace) const {
  return best_.size() < question_.limit || Newer()(trace, *best_.rbegin());
}

Result<void> Search::visit(const Visit& visit) {
  const Bits* rows = TRY(matches(0, visit.part, visit.group));
  if (rows == nullptr) {
    parts_.forget(visit.part, visit.group);
    return {};
  }
  for (const Ranked& candidate : TRY(candidates(visit, *rows))) {
    if (!could_enter(candidate)) break;  // those behind it start no later
    if (++confirmed_ % kChecksEvery == 0) CHECK_OK(control_.check());
    CHECK_OK(confirm(candidate, true));
  }
  return {};
}

// Split traces whose matching spans may lie in row groups outside the window, which were not
// visited. Their known times may be too wide: a trace starts no earlier, and no later than it ends.
Result<void> Search::visit_from_outside() {
  if (question_.never || question_.limit == 0 || !parts_.knows_splits()) return {};
  const auto reaching = TRY(parts_.reaching_into(question_.start_ns, question_.end_ns));
  std::vector<Ranked> traces;
  for (const SplitTrace& trace : reaching) {
    traces.push_back({.start_ns = std::max(trace.start_ns, trace.end_ns), .id = trace.id});
  }
  std::ranges::sort(traces, Newer());
  for (const Ranked& trace : traces) {
    if (!could_enter(trace)) break;
    if (in_best_.contains(trace.id)) continue;
    if (++confirmed_ % kChecksEvery == 0) CHECK_OK(control_.check());
    CHECK_OK(confirm(trace, false));
  }
  return {};
}

// The traces of these rows, by their start in this part, which is no earlier than that of the whole
// trace.
Result<std::vector<Ranked>> Search::candidates(const Visit& visit, const Bits& rows) {
  const auto columns = parts_.group(visit.part, visit.group);
  PartColumns& part = parts_.part(visit.part);
  boost::unordered_flat_set<uint32_t> ordinals;
  for (const Slice& slice : TRY(columns->field(Field::trace))->column.slices) {
    for (uint32_t i = 0; i < slice.count; ++i) {
      const uint32_t at = slice.owner(i) - columns->owners(Scope::span).first;
      if (at < rows.size() && rows.test(at)) ordinals.insert(slice.words[i]);
    }
  }
  std::vector<Ranked> out;
  for (const uint32_t ordinal : ordinals) {
    Inspected lookup;
    const TraceEntry entry = TRY(part.part().trace(ordinal, lookup));
    const Ranked trace{parts_.has_hidden(visit.part) ? visit.start_max_ns : entry.start_ns,
                       entry.id, TracePlaces::Place{visit.part, ordinal}};
    if (could_enter(trace) && !in_best_.contains(trace.id)) out.push_back(trace);
  }
  std::ranges::sort(out, Newer());
  return out;
}

Result<void> Search::confirm(const Ranked& candidate, bool seen) {
  const TracePlaces places = TRY(parts_.find(candidate.id, candidate.known));
  const Ranked trace{places.start_ns, candidate.id, candidate.known};
  if (places.places.empty() || !could_enter(trace)) return {};
  if (places.start_ns > question_.end_ns || places.end_ns < question_.start_ns) return {};
  const TraceFacts facts{
      .start_ns = places.start_ns, .end_ns = places.end_ns, .root_name = {}, .root_service = {}};
  const int64_t duration_ns = facts.duration_ns();
  if (duration_ns < question_.duration_min_ns || duration_ns > question_.duration_max_ns) return {};
  // In one part, the span that matched is the one that counts.
  const bool holds = seen && places.places.size() == 1 && conditions_.size() == 1;
  if (!holds && !TRY(all_conditions_hold(places))) return {};
  best_.insert(trace);
  in_best_.insert(trace.id);
  if (best_.size() <= question_.limit) return {};
  in_best_.erase(best_.rbegin()->id);
  best_.erase(std::prev(best_.end()));
  return {};
}

Result<bool> Search::all_conditions_hold(const TracePlaces& places) {
  const std::vector<SpanRef> spans = TRY(parts_.spans(places));
  for (size_t c = 0; c < conditions_.size(); ++c) {
    bool holds = false;
    for (const SpanRef& span : spans) {
      if ((holds = TRY(matches(c, span)))) break;
    }
    if (!holds) return false;
  }
  return true;
}

Result<bool> Search::matches(size_t condition, const SpanRef& span) {
  PartColumns& part = parts_.part(span.part);
  const uint32_t group = part.group_of(span.row);
  const auto rows = matches(condition, span.part, group);
  if (!rows && parts_.contain(rows.error(), span.part, group)) return false;
  if (!rows) return std::unexpected(rows.error());
  return *rows != nullptr && (*rows)->test(span.row - part.groups()[group].rows.first);
}

Result<const Bits*> Search::matches(size_t condition, uint32_t part, uint32_t group) {
  const auto key = std::tuple(condition, part, group);
  if (const auto known = matches_.find(key); known != matches_.end()) return known->second.get();
  const auto columns = parts_.group(part, group);
  std::optional<Bits> rows;
  for (Filter& filter : conditions_[condition]) {
    const Bits passing = TRY(filter.rows(*columns, &*facts_));
    rows = rows ? *rows & passing : passing;
    if (rows->none()) break;
  }
  if (!rows) rows.emplace(columns->owners(Scope::span).count, true);
  if (condition == 0) {
    result_.inspected_spans += rows->size();
    parts_seen_.insert(part);
  }
  if (matches_.size() >= kMatchesKept) matches_.clear();
  auto kept = rows->none() ? nullptr : std::make_unique<Bits>(*std::move(rows));
  return matches_.insert_or_assign(key, std::move(kept)).first->second.get();
}

// ------------------------------------------------------------------------------- the answer

Result<FoundTrace> Search::describe(const Ranked& trace) {
  const TracePlaces places = TRY(parts_.find(trace.id, trace.known));
  FoundTrace out{.id = trace.id,
                 .start_ns = places.start_ns,
                 .end_ns = places.end_ns,
                 .root_name = {},
                 .root_service = {},
                 .sets = {},
                 .services = {}};
  out.sets.emplace_back();
  const std::vector<SpanRef> spans = TRY(parts_.spans(places));
  for (const SpanRef& span : spans) {
    const auto described = describe_span(span, out);
    if (!described &&
        !parts_.contain(described.error(), span.part, parts_.part(span.part).group_of(span.row))) {
      return std::unexpected(described.error());
    }
  }
  PartSet::Root root = TRY(parts_.root(spans));
  out.root_name = std::move(root.name);
  out.root_service = std::move(root.service);
  return out;
}

Result<void> Search::describe_span(const SpanRef& span, FoundTrace& out) {
  constexpr uint64_t kStatusError = 2;  // OTLP's number
  ServiceCounts& service = out.services[TRY(parts_.service_of(span))];
  ++service.spans;
  if (TRY(parts_.group_of(span)->number(Field::status_code, span.row)) == kStatusError) {
    ++service.errors;
  }
  if (!TRY(matches(0, span))) return {};
  FoundSpanSet& set = out.sets.front();
  ++set.matched;
  if (set.spans.size() < question_.spans_per_set) set.spans.push_back(TRY(show(span)));
  return {};
}

Result<FoundSpan> Search::show(const SpanRef& span) {
  const auto columns = parts_.group_of(span);
  FoundSpan out{.id = span.id,
                .start_ns = span.start_ns,
                .duration_ns = TRY(columns->number(Field::duration_ns, span.row)),
                .name = {},
                .attributes = {}};
  if (names_) {
    const auto name = TRY(columns->value(Field::name, span.row));
    out.name = name ? name->text : std::string_view();
  }
  Filter::Shown shown;
  for (Filter& filter : conditions_.front()) {
    CHECK_OK(filter.show(*columns, span.row, &*facts_, shown));
  }
  for (const traceql::Attribute& attribute : question_.select) {
    CHECK_OK(shown.add_first(attribute, {.group = columns.get(), .row = span.row}));
  }
  out.attributes = shown.values();
  return out;
}

}  // namespace

Result<SearchResult> search(std::span<const Snapshot> snapshots, const SearchQuestion& question,
                            const QueryControl& control) {
  return Search(snapshots, question, control).run();
}

}  // namespace vivace
