// Pipelines over snapshots: whole traces wherever their spans lie, and the rows that metrics are
// given of them.
#include <set>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "query/pipeline_scan.h"
#include "query/search.h"
#include "query/testing/mixed_parts.h"
#include "traceql/traceql.h"

namespace vivace {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kStart = 1'700'000'000 * kSecond;

SentSpan span(uint64_t trace, uint64_t id, uint64_t parent, const std::string& name) {
  SentSpan out;
  out.trace_id = make_trace_id(0, trace);
  out.span_id = make_span_id(id);
  if (parent != 0) out.parent_id = make_span_id(parent);
  out.name = name;
  out.start_ns = kStart + trace * 100 * kSecond + id * kSecond;
  out.end_ns = out.start_ns + id * kSecond;
  return out;
}

// Three traces: a root, a child, a grandchild; the middle of the second lies in another part.
Parts torn_parts() {
  return {{span(1, 1, 0, "root"), span(1, 2, 1, "child"), span(1, 3, 2, "leaf"),
           span(2, 1, 0, "root"), span(2, 3, 2, "leaf")},
          {span(2, 2, 1, "child"), span(3, 1, 0, "root"), span(3, 3, 2, "leaf")}};
}

// `trace: attributes spans, ...` for each spanset.
std::vector<std::string> found(const Result<SearchResult>& result) {
  std::vector<std::string> out;
  if (!result) return {result.error().message};
  for (const FoundTrace& trace : result->traces) {
    std::string text = fmt::format("{}:", std::byteswap(load<uint64_t>(trace.id.bytes.data() + 8)));
    for (const FoundSpanSet& set : trace.sets) {
      for (const ShownValue& shown : set.attributes) {
        text += fmt::format(" {}={}", shown.key, traceql::datum_text(shown.value));
      }
      for (const FoundSpan& each : set.spans) {
        text += fmt::format(" {}", std::byteswap(each.id.raw));
      }
      text += ";";
    }
    out.push_back(text);
  }
  return out;
}

std::vector<std::string> ask(const Snapshot& snapshot, const std::string& text) {
  const auto query = traceql::parse(text);
  EXPECT_TRUE(query) << text;
  SearchQuestion question = *plan_search(*query);
  question.spans_per_set = 100;
  return found(search({&snapshot, 1}, question, {}));
}

class TornTraces : public testing::TestWithParam<int> {
 protected:
  Snapshot snapshot(const Parts& parts) {
    return disk_.snapshot(parts, [](size_t p) { return (GetParam() >> p & 1) != 0; });
  }
  MixedParts disk_;
};

TEST_P(TornTraces, AreOneTreeForRelations) {
  const Snapshot torn = snapshot(torn_parts());
  EXPECT_THAT(ask(torn, "{ name = `root` } >> { name = `leaf` }"), ElementsAre("2: 3;", "1: 3;"));
  EXPECT_THAT(ask(torn, "{ name = `child` } > { name = `leaf` }"), ElementsAre("2: 3;", "1: 3;"));
  EXPECT_THAT(ask(torn, "{ name = `leaf` } << { name = `root` }"), ElementsAre("2: 1;", "1: 1;"));
  EXPECT_THAT(ask(torn, "{ name = `root` } !>> { name = `leaf` }"), ElementsAre("3: 3;"));
  EXPECT_THAT(ask(torn, "{ name = `root` } &>> { name = `leaf` }"),
              ElementsAre("2: 1 3;", "1: 1 3;"));
  EXPECT_THAT(ask(torn, "{ name = `child` } && { name = `leaf` }"),
              ElementsAre("2: 2 3;", "1: 2 3;"));
  EXPECT_THAT(ask(torn, "{ name = `child` } || { name = `nobody` }"),
              ElementsAre("2: 2;", "1: 2;"));
}

TEST_P(TornTraces, HaveOneNumbering) {
  const Snapshot torn = snapshot(torn_parts());
  EXPECT_THAT(ask(torn, "{ nestedSetLeft = 2 && nestedSetRight = 5 }"),
              ElementsAre("2: 2;", "1: 2;"));
  EXPECT_THAT(ask(torn, "{ nestedSetParent < 0 }"), ElementsAre("3: 1;", "2: 1;", "1: 1;"));
  EXPECT_THAT(ask(torn, "{ nestedSetLeft = 0 }"), ElementsAre("3: 3;"));
  EXPECT_THAT(ask(torn, "{ span:childCount = 0 }"), ElementsAre("3: 1 3;", "2: 3;", "1: 3;"));
}

TEST_P(TornTraces, AreCountedOnce) {
  Parts parts = torn_parts();
  parts[1].push_back(parts[0][1]);  // sent again
  parts[1].push_back(parts[0][3]);
  const Snapshot torn = snapshot(parts);
  EXPECT_THAT(ask(torn, "{ } | count() > 2"), ElementsAre("2: count()=3 1 2 3;",  //
                                                          "1: count()=3 1 2 3;"));
  EXPECT_THAT(ask(torn, "{ } | sum(duration) > 5s"),
              ElementsAre("2: sum(duration)=6s 1 2 3;", "1: sum(duration)=6s 1 2 3;"));
  EXPECT_THAT(ask(torn, "{ name != `root` } | by(name) | count() = 1 | { duration > 2s }"),
              ElementsAre("3: by(name)=`leaf` count()=1 3;", "2: by(name)=`leaf` count()=1 3;",
                          "1: by(name)=`leaf` count()=1 3;"));
  EXPECT_THAT(ask(torn, "{ } | by(name) | coalesce() | count() = 2"),
              ElementsAre("3: count()=2 1 3;"));
}

class RowsOf final : public SpanSink {
 public:
  Result<void> take(uint32_t part, GroupColumns& group, const Bits& rows) override {
    rows.each([&](uint32_t i) {
      const uint32_t row = group.owners(Scope::span).first + i;
      EXPECT_TRUE(seen.emplace(part, row).second) << "a row twice";
      ids.push_back(std::byteswap(*group.number(Field::span_id, row)));
    });
    return {};
  }
  std::set<std::pair<uint32_t, uint32_t>> seen;
  std::vector<uint64_t> ids;
};

TEST_P(TornTraces, GiveTheirRowsToMetrics) {
  Parts parts = torn_parts();
  parts[1].push_back(parts[0][4]);  // sent again
  const Snapshot torn = snapshot(parts);
  const auto rows_of = [&](const std::string& text) {
    const auto query = traceql::parse(text);
    PartSet set({&torn, 1});
    auto pipeline = Pipeline::compile(query->pipeline);
    EXPECT_TRUE(pipeline);
    TraceFactsOf facts(set, pipeline->needs_roots());
    RowsOf sink;
    EXPECT_TRUE(scan_pipeline(set, *pipeline, {}, facts, {}, sink));
    std::ranges::sort(sink.ids);
    return sink.ids;
  };
  EXPECT_THAT(rows_of("{ name = `root` } >> { }"), ElementsAre(2, 2, 3, 3));
  EXPECT_THAT(rows_of("{ name = `leaf` }"), ElementsAre(3, 3, 3));
  EXPECT_THAT(rows_of("{ } | count() > 2"), ElementsAre(1, 1, 2, 2, 3, 3));
  EXPECT_THAT(rows_of("{ name = `root` } | by(duration) | count() > 1"), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(HeadsAndBlocks, TornTraces, testing::Range(0, 4));

TEST(SearchPipeline, ATraceOfSeveralRowGroups) {
  std::vector<SentSpan> spans;
  for (uint64_t i = 1; i <= 70'000; ++i) {
    spans.push_back(span(1, i, i - 1, i % 2 == 0 ? "even" : "odd"));
    spans.back().end_ns = spans.back().start_ns;
  }
  MixedParts disk;
  const Snapshot snapshot = disk.snapshot({spans}, [](size_t) { return true; });
  ASSERT_GT(snapshot.parts.front()->groups(), 1U);
  EXPECT_THAT(ask(snapshot,
                  "{ span:parentID = `` } >> { name = `even` } | count() = 35000 "
                  "| { nestedSetLeft = 70000 }"),
              ElementsAre("1: count()=35000 70000;"));
}

TEST(SearchPipeline, FailuresOfLaterStagesNeedSpans) {
  Parts parts = {{span(1, 1, 0, "a"), span(1, 2, 1, "b")}};
  const SentValue zero{ValueType::integer, 0, ""};
  const SentValue two{ValueType::integer, 2, ""};
  parts[0][0].attributes = {{"n", zero}};
  parts[0][1].attributes = {{"n", two}};
  const Snapshot snapshot = snapshot_of(parts);
  EXPECT_THAT(ask(snapshot, "{ .n > 0 } | count() = 1 | { 4 / .n = 2 }"),
              ElementsAre("1: count()=1 2;"));
  EXPECT_THAT(ask(snapshot, "{ } | count() = 2 | { 4 / .n = 2 }"),
              ElementsAre("the query cannot be evaluated: division by zero in 4 / .n"));
  EXPECT_THAT(ask(snapshot, "({ } | by(name)) > ({ })"),
              ElementsAre("spanset operators are not supported for multiple spansets per trace. "
                          "consider using coalesce()"));
}

}  // namespace
}  // namespace vivace
