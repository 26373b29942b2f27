// A trace gathered from several parts: each span once, in canonical order, grouped, against an
// oracle that does the same to plain spans in the most obvious way.
#include "query/find_trace.h"

#include <algorithm>
#include <set>
#include <tuple>

#include <gtest/gtest.h>

#include "model/testing/altered_part.h"
#include "query/testing/parts.h"

namespace vivace {
namespace {

const TraceId kTrace = make_trace_id(0, 1);

// Where a span lies, for the oracle.
struct Placed {
  SentSpan span;
  size_t part = 0;
};
using Expected = std::vector<std::vector<Placed>>;  // groups of spans

bool before(const Placed& a, const Placed& b) {
  return std::tuple(a.span.start_ns, a.span.span_id, a.span.kind) <
         std::tuple(b.span.start_ns, b.span.span_id, b.span.kind);
}
bool same_resource(const Placed& a, const Placed& b) {
  return a.part == b.part && *a.span.resource == *b.span.resource;
}
bool same_group(const Placed& a, const Placed& b) {
  return same_resource(a, b) && *a.span.scope == *b.span.scope;
}

Expected expect_trace(const Parts& parts, const TraceId& id) {
  std::vector<Placed> spans;
  std::set<std::tuple<SpanId, int32_t>> seen;
  for (size_t part = 0; part < parts.size(); ++part) {
    for (const SentSpan& span : parts[part]) {
      if (span.trace_id != id || !seen.emplace(span.span_id, span.kind).second) continue;
      spans.push_back({span, part});
    }
  }
  std::ranges::sort(spans, before);
  Expected groups;
  while (!spans.empty()) {  // the first span left says which resource is next, then which scope
    const Placed of_resource = spans.front();
    for (size_t i = 0; i < spans.size();) {
      if (!same_resource(spans[i], of_resource)) {
        ++i;
        continue;
      }
      const Placed first = spans[i];
      groups.emplace_back();
      std::erase_if(spans, [&](const Placed& span) {
        if (!same_group(span, first)) return false;
        groups.back().push_back(span);
        return true;
      });
      i = 0;
    }
  }
  return groups;
}

void expect_same(Trace trace, const Expected& expected) {
  ASSERT_EQ(trace.groups().size(), expected.size());
  const std::vector<SentSpan> got = read_all(trace);
  size_t at = 0;
  for (size_t g = 0; g < expected.size(); ++g) {
    ASSERT_EQ(trace.groups()[g].first, at);
    ASSERT_EQ(trace.groups()[g].count, expected[g].size()) << "group " << g;
    for (const Placed& placed : expected[g]) {
      ASSERT_EQ(difference(got[at], placed.span), "") << "span " << at << " in group " << g;
      ++at;
    }
  }
  ASSERT_EQ(trace.spans(), at);
}

SentSpan simple(uint64_t id, uint64_t start_ns, int32_t kind = 1) {
  SentSpan span;
  span.trace_id = kTrace;
  span.span_id = make_span_id(id);
  span.start_ns = start_ns;
  span.kind = kind;
  return span;
}

std::vector<uint64_t> ids_of(Trace trace) {
  std::vector<uint64_t> ids;
  for (const SentSpan& span : read_all(trace)) ids.push_back(std::byteswap(span.span_id.raw));
  return ids;
}
using Ids = std::vector<uint64_t>;

TEST(FindTrace, IsEmptyForWhatIsNotThere) {
  for (const Snapshot& snapshot : {Snapshot(), snapshot_of({{}}), snapshot_of({{simple(1, 1)}})}) {
    Trace trace = Trace::find(snapshot, make_trace_id(0, 2));
    EXPECT_TRUE(trace.empty());
    EXPECT_EQ(trace.spans(), 0U);
    EXPECT_TRUE(trace.groups().empty());
    trace.keep_first(1);
    EXPECT_TRUE(trace.empty());
  }
}

TEST(FindTrace, OrdersByStartThenIdThenKind) {
  // 0x0100 comes before 0x02 as a number read from memory, but not as bytes.
  const std::vector<SentSpan> spans = {simple(0x100, 5), simple(3, 7),    simple(2, 5, 4),
                                       simple(9, 1),     simple(2, 5, 1), simple(1, 7)};
  EXPECT_EQ(ids_of(Trace::find(snapshot_of({spans}), kTrace)), (Ids{9, 2, 2, 0x100, 1, 3}));
  const auto got = read_all(Trace::find(snapshot_of({spans}), kTrace));
  EXPECT_EQ(got[1].kind, 1);
  EXPECT_EQ(got[2].kind, 4);
}

TEST(FindTrace, DropsRepeatsOfLaterParts) {
  SentSpan oldest = simple(1, 5);
  oldest.name = "oldest";
  SentSpan middle = simple(1, 3);
  middle.name = "middle";
  SentSpan newest = simple(1, 1);
  newest.name = "newest";
  const auto got =
      read_all(Trace::find(snapshot_of({{oldest}, {middle, simple(2, 4)}, {newest}}), kTrace));
  ASSERT_EQ(got.size(), 2U);
  EXPECT_EQ(got[0].span_id, make_span_id(2)) << "the place follows from the copy that won";
  EXPECT_EQ(got[1].name, "oldest");
}

TEST(FindTrace, SeesOnlyRowsOfTheSnapshot) {
  auto head = std::make_shared<Head>();
  Snapshot snapshot;
  const auto append = [&head](const std::vector<SentSpan>& spans) {
    head->append(**decode_otlp(to_otlp(spans), {}), 1);
  };
  append({simple(1, 1), simple(2, 2)});
  snapshot.parts.push_back(std::make_shared<HeadPart>(head));
  append({simple(3, 3)});
  EXPECT_EQ(ids_of(Trace::find(snapshot, kTrace)), (Ids{1, 2}));
}

TEST(FindTrace, KeepsItsSnapshotAlive) {
  Snapshot snapshot = snapshot_of({{simple(1, 1)}, {simple(2, 2)}});
  const std::weak_ptr<const Part> part = snapshot.parts[0];
  {
    Trace trace = Trace::find(snapshot, kTrace);
    snapshot = {};
    EXPECT_EQ(ids_of(std::move(trace)), (Ids{1, 2}));
  }
  EXPECT_TRUE(part.expired()) << "and no longer than itself";
}

TEST(FindTrace, SkipsRowGroupsPastRetention) {
  Snapshot snapshot = snapshot_of({{simple(1, 1)}, {simple(2, 2)}});
  snapshot.received_after_ns = 1;  // all came at 1
  EXPECT_EQ(ids_of(Trace::find(snapshot, kTrace)), (Ids{1, 2}));
  snapshot.received_after_ns = 2;
  EXPECT_TRUE(Trace::find(snapshot, kTrace).empty());
  std::vector<Snapshot> tenants = {snapshot, snapshot_of({{simple(3, 3)}})};
  EXPECT_EQ(ids_of(Trace::find(tenants, kTrace)), (Ids{3})) << "each has a retention of its own";
}

// Two parts, of which the first is damaged in some way, and what is left of their trace.
class DamagedTrace : public testing::Test {
 protected:
  DamagedTrace() {
    SentSpan with_key = simple(2, 2);
    with_key.attributes = {{"key", {ValueType::integer, 7, {}}}};
    Snapshot sound = snapshot_of({{simple(1, 1), with_key}, {simple(3, 3)}});
    part_ = std::make_shared<AlteredPart>(sound.parts[0], 5);
    snapshot_.parts = {part_, sound.parts[1]};
  }
  Ids readable(bool expect_damage) {
    Trace trace = Trace::find(snapshot_, kTrace);
    Ids ids;
    SpanView span;
    for (const Trace::ScopeGroup& group : trace.groups()) {
      for (uint32_t i = 0; i < group.count; ++i) {
        if (trace.read_span(group, i, span)) ids.push_back(std::byteswap(span.span_id.raw));
      }
    }
    EXPECT_EQ(trace.damage().has_value(), expect_damage);
    return ids;
  }

  std::shared_ptr<AlteredPart> part_;
  Snapshot snapshot_;
};

TEST_F(DamagedTrace, IsWholeWithoutDamage) {
  part_->bytes_a_read = 10;
  EXPECT_EQ(readable(false), (Ids{1, 2, 3}));
  EXPECT_GT(Trace::find(snapshot_, kTrace).inspected().bytes, 0U);
  EXPECT_EQ(Trace::find(snapshot_of({{simple(1, 1)}}), kTrace).inspected().bytes, 0U) << "a head";
}

TEST_F(DamagedTrace, LacksAPartWhoseIndexIsDamaged) {
  part_->fail_index = true;
  EXPECT_EQ(readable(true), (Ids{3}));
}

TEST_F(DamagedTrace, LacksARowGroupWhoseKeysAreDamaged) {
  part_->fail_field = [](Field field, uint32_t) { return field == Field::kind; };
  EXPECT_EQ(readable(true), (Ids{3}));
}

TEST_F(DamagedTrace, LacksWhatCannotBeReadLater) {
  part_->fail_attribute = [](Scope, uint32_t, uint32_t) { return true; };
  EXPECT_EQ(readable(true), (Ids{1, 3}));
}

TEST_F(DamagedTrace, SaysSoWhenABlockCannotBeOpened) {
  snapshot_.damaged_parts = 1;
  EXPECT_EQ(readable(true), (Ids{1, 2, 3}));
}

TEST(FindTrace, KeepsTheFirstSpansInTheOrderOfTheGroups) {
  RandomSpans random(72);
  Parts parts(2);
  for (auto& part : parts) {
    part = random.request(30);
    for (SentSpan& span : part) {
      span.trace_id = kTrace;
      span.kind = 1;
    }
  }
  const auto all = read_all(Trace::find(snapshot_of(parts), kTrace));
  ASSERT_EQ(all.size(), 60U);
  for (uint32_t count = 0; count <= 62; ++count) {
    Trace trace = Trace::find(snapshot_of(parts), kTrace);
    trace.keep_first(count);
    EXPECT_EQ(trace.spans(), std::min(count, 60U));
    EXPECT_EQ(trace.empty(), count == 0);
    const auto kept = read_all(trace);
    ASSERT_EQ(kept.size(), std::min(count, 60U));
    for (size_t i = 0; i < kept.size(); ++i) ASSERT_EQ(difference(kept[i], all[i]), "");
  }
}

class RandomParts : public testing::TestWithParam<uint64_t> {};
INSTANTIATE_TEST_SUITE_P(Seeds, RandomParts, testing::Values(73, 74, 75, 76));

// Few start times, so that ids decide; few resources, so that groups are large; copies of old spans
// with another content; nothing that looks like Zipkin's shared ids.
TEST_P(RandomParts, AreMergedAsTheOracleDoes) {
  RandomSpans random(GetParam());
  Parts parts(1 + random.number(4));
  std::vector<SentSpan> all;
  for (auto& part : parts) {
    for (int request = 0; request < 5; ++request) {
      for (SentSpan& span : random.request(random.number(25))) {
        span.trace_id = make_trace_id(0, 1 + random.number(3));
        span.kind = random.chance(50) ? 1 : 4;
        if (random.chance(70)) span.start_ns = 100 + random.number(4);
        if (!all.empty() && random.chance(40)) {
          const SentSpan& other = all[random.number(all.size())];
          if (random.chance(50)) span.resource = other.resource;
          if (random.chance(50)) span.scope = other.scope;
          if (random.chance(50)) span.span_id = other.span_id;
        }
        all.push_back(span);
        part.push_back(std::move(span));
      }
    }
  }
  for (uint64_t t = 0; t <= 4; ++t) {
    const TraceId id = make_trace_id(0, t);
    expect_same(Trace::find(snapshot_of(parts), id), expect_trace(parts, id));
  }
}

TEST(FindTrace, GathersATraceOf100000Spans) {
  constexpr uint64_t kSpans = 100'000;
  Parts parts(2);
  for (uint64_t i = 0; i < kSpans; ++i) {
    const uint64_t shuffled = i * 7919 % kSpans;  // coprime: each once
    parts[i % 2].push_back(simple(shuffled + 1, shuffled / 3));
    if (i % 10 == 0) parts[1].push_back(simple(shuffled + 1, 0));  // sent again
  }
  const auto heads = snapshot_of(parts);
  Trace trace = Trace::find(heads, kTrace);
  ASSERT_EQ(trace.spans(), kSpans);
  ASSERT_EQ(trace.groups().size(), 2U) << "one of each part";
  SpanView span;
  std::set<uint64_t> ids;
  for (const Trace::ScopeGroup& group : trace.groups()) {
    std::pair<uint64_t, uint64_t> last;
    for (uint32_t i = 0; i < group.count; ++i) {
      ASSERT_TRUE(trace.read_span(group, i, span));
      const uint64_t id = std::byteswap(span.span_id.raw);
      ASSERT_EQ(span.start_ns, (id - 1) / 3);
      ASSERT_LT(last, (std::pair{span.start_ns, id}));
      last = {span.start_ns, id};
      ids.insert(id);
    }
  }
  EXPECT_EQ(ids.size(), kSpans);
}

}  // namespace
}  // namespace vivace
