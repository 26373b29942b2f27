// What a search may cost: traces of very many spans and groups, spans of very many events and
// links, memory that is not there, damage that is elsewhere; and rules that such queries show.
#include <bit>
#include <cmath>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "model/testing/altered_part.h"
#include "query/query_budget.h"
#include "query/testing/ask_search.h"
#include "query/testing/mixed_parts.h"

namespace vivace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kStart = 1'700'000'000 * kSecond;
constexpr uint32_t kMany = 40'000;

SentValue real(double value) {
  return {.type = ValueType::real, .bits = std::bit_cast<uint64_t>(value), .text = {}};
}
SentValue text(std::string value) {
  return {.type = ValueType::string, .bits = 0, .text = std::move(value)};
}

SentSpan span(uint64_t trace, uint64_t id, uint64_t parent) {
  SentSpan out;
  out.trace_id = make_trace_id(0, trace);
  out.span_id = make_span_id(id);
  if (parent != 0) out.parent_id = make_span_id(parent);
  out.name = fmt::format("span {}", id);
  out.start_ns = kStart + trace * 1000 * kSecond + id;
  out.end_ns = out.start_ns + kSecond;
  return out;
}

// One trace of that many spans, each the parent of the next.
std::vector<SentSpan> chain(uint32_t spans) {
  std::vector<SentSpan> out;
  for (uint32_t i = 1; i <= spans; ++i) out.push_back(span(1, i, i - 1));
  return out;
}

class SearchBounds : public testing::TestWithParam<bool> {
 protected:
  Snapshot snapshot(const Parts& parts) {
    return disk_.snapshot(parts, [](size_t) { return GetParam(); });
  }
  MixedParts disk_;
};

// Each stage behind by() was asked of all spans once a group: minutes here.
TEST_P(SearchBounds, ManyGroupsOfOneTrace) {
  const Snapshot large = snapshot({chain(kMany)});
  const auto result =
      ask(large, "{ } | by(span:id) | { name != nil } | { duration = 1s } | count() = 1");
  ASSERT_TRUE(result) << result.error().message;
  ASSERT_EQ(result->traces.size(), 1U);
  const std::vector<FoundSpanSet>& sets = result->traces.front().sets;
  ASSERT_EQ(sets.size(), kSetsShownMax);
  EXPECT_EQ(sets.front().matched, 1U);
  // Those that are not told are counted by the last one that is.
  const ShownValue& last = sets.back().attributes.back();
  EXPECT_EQ(last.key, kSetsLeftOut);
  EXPECT_EQ(last.value.as<int64_t>(), int64_t{kMany} - static_cast<int64_t>(kSetsShownMax));
  EXPECT_EQ(sets.front().attributes.back().key, "count()");

  const auto whole = ask(large, "{ } | by(span:id) | coalesce() | count() = 40000");
  EXPECT_THAT(traces_of(whole), ElementsAre(1));
}

TEST_P(SearchBounds, RelationsOfManySpans) {
  const Snapshot large = snapshot({chain(kMany)});
  const auto matched = [&](const char* query) {
    const auto result = ask(large, query);
    return result && !result->traces.empty() ? result->traces.front().sets.front().matched : 0;
  };
  EXPECT_EQ(matched("{ } >> { } >> { }"), kMany - 2);
  EXPECT_EQ(matched("{ } &<< { }"), kMany);
  EXPECT_EQ(matched("{ } ~ { }"), 0U);
  EXPECT_EQ(matched("{ } !> { }"), 1U);
}

// The groups together take more than one query may have.
TEST_P(SearchBounds, GroupsPastTheMemoryOfQueries) {
  Metrics metrics;
  QueryBudget budget({.bytes_max = 8 << 20, .queries_max = 2}, metrics);
  QueryMemory memory(budget);
  const QueryControl control{.maybe_memory = &memory};
  const Snapshot large = snapshot({chain(kMany)});
  const auto refused = ask(large, "{ } | by(span:id) | count() = 1", control);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::too_large);
  EXPECT_THAT(refused.error().message, HasSubstr("query_memory"));
  EXPECT_EQ(memory.used(), 0);
  EXPECT_TRUE(ask(large, "{ } | by(kind)", control));
  EXPECT_EQ(memory.used(), 0);
  EXPECT_GT(memory.peak(), 1 << 20);
}

TEST_P(SearchBounds, TheAnswerIsChargedAsLongAsItLives) {
  Metrics metrics;
  QueryBudget budget({.bytes_max = 8 << 20, .queries_max = 2}, metrics);
  QueryMemory memory(budget);
  const QueryControl control{.maybe_memory = &memory};
  const Snapshot snapshot = this->snapshot({chain(10)});
  {
    const auto result = ask(snapshot, "{ }", control);
    ASSERT_TRUE(result);
    EXPECT_GT(memory.used(), 300);
  }
  EXPECT_EQ(memory.used(), 0);
}

// A condition on an event and a link together is asked of each pair.
TEST_P(SearchBounds, PairsOfEventsAndLinksEndInTime) {
  SentSpan one = span(1, 1, 0);
  for (uint32_t i = 0; i < 2'000; ++i) {
    SentEvent event{
        .time_ns = one.start_ns, .name = "e", .attributes = {}, .dropped_attributes = 0};
    event.attributes.push_back({"x", text(fmt::format("event {}", i))});
    one.events.push_back(event);
    SentLink link;
    link.trace_id = one.trace_id;
    link.span_id = one.span_id;
    link.attributes.push_back({"x", text(fmt::format("link {}", i))});
    one.links.push_back(link);
  }
  const Snapshot snapshot = this->snapshot({{one}});
  // A clock that is past the deadline once it has been looked at a few times.
  class LateClock final : public Clock {
   public:
    int64_t unix_ns() const override { return 0; }
    int64_t steady_ns() const override { return ++looks; }
    mutable int64_t looks = 0;
  };
  const LateClock clock;
  const QueryControl control{.maybe_clock = &clock, .deadline_steady_ns = 100};
  const auto late = ask(snapshot, "{ event.x = link.x }", control);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::deadline_exceeded);
  EXPECT_LE(clock.looks, 110);
}

TEST_P(SearchBounds, ZerosAreOneGroupAndSoIsNaN) {
  Parts parts(1);
  const double values[] = {0.0, -0.0, std::nan(""), -std::nan(""), 1.0};
  for (size_t i = 0; i < std::size(values); ++i) {
    parts[0].push_back(span(1, i + 1, i));
    parts[0].back().attributes.push_back({"f", real(values[i])});
  }
  const auto result = ask(snapshot(parts), "{ } | by(span.f)");
  ASSERT_TRUE(result);
  std::vector<uint32_t> sizes;
  for (const FoundSpanSet& set : result->traces.at(0).sets) sizes.push_back(set.matched);
  EXPECT_THAT(sizes, ElementsAre(2, 2, 1));
}

// OpenTracing's way to name a parent: the span has none, and does not name the trace.
TEST_P(SearchBounds, ChildrenByLinkNameNoTrace) {
  SentSpan root = span(1, 1, 0);
  SentSpan child = span(1, 2, 0);
  SentLink link;
  link.trace_id = child.trace_id;
  link.span_id = root.span_id;
  link.attributes.push_back({"opentracing.ref_type", text("child_of")});
  child.links.push_back(link);
  SentSpan stranger = span(2, 1, 0);
  stranger.links = child.links;  // into another trace
  SentSpan orphan = child;       // whose parent never came
  orphan.trace_id = orphan.links[0].trace_id = make_trace_id(0, 3);
  const Snapshot snapshot = this->snapshot({{root, child, stranger, orphan}});
  const auto result = ask(snapshot, "{ }");
  ASSERT_TRUE(result);
  std::vector<std::string> names;
  for (const FoundTrace& trace : result->traces) names.push_back(trace.root_name);
  EXPECT_THAT(names, testing::UnorderedElementsAre("span 1", "span 1", ""));
  EXPECT_THAT(traces_of(ask(snapshot, "{ rootName = `span 2` }")), IsEmpty());
  EXPECT_THAT(traces_of(ask(snapshot, "{ rootName = `span 1` && span:id = `0000000000000002` }")),
              ElementsAre(1));
}

INSTANTIATE_TEST_SUITE_P(HeadAndBlock, SearchBounds, testing::Bool());

// Of a trace in two parts one half is damaged where by() looks: the others of the row group that
// is visited are whole.
TEST(SearchDamage, OfASplitTraceCostsThatTrace) {
  Parts parts(2);
  for (const uint64_t trace : {1, 2, 3}) parts[0].push_back(span(trace, 1, 0));
  parts[1].push_back(span(2, 2, 1));
  for (auto& spans : parts) {
    for (SentSpan& each : spans) each.attributes.push_back({"x", text("y")});
  }
  Snapshot snapshot = snapshot_of(parts);
  const auto damaged = std::make_shared<AlteredPart>(snapshot.parts[1], 1);
  damaged->fail_attribute = [](Scope, uint32_t, uint32_t) { return true; };
  snapshot.parts[1] = damaged;
  const auto result = ask(snapshot, "{ } | by(span.x)");
  EXPECT_THAT(traces_of(result), ElementsAre(3, 1));
  EXPECT_EQ(result->damaged, 1U);
}

}  // namespace
}  // namespace vivace
