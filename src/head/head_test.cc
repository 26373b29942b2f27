// A head gives back what was appended: every field of every span, each span once, by trace, whole
// batches only.
#include "head/head.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include <gtest/gtest.h>

#include "decode/otlp.h"
#include "model/testing/otlp_bytes.h"
#include "model/testing/same_span.h"

namespace vivace {
namespace {

std::unique_ptr<Batch> to_batch(const std::vector<SentSpan>& spans) {
  auto batch = decode_otlp(to_otlp(spans), {});
  ASSERT(batch);
  return std::move(*batch);
}

SentSpan read_back(const Head& head, uint32_t row) {
  static SpanView span;  // used again and again, as writers do
  static ResourceView resource;
  static ScopeView scope;
  head.read_span(row, span);
  head.read_resource(head.resource(row), resource);
  head.read_scope(head.scope(row), scope);
  return to_sent(span, resource, scope);
}

SentSpan simple(uint64_t trace, uint64_t id, int32_t kind = 1) {
  SentSpan span;
  span.trace_id = make_trace_id(0, trace);
  span.span_id = make_span_id(id);
  span.kind = kind;
  span.name = "span";
  return span;
}

std::vector<uint32_t> rows_of(const Head& head, const TraceId& id) {
  std::vector<uint32_t> rows;
  head.find_trace(id, head.rows(), rows);
  return rows;
}

TEST(Head, IsEmptyAtFirst) {
  Head head;
  EXPECT_EQ(head.rows(), 0U);
  EXPECT_EQ(head.traces(), 0U);
  EXPECT_TRUE(rows_of(head, make_trace_id(0, 1)).empty());
  const auto appended = head.append(Batch(), 1);
  EXPECT_EQ(appended.spans + appended.repeats + appended.new_traces, 0U);
  EXPECT_EQ(head.rows(), 0U);
}

class RandomHead : public testing::TestWithParam<uint64_t> {};
INSTANTIATE_TEST_SUITE_P(Seeds, RandomHead, testing::Values(41, 42, 43));

TEST_P(RandomHead, GivesBackEveryFieldOfEverySpan) {
  RandomSpans random(GetParam());
  Head head;
  std::vector<SentSpan> sent;
  std::map<TraceId, std::vector<uint32_t>> traces;
  for (int i = 0; i < 150; ++i) {
    const std::vector<SentSpan> spans = random.request(1 + random.number(40));
    const auto appended = head.append(*to_batch(spans), 1);
    EXPECT_EQ(appended.spans, spans.size());
    EXPECT_EQ(appended.repeats, 0U);
    for (const SentSpan& span : spans) {
      traces[span.trace_id].push_back(static_cast<uint32_t>(sent.size()));
      sent.push_back(span);
    }
  }
  ASSERT_EQ(head.rows(), sent.size());
  ASSERT_EQ(head.traces(), traces.size());
  for (uint32_t row = 0; row < head.rows(); ++row) {
    ASSERT_EQ(difference(read_back(head, row), sent[row]), "") << "row " << row;
    const Head::SpanKey key = head.key(row);
    ASSERT_EQ(key.start_ns, sent[row].start_ns);
    ASSERT_EQ(key.span_id, sent[row].span_id);
    ASSERT_EQ(key.kind, sent[row].kind);
  }
  for (auto& [id, rows] : traces) {
    std::ranges::reverse(rows);  // newest first
    ASSERT_EQ(rows_of(head, id), rows);
  }
}

TEST(Head, ShowsOnlyRowsBelowTheAskedCount) {
  Head head;
  head.append(*to_batch({simple(1, 1), simple(2, 2), simple(1, 3)}), 1);
  const uint32_t before = head.rows();
  head.append(*to_batch({simple(1, 4), simple(3, 5)}), 1);
  std::vector<uint32_t> rows = {77};
  head.find_trace(make_trace_id(0, 1), before, rows);
  EXPECT_EQ(rows, (std::vector<uint32_t>{77, 2, 0})) << "appends to what is there";
  rows.clear();
  head.find_trace(make_trace_id(0, 3), before, rows);
  EXPECT_TRUE(rows.empty());
  head.find_trace(make_trace_id(0, 1), 1, rows);
  EXPECT_EQ(rows, (std::vector<uint32_t>{0}));
}

TEST(Head, DropsRepeatsWithinABatchAndAcrossBatches) {
  Head head;
  SentSpan first = simple(1, 1);
  SentSpan second = first;
  second.name = "another name, the same span";
  auto appended = head.append(*to_batch({first, second, simple(1, 2), first}), 1);
  EXPECT_EQ(appended.spans, 2U);
  EXPECT_EQ(appended.repeats, 2U);
  EXPECT_EQ(appended.new_traces, 1U);
  appended = head.append(*to_batch({second, simple(2, 1)}), 1);
  EXPECT_EQ(appended.spans, 1U) << "the same span id in another trace is another span";
  EXPECT_EQ(appended.repeats, 1U);
  EXPECT_EQ(appended.new_traces, 1U);
  EXPECT_EQ(read_back(head, 0).name, "span") << "the first copy wins";
  EXPECT_EQ(head.rows(), 3U);
}

TEST(Head, TellsSpansOfDifferentKindApart) {
  Head head;
  const std::vector<int32_t> kinds = {0, 1, 2, 3, 5, 254, 255, 256, -1, INT32_MIN, INT32_MAX};
  std::vector<SentSpan> spans;
  for (const int32_t kind : kinds) spans.push_back(simple(1, 1, kind));
  EXPECT_EQ(head.append(*to_batch(spans), 1).spans, kinds.size());
  EXPECT_EQ(head.append(*to_batch(spans), 1).repeats, kinds.size());
  for (uint32_t row = 0; row < head.rows(); ++row) EXPECT_EQ(head.key(row).kind, kinds[row]);
}

// Random spans, sent again at random: alone, with their batch, mixed with new ones.
TEST_P(RandomHead, StoresEverySpanOnce) {
  RandomSpans random(GetParam());
  Head head;
  std::vector<SentSpan> sent;
  std::set<std::tuple<TraceId, uint64_t, int32_t>> known;
  size_t repeats = 0;
  for (int i = 0; i < 200; ++i) {
    std::vector<SentSpan> spans = random.request(random.number(20));
    for (uint64_t left = random.number(10); left > 0 && !sent.empty(); --left) {
      SentSpan again = sent[random.number(sent.size())];
      if (random.chance(20)) again.kind ^= 1;
      if (random.chance(20)) again.name = "changed";
      spans.insert(spans.begin() + static_cast<ptrdiff_t>(random.number(spans.size() + 1)), again);
    }
    const auto appended = head.append(*to_batch(spans), 1);
    repeats += appended.repeats;
    EXPECT_EQ(appended.spans + appended.repeats, spans.size());
    for (const SentSpan& span : spans) {
      if (known.emplace(span.trace_id, span.span_id.raw, span.kind).second) sent.push_back(span);
    }
    ASSERT_EQ(head.rows(), sent.size());
  }
  EXPECT_GT(repeats, 100U);
  for (uint32_t row = 0; row < head.rows(); ++row) {
    ASSERT_EQ(difference(read_back(head, row), sent[row]), "") << "row " << row;
  }
}

TEST(Head, NumbersEqualResourcesAndScopesOnce) {
  Head head;
  SentSpan a = simple(1, 1);
  SentResource shop;
  shop.attributes = {{"service.name", {ValueType::string, 0, "shop"}}};
  a.resource = std::make_shared<SentResource>(shop);
  SentSpan b = simple(1, 2);
  b.resource = std::make_shared<SentResource>(shop);  // equal, sent as another group
  SentSpan c = simple(1, 3);
  SentSpan d = simple(1, 4);
  d.resource = a.resource;
  SentScope scope;
  scope.name = "lib";
  d.scope = std::make_shared<SentScope>(scope);
  SentSpan e = simple(1, 5);
  shop.schema_url = "https://schema";
  e.resource = std::make_shared<SentResource>(shop);
  head.append(*to_batch({a, c, b}), 1);
  head.append(*to_batch({d, e}), 1);
  EXPECT_EQ(head.resource(0), head.resource(2));
  EXPECT_EQ(head.resource(0), head.resource(3));
  EXPECT_NE(head.resource(0), head.resource(1));
  EXPECT_NE(head.resource(0), head.resource(4)) << "another schema is another resource";
  EXPECT_EQ(head.scope(0), head.scope(1));
  EXPECT_NE(head.scope(0), head.scope(3));
}

TEST(Head, KeepsALargeTraceWhole) {
  constexpr uint64_t kSpans = 100'000;
  Head head;
  for (uint64_t from = 0; from < kSpans; from += 1000) {
    std::vector<SentSpan> spans;
    for (uint64_t i = from; i < from + 1000; ++i) {
      spans.push_back(simple(1, i + 1));
      spans.back().start_ns = i;
    }
    head.append(*to_batch(spans), 1);
  }
  const std::vector<uint32_t> rows = rows_of(head, make_trace_id(0, 1));
  ASSERT_EQ(rows.size(), kSpans);
  for (uint64_t i = 0; i < kSpans; ++i) {
    ASSERT_EQ(rows[i], kSpans - 1 - i);
    ASSERT_EQ(head.key(rows[i]).span_id, make_span_id(kSpans - i));
  }
}

}  // namespace
}  // namespace vivace
