// A head gives back what was appended: every field of every span, each span once, by trace, whole
// batches only.
#include "head/head.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include <gtest/gtest.h>

#include "decode/otlp.h"
#include "head/head_part.h"
#include "model/testing/otlp_bytes.h"
#include "model/testing/read_part.h"

namespace vivace {
namespace {

std::unique_ptr<Batch> to_batch(const std::vector<SentSpan>& spans) {
  auto batch = decode_otlp(to_otlp(spans), {});
  ASSERT(batch);
  return std::move(*batch);
}

SentSpan simple(uint64_t trace, uint64_t id, int32_t kind = 1) {
  SentSpan span;
  span.trace_id = make_trace_id(0, trace);
  span.span_id = make_span_id(id);
  span.kind = kind;
  span.name = "span";
  return span;
}

class HeadTest : public testing::Test {
 protected:
  Head::Appended append(const std::vector<SentSpan>& spans) {
    return head_->append(*to_batch(spans), 1);
  }
  SentSpan span(uint32_t row) const { return PartReader(HeadPart(head_)).span(row); }
  uint32_t word(Field field, uint32_t row) const {
    return PartReader(HeadPart(head_)).word(field, row);
  }
  std::vector<uint32_t> rows_of(const TraceId& id) const {
    return PartReader(HeadPart(head_)).rows_of(id);
  }
  void expect_spans(const std::vector<SentSpan>& sent) const {
    const std::vector<SentSpan> got = PartReader(HeadPart(head_)).spans();
    ASSERT_EQ(got.size(), sent.size());
    for (size_t i = 0; i < got.size(); ++i) {
      ASSERT_EQ(difference(got[i], sent[i]), "") << "row " << i;
    }
  }

  std::shared_ptr<Head> head_ = std::make_shared<Head>();
};

TEST_F(HeadTest, IsEmptyAtFirst) {
  EXPECT_EQ(head_->rows(), 0U);
  EXPECT_EQ(head_->traces(), 0U);
  EXPECT_TRUE(rows_of(make_trace_id(0, 1)).empty());
  const auto appended = head_->append(Batch(), 1);
  EXPECT_EQ(appended.spans + appended.repeats + appended.new_traces, 0U);
  EXPECT_EQ(head_->rows(), 0U);
}

class RandomHead : public HeadTest, public testing::WithParamInterface<uint64_t> {};
INSTANTIATE_TEST_SUITE_P(Seeds, RandomHead, testing::Values(41, 42, 43));

TEST_P(RandomHead, GivesBackEveryFieldOfEverySpan) {
  RandomSpans random(GetParam());
  std::vector<SentSpan> sent;
  std::map<TraceId, std::vector<uint32_t>> traces;
  for (int i = 0; i < 150; ++i) {
    const std::vector<SentSpan> spans = random.request(1 + random.number(40));
    const auto appended = append(spans);
    EXPECT_EQ(appended.spans, spans.size());
    EXPECT_EQ(appended.repeats, 0U);
    for (const SentSpan& span : spans) {
      traces[span.trace_id].push_back(static_cast<uint32_t>(sent.size()));
      sent.push_back(span);
    }
  }
  ASSERT_EQ(head_->traces(), traces.size());
  expect_spans(sent);
  for (const auto& [id, rows] : traces) ASSERT_EQ(rows_of(id), rows);
}

TEST_F(HeadTest, DropsRepeatsWithinABatchAndAcrossBatches) {
  SentSpan first = simple(1, 1);
  SentSpan second = first;
  second.name = "another name, the same span";
  auto appended = append({first, second, simple(1, 2), first});
  EXPECT_EQ(appended.spans, 2U);
  EXPECT_EQ(appended.repeats, 2U);
  EXPECT_EQ(appended.new_traces, 1U);
  appended = append({second, simple(2, 1)});
  EXPECT_EQ(appended.spans, 1U) << "the same span id in another trace is another span";
  EXPECT_EQ(appended.repeats, 1U);
  EXPECT_EQ(appended.new_traces, 1U);
  EXPECT_EQ(span(0).name, "span") << "the first copy wins";
  EXPECT_EQ(head_->rows(), 3U);
}

TEST_F(HeadTest, TellsSpansOfDifferentKindApart) {
  const std::vector<int32_t> kinds = {0, 1, 2, 3, 5, 254, 255, 256, -1, INT32_MIN, INT32_MAX};
  std::vector<SentSpan> spans;
  for (const int32_t kind : kinds) spans.push_back(simple(1, 1, kind));
  EXPECT_EQ(append(spans).spans, kinds.size());
  EXPECT_EQ(append(spans).repeats, kinds.size());
  expect_spans(spans);
}

// Random spans, sent again at random: alone, with their batch, mixed with new ones.
TEST_P(RandomHead, StoresEverySpanOnce) {
  RandomSpans random(GetParam());
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
    const auto appended = append(spans);
    repeats += appended.repeats;
    EXPECT_EQ(appended.spans + appended.repeats, spans.size());
    for (const SentSpan& span : spans) {
      if (known.emplace(span.trace_id, span.span_id.raw, span.kind).second) sent.push_back(span);
    }
    ASSERT_EQ(head_->rows(), sent.size());
  }
  EXPECT_GT(repeats, 100U);
  expect_spans(sent);
}

TEST_F(HeadTest, NumbersEqualResourcesAndScopesOnce) {
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
  append({a, c, b});
  append({d, e});
  const auto resource = [this](uint32_t row) { return word(Field::resource, row); };
  const auto scope_of = [this](uint32_t row) { return word(Field::scope, row); };
  EXPECT_EQ(resource(0), resource(2));
  EXPECT_EQ(resource(0), resource(3));
  EXPECT_NE(resource(0), resource(1));
  EXPECT_NE(resource(0), resource(4)) << "another schema is another resource";
  EXPECT_EQ(scope_of(0), scope_of(1));
  EXPECT_NE(scope_of(0), scope_of(3));
}

TEST_F(HeadTest, KeepsALargeTraceWhole) {
  constexpr uint64_t kSpans = 100'000;
  for (uint64_t from = 0; from < kSpans; from += 1000) {
    std::vector<SentSpan> spans;
    for (uint64_t i = from; i < from + 1000; ++i) {
      spans.push_back(simple(1, i + 1));
      spans.back().start_ns = i;
    }
    append(spans);
  }
  const HeadPart part(head_);
  PartReader reader(part);
  const std::vector<uint32_t> rows = reader.rows_of(make_trace_id(0, 1));
  ASSERT_EQ(rows.size(), kSpans);
  for (uint32_t i = 0; i < kSpans; ++i) {
    ASSERT_EQ(rows[i], i);
    ASSERT_EQ(reader.number(Field::span_id, i), make_span_id(i + 1).raw);
  }
}

}  // namespace
}  // namespace vivace
