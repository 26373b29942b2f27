// The visit of row groups, and the collection of the newest traces. What a trace looks like in the
// answer is read at the end, for those that are in it.
#include "query/search.h"

#include <algorithm>
#include <optional>
#include <set>
#include <tuple>

#include <boost/unordered/unordered_flat_set.hpp>

#include "query/trace_scan.h"
#include "traceql/traceql.h"

namespace vivace {
namespace {

constexpr uint32_t kChecksEvery = 64;  // traces between two looks at the clock
// In a set and a hash table, with what both need beside it.
constexpr size_t kBytesPerRank = 160;
constexpr size_t kBytesPerSettled = 40;

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

class Search final : public TraceVisitor {
 public:
  Search(std::span<const Snapshot> snapshots, Pipeline pipeline, const SearchQuestion& question,
         const QueryControl& control)
      : question_(question),
        control_(control),
        parts_(snapshots, control),
        pipeline_(std::move(pipeline)),
        facts_(parts_, pipeline_.needs_roots()),
        bits_(parts_, pipeline_.filters(), facts_),
        scan_(parts_, pipeline_, bits_),
        ranks_memory_(control) {
    result_.memory = MemoryCharge(control);
  }

  Result<SearchResult> run();

  bool wants(const TraceEntry& trace) override;
  Result<void> whole(TraceRows& rows, const TraceEntry& trace, TracePlaces::Place place) override;
  bool wants_split(const TraceId& id) const override { return !settled_.contains(id); }
  Result<void> split(const TraceId& id, TracePlaces::Place place) override;

 private:
  struct Visit {
    uint32_t part = 0;
    uint32_t group = 0;
    uint64_t start_max_ns = 0;  // no trace that has spans here starts later
  };

  std::vector<Visit> visits() const;
  bool could_enter(const Ranked& trace) const;
  bool is_in_question(uint64_t start_ns, uint64_t end_ns) const;

  Result<void> visit_from_outside();
  Result<void> settle(const TraceId& id, std::optional<TracePlaces::Place> known);
  Result<bool> matches(const TracePlaces& places);
  Result<bool> passes(TraceRows& rows);
  Result<void> enter(const Ranked& trace);
  Result<void> charge_ranks();

  Result<void> describe(const Ranked& trace);
  Result<void> count_services(std::span<const SpanRef> spans, FoundTrace& out);
  Result<FoundSpanSet> describe_set(const MatchedSpans& set, const GatheredRows& rows);
  Result<FoundSpan> show(const SpanRef& span);
  bool contain(const Error& error, const SpanRef& span);

  const SearchQuestion& question_;
  const QueryControl& control_;
  PartSet parts_;
  Pipeline pipeline_;
  TraceFactsOf facts_;
  FilterBits bits_;
  TraceScan scan_;

  std::pair<uint32_t, uint32_t> here_;  // the row group that is visited
  bool times_are_known_ = true;         // of the traces of the part that is visited
  std::set<Ranked, Newer> best_;
  boost::unordered_flat_set<TraceId, TraceIdHash> settled_;  // in the answer or not; split ones
  boost::unordered_flat_set<TraceId, TraceIdHash> in_best_;
  MemoryCharge ranks_memory_;  // of these three
  uint32_t gathered_ = 0;
  SearchResult result_;
};

Result<SearchResult> Search::run() {
  result_.parts = parts_.size();
  const std::vector<Visit> all =
      question_.never || question_.limit == 0 ? std::vector<Visit>() : visits();
  result_.groups = static_cast<uint32_t>(all.size());
  for (const Visit& next : all) {
    if (best_.size() >= question_.limit && next.start_max_ns < best_.rbegin()->start_ns) break;
    CHECK_OK(control_.check());
    here_ = {next.part, next.group};
    times_are_known_ = !parts_.has_hidden(next.part);
    const auto visited = scan_.visit(next.part, next.group, *this);
    if (!visited && !parts_.contain(visited.error(), next.part, next.group)) {
      return std::unexpected(visited.error());
    }
  }
  CHECK_OK(visit_from_outside());
  for (const Ranked& trace : best_) {
    if (result_.traces.size() % kChecksEvery == 0) CHECK_OK(control_.check());
    CHECK_OK(describe(trace));
  }
  for (uint32_t part = 0; part < bits_.parts_seen().size(); ++part) {
    if (bits_.parts_seen()[part]) result_.inspected_traces += parts_.part(part).part().traces();
  }
  result_.inspected_spans = bits_.inspected_spans();
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

// By the times of a whole trace.
bool Search::is_in_question(uint64_t start_ns, uint64_t end_ns) const {
  if (start_ns > question_.end_ns || end_ns < question_.start_ns) return false;
  const TraceFacts facts{
      .start_ns = start_ns, .end_ns = end_ns, .root_name = {}, .root_service = {}};
  const int64_t duration_ns = facts.duration_ns();
  return duration_ns >= question_.duration_min_ns && duration_ns <= question_.duration_max_ns;
}

bool Search::wants(const TraceEntry& trace) {
  if (!times_are_known_) return true;
  return could_enter({trace.start_ns, trace.id}) && is_in_question(trace.start_ns, trace.end_ns);
}

Result<void> Search::whole(TraceRows& rows, const TraceEntry& trace, TracePlaces::Place place) {
  if (!times_are_known_) return settle(trace.id, place);
  if (!pipeline_.is_plain() && !TRY(passes(rows))) return {};
  return enter({trace.start_ns, trace.id, place});
}

// Damage of the row group that is visited is that of all of its traces; elsewhere, of this one.
Result<bool> Search::passes(TraceRows& rows) {
  const auto sets = pipeline_.evaluate(rows);
  if (sets) return !sets->empty();
  const auto damaged = rows.asked_last();
  const bool is_elsewhere = damaged && *damaged != here_;
  if (!is_elsewhere || !parts_.contain(sets.error(), damaged->first, damaged->second)) {
    return std::unexpected(sets.error());
  }
  return false;
}

Result<void> Search::split(const TraceId& id, TracePlaces::Place place) {
  return settle(id, place);
}

// Split traces whose matching spans may lie in row groups outside the window, which were not
// visited. Their known times may be too wide: a trace starts no earlier, and no later than it ends.
Result<void> Search::visit_from_outside() {
  if (question_.never || question_.limit == 0 || !parts_.knows_splits()) return {};
  const auto reaching = TRY(parts_.reaching_into(question_.start_ns, question_.end_ns));
  MemoryCharge memory(control_);
  constexpr size_t kBytesEach = sizeof(SplitTrace) + sizeof(Ranked);
  CHECK_OK(memory.set(static_cast<int64_t>(reaching.size() * kBytesEach)));
  std::vector<Ranked> traces;
  for (const SplitTrace& trace : reaching) {
    if (settled_.contains(trace.id)) continue;
    traces.push_back({.start_ns = std::max(trace.start_ns, trace.end_ns), .id = trace.id});
  }
  std::ranges::sort(traces, Newer());
  std::vector<TraceId> next;
  for (size_t i = 0; i < traces.size() && could_enter(traces[i]); ++i) {
    if (i % PartSet::kExpectedMax == 0) {
      next.clear();
      for (size_t n = i; n < std::min(traces.size(), i + PartSet::kExpectedMax); ++n) {
        next.push_back(traces[n].id);
      }
      parts_.expect(next);
    }
    CHECK_OK(settle(traces[i].id, std::nullopt));
  }
  return {};
}

// From all places of the trace, once.
Result<void> Search::settle(const TraceId& id, std::optional<TracePlaces::Place> known) {
  if (!settled_.insert(id).second) return {};
  if (++gathered_ % kChecksEvery == 0) {
    CHECK_OK(control_.check());
    CHECK_OK(charge_ranks());
  }
  const TracePlaces places = TRY(parts_.find(id, known));
  if (places.places.empty() || !could_enter({places.start_ns, id})) return {};
  if (!is_in_question(places.start_ns, places.end_ns) || !TRY(matches(places))) return {};
  return enter({places.start_ns, id, known});
}

// Of a trace that lies in several places: wherever it is damaged, the row group that is visited
// need not be.
Result<bool> Search::matches(const TracePlaces& places) {
  GatheredRows rows(bits_);
  CHECK_OK(rows.gather(places));
  const auto sets = pipeline_.evaluate(rows);
  if (sets) return !sets->empty();
  const auto [part, group] = rows.asked_last().value_or(here_);
  if (!parts_.contain(sets.error(), part, group)) return std::unexpected(sets.error());
  return false;
}

Result<void> Search::enter(const Ranked& trace) {
  if (!in_best_.insert(trace.id).second) return {};
  best_.insert(trace);
  if (best_.size() > question_.limit) {
    in_best_.erase(best_.rbegin()->id);
    best_.erase(std::prev(best_.end()));
  }
  return charge_ranks();
}

Result<void> Search::charge_ranks() {
  return ranks_memory_.set(
      static_cast<int64_t>(best_.size() * kBytesPerRank + settled_.size() * kBytesPerSettled));
}

// ------------------------------------------------------------------------------- the answer

// What a value has beside itself.
size_t bytes_of(const traceql::Datum& value) {
  if (const auto* text = value.get_if<std::string>()) return text->size();
  if (const auto* numbers = value.get_if<std::vector<int64_t>>()) return numbers->size() * 8;
  if (const auto* numbers = value.get_if<std::vector<double>>()) return numbers->size() * 8;
  const auto* texts = value.get_if<std::vector<std::string>>();
  if (texts == nullptr) return 0;
  size_t out = texts->size() * sizeof(std::string);
  for (const std::string& text : *texts) out += text.size();
  return out;
}

size_t bytes_of(const std::vector<ShownValue>& shown) {
  size_t out = shown.size() * sizeof(ShownValue);
  for (const auto& [key, value] : shown) out += key.size() + bytes_of(value);
  return out;
}

int64_t bytes_of(const FoundSpan& span) {
  return static_cast<int64_t>(sizeof span + span.name.size() + bytes_of(span.attributes));
}

bool Search::contain(const Error& error, const SpanRef& span) {
  return parts_.contain(error, span.part, parts_.part(span.part).group_of(span.row));
}

// Its memory is taken while it grows: one trace may show a hundred thousand spans.
Result<void> Search::describe(const Ranked& trace) {
  const int64_t others_bytes = result_.memory.bytes();
  const TracePlaces places = TRY(parts_.find(trace.id, trace.known));
  FoundTrace out{.id = trace.id,
                 .start_ns = places.start_ns,
                 .end_ns = places.end_ns,
                 .root_name = {},
                 .root_service = {},
                 .sets = {},
                 .services = {}};
  GatheredRows rows(bits_);
  ControlledLoop loop(control_);
  CHECK_OK(rows.gather(places));
  if (rows.size() == 0) return {};
  CHECK_OK(count_services(rows.spans(), out));
  const auto sets = pipeline_.evaluate(rows);
  if (!sets && !contain(sets.error(), rows.spans().front())) return std::unexpected(sets.error());
  for (const MatchedSpans& set : sets ? *sets : std::span<const MatchedSpans>()) {
    if (out.sets.size() == kSetsShownMax) {
      const auto left_out = static_cast<int64_t>(sets->size() - out.sets.size());
      out.sets.back().attributes.push_back({kSetsLeftOut, traceql::datum(left_out)});
      break;
    }
    CHECK_OK(loop.step(question_.spans_per_set));
    out.sets.push_back(TRY(describe_set(set, rows)));
  }
  if (out.sets.empty()) return result_.memory.set(others_bytes);  // damage that was met meanwhile
  PartSet::Root root = TRY(parts_.root(rows.spans()));
  out.root_name = std::move(root.name);
  out.root_service = std::move(root.service);
  CHECK_OK(result_.memory.grow(
      static_cast<int64_t>(sizeof out + out.root_name.size() + out.root_service.size())));
  result_.traces.push_back(std::move(out));
  return {};
}

Result<void> Search::count_services(std::span<const SpanRef> spans, FoundTrace& out) {
  constexpr uint64_t kStatusError = 2;  // OTLP's number
  constexpr size_t kBytesPerService = 128;
  const auto count = [&](const SpanRef& span) -> Result<void> {
    const auto [service, is_new] = out.services.try_emplace(TRY(parts_.service_of(span)));
    if (is_new) {
      CHECK_OK(result_.memory.grow(static_cast<int64_t>(kBytesPerService + service->first.size())));
    }
    ++service->second.spans;
    const uint64_t status = TRY(parts_.group_of(span)->number(Field::status_code, span.row));
    if (status == kStatusError) ++service->second.errors;
    return {};
  };
  ControlledLoop loop(control_);
  for (const SpanRef& span : spans) {
    CHECK_OK(loop.step());
    const auto counted = count(span);
    if (!counted && !contain(counted.error(), span)) return counted;
  }
  return {};
}

Result<FoundSpanSet> Search::describe_set(const MatchedSpans& set, const GatheredRows& rows) {
  FoundSpanSet out{.spans = {}, .matched = set.count(), .attributes = {}};
  for (const auto& [key, value] : set.attributes) out.attributes.push_back({*key, value});
  CHECK_OK(result_.memory.grow(static_cast<int64_t>(sizeof out + bytes_of(out.attributes))));
  std::vector<uint32_t> shown;
  set.each([&](uint32_t span) {
    if (shown.size() < question_.spans_per_set) shown.push_back(span);
  });
  for (const uint32_t span : shown) {
    auto found = show(rows.spans()[span]);
    if (found) {
      CHECK_OK(result_.memory.grow(bytes_of(*found)));
      out.spans.push_back(*std::move(found));
    } else if (!contain(found.error(), rows.spans()[span])) {
      return std::unexpected(found.error());
    }
  }
  return out;
}

Result<FoundSpan> Search::show(const SpanRef& span) {
  const auto columns = parts_.group_of(span);
  FoundSpan out{.id = span.id,
                .start_ns = span.start_ns,
                .duration_ns = TRY(columns->number(Field::duration_ns, span.row)),
                .name = {},
                .attributes = {}};
  if (pipeline_.mentions(traceql::Intrinsic::name)) {
    const auto name = TRY(columns->value(Field::name, span.row));
    out.name = name ? name->text : std::string_view();
  }
  Filter::Shown shown;
  CHECK_OK(pipeline_.show(*columns, span.row, &facts_, shown));
  out.attributes = shown.values();
  return out;
}

}  // namespace

Result<SearchQuestion> plan_search(const traceql::Query& query) {
  SearchQuestion out;
  out.pipeline = &query.pipeline;
  out.never = traceql::never_matches(query.pipeline);
  return out;
}

Result<SearchResult> search(std::span<const Snapshot> snapshots, const SearchQuestion& question,
                            const QueryControl& control) {
  return Search(snapshots, TRY(Pipeline::compile(*question.pipeline)), question, control).run();
}

}  // namespace vivace
