// What spans of a trace share, and their places in its tree: read off the part where the trace lies
// whole, else from all that it has anywhere. Called by filters, on the thread of the question.
#include <algorithm>

#include "query/part_set.h"
#include "query/trace_rows.h"

namespace vivace {

Result<const TraceFacts*> TraceFactsOf::facts(PartColumns& part, uint32_t ordinal) {
  Inspected lookup;
  const TraceEntry entry = TRY(part.part().trace(ordinal, lookup));
  if (facts_ && entry.id == last_) return &*facts_;
  facts_.reset();
  const uint32_t number = parts_.number_of(part);
  auto facts = parts_.is_split(entry.id) || parts_.has_hidden(number)
                   ? gathered(entry, {number, ordinal})
                   : whole(entry, {number, ordinal});
  last_ = entry.id;
  facts_ = TRY(std::move(facts));
  return &*facts_;
}

// All in the part: the trace table knows its times, and where its root is.
Result<TraceFacts> TraceFactsOf::whole(const TraceEntry& entry, TracePlaces::Place place) {
  TraceFacts out{
      .start_ns = entry.start_ns, .end_ns = entry.end_ns, .root_name = {}, .root_service = {}};
  if (!roots_ || !entry.root) return out;
  const SpanRef span{.part = place.part, .row = *entry.root};
  const auto is_child = parts_.is_child_by_link(span);
  if (!is_child || *is_child) return gathered(entry, place);  // there may be another
  auto root = parts_.name_of(span);
  if (!root) return gathered(entry, place);
  out.root_name = std::move(root->name);
  out.root_service = std::move(root->service);
  return out;
}

Result<TraceFacts> TraceFactsOf::gathered(const TraceEntry& entry, TracePlaces::Place place) {
  const TracePlaces places = TRY(parts_.find(entry.id, place));
  TraceFacts out{
      .start_ns = places.start_ns, .end_ns = places.end_ns, .root_name = {}, .root_service = {}};
  if (!roots_) return out;
  const std::vector<SpanRef> spans = TRY(parts_.spans(places));
  PartSet::Root root = TRY(parts_.root(spans));
  out.root_name = std::move(root.name);
  out.root_service = std::move(root.service);
  return out;
}

// ------------------------------------------------------------------------------- row groups

Result<void> TraceFactsOf::durations(GroupColumns& group, const Bits& mask,
                                     std::span<int64_t> out) {
  const Range rows = group.owners(Scope::span);
  PartColumns& part = group.part();
  const uint32_t number = parts_.number_of(part);
  if (!parts_.is_in_order(number)) {
    std::vector<uint32_t> room;
    const auto ordinals = words_of(*TRY(group.field(Field::trace)), room);
    boost::unordered_flat_map<uint32_t, int64_t> known;
    for (uint32_t i = 0; i < rows.count; ++i) {
      if (!mask.test(i)) continue;
      const auto [trace, is_new] = known.try_emplace(ordinals[i], 0);
      if (is_new) trace->second = TRY(facts(part, ordinals[i]))->duration_ns();
      out[i] = trace->second;
    }
    return {};
  }
  const TraceRuns table = TRY(part.part().trace_runs(group.group(), part.inspected()));
  const auto extent = [&](const TraceRun& run) {
    const uint32_t first = std::max(run.first_row, rows.first);
    return Range{first - rows.first, std::min(run.first_row + run.entry.spans, rows.end()) - first};
  };
  std::vector<TraceId> split;
  for (const TraceRun& run : table.runs) {
    const Range of = extent(run);
    if (!mask.any(of.first, of.count) || !parts_.is_split(run.entry.id)) continue;
    split.push_back(run.entry.id);
  }
  parts_.expect(split);
  uint32_t ordinal = table.first_ordinal;
  for (const TraceRun& run : table.runs) {
    const TraceEntry& entry = run.entry;
    const Range of = extent(run);
    const uint32_t of_trace = ordinal++;
    if (!mask.any(of.first, of.count)) continue;
    TraceFacts known{
        .start_ns = entry.start_ns, .end_ns = entry.end_ns, .root_name = {}, .root_service = {}};
    if (parts_.is_split(entry.id) || parts_.has_hidden(number)) known = *TRY(facts(part, of_trace));
    std::fill_n(out.begin() + of.first, of.count, known.duration_ns());
  }
  return {};
}

// ------------------------------------------------------------------------------- roots

// A span without a parent id, unless three spans of its trace share an id.
Result<Bits> TraceFactsOf::roots(GroupColumns& group) {
  const uint32_t part = parts_.number_of(group.part());
  Bits out(group.owners(Scope::span).count);
  CHECK_OK(parts_.is_in_order(part) ? roots_of_runs(group, part, out)
                                    : roots_of_head(group, part, out));
  return out;
}

Result<void> TraceFactsOf::roots_of_runs(GroupColumns& group, uint32_t part, Bits& out) {
  const Range rows = group.owners(Scope::span);
  const TraceRuns table =
      TRY(group.part().part().trace_runs(group.group(), group.part().inspected()));
  std::vector<uint32_t> room;
  const auto parents = words_of(*TRY(group.field(Field::parent_row)), room);
  if (parents.size() != rows.count) return fail(Code::corrupt, "parents of some rows only");
  uint32_t ordinal = table.first_ordinal;
  for (const auto& [entry, first_row] : table.runs) {
    const TracePlaces::Place place{part, ordinal++};
    const uint32_t from = std::max(first_row, rows.first) - rows.first;
    const uint32_t end = std::min(first_row + entry.spans, rows.end()) - rows.first;
    bool has_rows = entry.spans < 3;  // that show that nobody shares an id
    bool has_root = false;
    for (uint32_t i = from; i < end; ++i) {
      has_rows = has_rows || parents[i] < kOtherRow;
      has_root = has_root || parents[i] == kNoRow;
    }
    if (!has_root) continue;
    const bool is_whole = end - from == entry.spans && !parts_.is_split(entry.id);
    const bool counts = is_whole && has_rows;
    if (!counts) {
      CHECK_OK(gather(entry.id, place));
      if (std::ranges::none_of(of_trace_, [](const auto& n) { return n.left != 0; })) continue;
    }
    for (uint32_t i = from; i < end; ++i) {
      if (parents[i] == kNoRow) out.set(i);
    }
  }
  return {};
}

Result<void> TraceFactsOf::roots_of_head(GroupColumns& group, uint32_t part, Bits& out) {
  const Range rows = group.owners(Scope::span);
  std::vector<uint32_t> room;
  const auto ordinals = words_of(*TRY(group.field(Field::trace)), room);
  boost::unordered_flat_map<uint32_t, bool> known;
  for (const Slice& slice : TRY(group.field(Field::parent_id))->column.slices) {
    for (uint32_t i = 0; i < slice.count; ++i) {
      if (number_at(slice, i) != 0) continue;
      const uint32_t at = slice.owner(i) - rows.first;
      const auto [trace, is_new] = known.try_emplace(ordinals[at], false);
      if (is_new) trace->second = TRY(has_numbers(parts_.part(part), ordinals[at]));
      if (trace->second) out.set(at);
    }
  }
  return {};
}

// Of a head's trace that has a root.
Result<bool> TraceFactsOf::has_numbers(PartColumns& part, uint32_t ordinal) {
  Inspected lookup;
  const TraceEntry entry = TRY(part.part().trace(ordinal, lookup));
  const uint32_t number = parts_.number_of(part);
  if (parts_.is_split(entry.id) || parts_.has_hidden(number)) {
    CHECK_OK(gather(entry.id, {number, ordinal}));
    return std::ranges::any_of(of_trace_, [](const auto& n) { return n.left != 0; });
  }
  if (entry.spans < 3) return true;
  std::vector<uint32_t> rows;
  CHECK_OK(part.part().trace_rows(ordinal, rows, lookup));
  std::vector<uint64_t> ids;
  for (const uint32_t row : rows) {
    ids.push_back(TRY(parts_.group(number, part.group_of(row))->number(Field::span_id, row)));
  }
  std::ranges::sort(ids);
  for (size_t i = 2; i < ids.size(); ++i) {
    if (ids[i] == ids[i - 2]) return false;
  }
  return true;
}

// ------------------------------------------------------------------------------- trees

Result<std::span<const TraceTree::Numbers>> TraceFactsOf::numbers(GroupColumns& group) {
  const std::pair asked(group.part().serial(), group.group());
  if (numbers_of_ == asked) return numbers_;
  numbers_of_ = {};
  const Range rows = group.owners(Scope::span);
  numbers_.assign(rows.count, {});
  const uint32_t part = parts_.number_of(group.part());
  const auto columns = parts_.group(part, group.group());  // stays while others are looked at
  CHECK_OK(parts_.is_in_order(part) ? number_runs(*columns, part) : number_head(*columns, part));
  numbers_of_ = asked;
  return numbers_;
}

Result<void> TraceFactsOf::number_runs(GroupColumns& group, uint32_t part) {
  const Range rows = group.owners(Scope::span);
  const TraceRuns table =
      TRY(group.part().part().trace_runs(group.group(), group.part().inspected()));
  std::vector<uint32_t> room;
  const auto parents = words_of(*TRY(group.field(Field::parent_row)), room);
  if (parents.size() != rows.count) return fail(Code::corrupt, "parents of some rows only");
  uint32_t ordinal = table.first_ordinal;
  for (const auto& [entry, first_row] : table.runs) {
    const TracePlaces::Place place{part, ordinal++};
    const uint32_t from = first_row - rows.first;
    const bool is_whole = first_row >= rows.first && first_row + entry.spans <= rows.end() &&
                          !parts_.is_split(entry.id);
    if (is_whole && tree_.link_rows(parents.subspan(from, entry.spans), first_row)) {
      spans_.clear();
      tree_.number(of_trace_);
      std::ranges::copy(of_trace_, numbers_.begin() + from);
    } else {
      CHECK_OK(number_gathered(entry.id, place, group));
    }
  }
  return {};
}

Result<void> TraceFactsOf::number_head(GroupColumns& group, uint32_t part) {
  std::vector<uint32_t> room;
  std::vector<uint32_t> ordinals;
  const auto of_rows = words_of(*TRY(group.field(Field::trace)), room);
  ordinals.assign(of_rows.begin(), of_rows.end());
  std::ranges::sort(ordinals);
  const auto repeated = std::ranges::unique(ordinals);
  ordinals.erase(repeated.begin(), repeated.end());
  for (const uint32_t ordinal : ordinals) {
    Inspected lookup;
    const TraceEntry entry = TRY(group.part().part().trace(ordinal, lookup));
    CHECK_OK(number_gathered(entry.id, {part, ordinal}, group));
  }
  return {};
}

Result<void> TraceFactsOf::number_gathered(const TraceId& id, TracePlaces::Place place,
                                           GroupColumns& group) {
  const Range rows = group.owners(Scope::span);
  // A large trace is in one row group after the other.
  if (spans_.empty() || id != gathered_) CHECK_OK(gather(id, place));
  for (size_t i = 0; i < spans_.size(); ++i) {
    const uint32_t at = spans_[i].row - rows.first;
    if (spans_[i].part == place.part && at < rows.count) numbers_[at] = of_trace_[i];
  }
  return {};
}

Result<void> TraceFactsOf::gather(const TraceId& id, TracePlaces::Place place) {
  CHECK_OK(parts_.control().check());
  spans_.clear();
  place_of_.clear();
  const TracePlaces places = TRY(parts_.find(id, place));
  std::vector<SpanRef> spans = TRY(parts_.spans(places));
  std::vector<TraceTree::Node> nodes;
  CHECK_OK(nodes_of(parts_, spans, nodes));
  tree_.link(nodes);
  tree_.number(of_trace_);
  spans_ = std::move(spans);
  gathered_ = id;
  return {};
}

// Whoever asks for one span of a trace asks for others of it next.
Result<TraceTree::Numbers> TraceFactsOf::numbers_of(GroupColumns& group, uint32_t row) {
  const auto ordinal = static_cast<uint32_t>(TRY(group.number(Field::trace, row)));
  const uint32_t part = parts_.number_of(group.part());
  Inspected lookup;
  const TraceId id = TRY(group.part().part().trace(ordinal, lookup)).id;
  if (spans_.empty() || id != gathered_) CHECK_OK(gather(id, {part, ordinal}));
  if (place_of_.empty()) {
    for (uint32_t i = 0; i < spans_.size(); ++i) {
      place_of_.emplace(std::pair(spans_[i].part, spans_[i].row), i);
    }
  }
  const auto found = place_of_.find({part, row});
  if (found == place_of_.end()) return TraceTree::Numbers{};  // a repeat, or damage
  return of_trace_[found->second];
}

}  // namespace vivace
