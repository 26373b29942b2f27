// Of a block, the trace table gives runs of rows, and bits are counted in them. Of a head, bits are
// counted by the ordinals of their rows.
#include "query/trace_scan.h"

#include <algorithm>

namespace vivace {
namespace {

constexpr int64_t kBytesPerTrace = 13;  // of a head
constexpr size_t kNeededMax = 64;       // that are looked at before traces are

// Calls take(i, word) for the words of a dense field, i from the first owner of the row group.
template <class Take>
void each_word(const TypedColumn& column, uint32_t first, Take take) {
  for (const Slice& slice : column.column.slices) {
    for (uint32_t i = 0; i < slice.count; ++i) take(slice.owner(i) - first, slice.words[i]);
  }
}

}  // namespace

Result<void> TraceScan::visit(uint32_t part, uint32_t group, TraceVisitor& visitor) {
  const auto bits = bits_.of(part, group);
  const std::optional<Bits> possible = TRY(pipeline_.possible(*bits));
  if (!possible) {
    parts_.forget(part, group);
    return {};
  }
  if (parts_.is_in_order(part)) return visit_runs(part, bits, *possible, visitor);
  return visit_head(part, *bits, *possible, visitor);
}

// ------------------------------------------------------------------------------- blocks

Result<void> TraceScan::visit_runs(uint32_t part, const std::shared_ptr<FilterBits::OfGroup>& group,
                                   const Bits& possible, TraceVisitor& visitor) {
  const Range rows = parts_.part(part).groups()[group->group()].rows;
  const TraceRuns table =
      TRY(parts_.part(part).part().trace_runs(group->group(), parts_.part(part).inspected()));
  bool lacks_some = false;  // a filter that must pass passes nothing here
  std::vector<const Bits*> needed;
  for (const uint32_t filter : pipeline_.needed()) {
    needed.push_back(TRY(group->of(filter)));
    lacks_some = lacks_some || needed.back() == nullptr;
  }
  const uint32_t count_min = std::max(pipeline_.count_min(), 1U);
  RunRows run(bits_, group);
  size_t expected = table.runs.size();  // from here on
  for (size_t i = table.runs.size(); i-- > 0;) {
    const auto& [entry, first_row] = table.runs[i];
    const TracePlaces::Place place{part, table.first_ordinal + static_cast<uint32_t>(i)};
    const uint32_t from = std::max(first_row, rows.first);
    const uint32_t end = std::min(first_row + entry.spans, rows.end());
    if (!possible.any(from - rows.first, end - from)) continue;
    if (parts_.is_split(entry.id)) {
      if (!visitor.wants_split(entry.id)) continue;
      if (i < expected) expected = expect(table, i, rows, possible, visitor);
      CHECK_OK(visitor.split(entry.id, place));
      continue;
    }
    if (end - from < entry.spans) {  // it goes on in another row group
      CHECK_OK(visit_gathered(entry, place, visitor));
      continue;
    }
    const auto passes = [&](const Bits* bits) { return bits->any(from - rows.first, end - from); };
    if (lacks_some || !std::ranges::all_of(needed, passes)) continue;
    if (count_min > 1 && possible.count(from - rows.first, end - from) < count_min) continue;
    if (!visitor.wants(entry)) continue;
    run.move_to({from, end - from});
    CHECK_OK(visitor.whole(run, entry, place));
  }
  return {};
}

// Looks for the split traces of this run and of those that come next; the last one of them.
size_t TraceScan::expect(const TraceRuns& table, size_t from, const Range& rows,
                         const Bits& possible, const TraceVisitor& visitor) {
  std::vector<TraceId> split;
  size_t at = from + 1;
  while (at > 0 && split.size() < PartSet::kExpectedMax) {
    const auto& [entry, first_row] = table.runs[--at];
    const uint32_t first = std::max(first_row, rows.first);
    const uint32_t end = std::min(first_row + entry.spans, rows.end());
    if (!possible.any(first - rows.first, end - first)) continue;
    if (!parts_.is_split(entry.id) || !visitor.wants_split(entry.id)) continue;
    split.push_back(entry.id);
  }
  parts_.expect(split);
  return at;
}

Result<void> TraceScan::visit_gathered(const TraceEntry& trace, TracePlaces::Place place,
                                       TraceVisitor& visitor) {
  Head& seen = heads_[place.part];
  if (seen.visited.size() == 0) seen.visited = Bits(parts_.part(place.part).part().traces());
  if (seen.visited.test(place.ordinal)) return {};
  seen.visited.set(place.ordinal);
  if (!visitor.wants(trace)) return {};
  GatheredRows rows(bits_);
  const TracePlaces places = TRY(parts_.find(trace.id, place));
  CHECK_OK(rows.gather(places));
  return visitor.whole(rows, trace, place);
}

// ------------------------------------------------------------------------------- heads

Result<void> TraceScan::learn(uint32_t part, Head& head) {
  const Part& of = parts_.part(part).part();
  CHECK_OK(memory_.grow(int64_t{of.traces()} * kBytesPerTrace));
  head.possible.assign(of.traces(), 0);
  head.passed.assign(of.traces(), 0);
  head.visited = Bits(of.traces());
  head.is_known = true;
  const size_t needed = std::min(pipeline_.needed().size(), kNeededMax);
  std::vector<uint32_t> room;
  for (uint32_t g = 0; g < of.groups(); ++g) {
    CHECK_OK(parts_.control().check());
    const auto bits = bits_.of(part, g);
    const auto columns = parts_.group(part, g);
    const auto ordinals = words_of(*TRY(columns->field(Field::trace)), room);
    if (const auto possible = TRY(pipeline_.possible(*bits))) {
      possible->each([&](uint32_t i) { ++head.possible[ordinals[i]]; });
    }
    for (size_t n = 0; n < needed; ++n) {
      const Bits* passed = TRY(bits->of(pipeline_.needed()[n]));
      if (passed == nullptr) continue;
      passed->each([&](uint32_t i) { head.passed[ordinals[i]] |= uint64_t{1} << n; });
    }
  }
  return {};
}

Result<void> TraceScan::visit_head(uint32_t part, FilterBits::OfGroup& group, const Bits& possible,
                                   TraceVisitor& visitor) {
  Head& head = heads_[part];
  if (!head.is_known) CHECK_OK(learn(part, head));
  const size_t needed = std::min(pipeline_.needed().size(), kNeededMax);
  const uint64_t wanted = needed == 0 ? 0 : ~uint64_t{0} >> (64 - needed);
  const uint32_t count_min = std::max(pipeline_.count_min(), 1U);
  std::vector<uint32_t> ordinals;  // each once
  const auto columns = parts_.group(part, group.group());
  each_word(*TRY(columns->field(Field::trace)), columns->owners(Scope::span).first,
            [&](uint32_t i, uint32_t ordinal) {
              if (!possible.test(i) || head.visited.test(ordinal)) return;
              head.visited.set(ordinal);
              ordinals.push_back(ordinal);
            });
  GatheredRows rows(bits_);
  for (const uint32_t ordinal : ordinals) {
    Inspected lookup;
    const TraceEntry entry = TRY(parts_.part(part).part().trace(ordinal, lookup));
    const TracePlaces::Place place{part, ordinal};
    if (parts_.is_split(entry.id)) {
      CHECK_OK(visitor.split(entry.id, place));
      continue;
    }
    if ((head.passed[ordinal] & wanted) != wanted || head.possible[ordinal] < count_min) continue;
    if (!visitor.wants(entry)) continue;
    const TracePlaces places = TRY(parts_.find(entry.id, place));
    CHECK_OK(rows.gather(places));
    CHECK_OK(visitor.whole(rows, entry, place));
  }
  return {};
}

}  // namespace vivace
