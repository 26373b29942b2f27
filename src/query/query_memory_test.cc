// What a question is charged for while it grows: what an answer shows, span by span; lists of
// attributes that have no column; the traces that were gathered.
#include <cstdio>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "query/metrics_testing.h"
#include "query/pipeline_scan.h"
#include "query/query_budget.h"
#include "query/testing/ask_search.h"

namespace vivace {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kMiB = 1 << 20;

// One question of a budget.
struct Asking {
  explicit Asking(int64_t bytes_max)
      : budget({.bytes_max = bytes_max, .queries_max = 2}, metrics), memory(budget) {}

  Metrics metrics;
  QueryBudget budget;
  QueryMemory memory;
  QueryControl control{.maybe_memory = &memory};
};

Result<SearchResult> search_for(const Snapshot& snapshot, const std::string& text,
                                const Asking& asking) {
  const auto one_of_many = [](SearchQuestion& question) {
    question.limit = 1;
    question.spans_per_set = 100;
  };
  return ask(snapshot, text, one_of_many, asking.control);
}

// One trace; heads lend its texts, so that its columns cost next to nothing.
std::vector<SentSpan> one_trace(uint32_t spans, const SentAttributes& attributes) {
  std::vector<SentSpan> out;
  for (uint32_t i = 1; i <= spans; ++i) {
    out.push_back(span(i, attributes));
    out.back().trace_id = make_trace_id(0, 1);
    out.back().attributes.push_back({"g", integer(i % 50)});
  }
  return out;
}

// What a refusal says that the question needed when it was refused.
int64_t mib_in(const Error& error) {
  int mib = -1;
  EXPECT_EQ(std::sscanf(error.message.c_str(), "the query needs %d MiB", &mib), 1) << error.message;
  return mib;
}

void expect_refused_at_once(const Result<SearchResult>& result) {
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::too_large);
  EXPECT_LE(mib_in(result.error()), 8) << "built before it was charged";
}

// 5,000 spans of 8,000 bytes each: 38 MiB.
TEST(QueryMemory, WhatIsShownIsChargedSpanBySpan) {
  const SentAttributes large = {{"a", text(std::string(2'000, 'a'))},
                                {"b", text(std::string(2'000, 'b'))},
                                {"c", text(std::string(2'000, 'c'))},
                                {"d", text(std::string(2'000, 'd'))}};
  const Snapshot snapshot = snapshot_of({one_trace(5'000, large)});
  Asking asking(8 * kMiB);
  const std::string select = "select(span.a, span.b, span.c, span.d)";
  expect_refused_at_once(search_for(snapshot, "{ } | by(span.g) | " + select, asking));
  EXPECT_EQ(asking.memory.used(), 0);
  {
    const auto one = search_for(snapshot, "{ } | " + select, asking);
    ASSERT_TRUE(one) << one.error().message;
    EXPECT_GT(asking.memory.used(), 100 * 8'000);
  }
  EXPECT_EQ(asking.memory.used(), 0);
}

// Values of lists have their texts elsewhere; so have services.
TEST(QueryMemory, ShownListsAndServicesAreChargedAsWell) {
  std::vector<SentValue> elements;
  for (int i = 0; i < 20; ++i) elements.push_back(text(std::string(100, 'e')));
  std::vector<SentSpan> spans = one_trace(5'000, {{"list", array(elements)}});
  Asking asking(8 * kMiB);
  expect_refused_at_once(
      search_for(snapshot_of({spans}), "{ } | by(span.g) | select(span.list)", asking));

  for (uint32_t i = 0; i < spans.size(); ++i) {
    spans[i].attributes.clear();
    const std::string name = fmt::format("{:05}", i) + std::string(1'995, 's');
    spans[i].resource = resource_with({{"service.name", text(name)}});
  }
  expect_refused_at_once(search_for(snapshot_of({spans}), "{ }", asking));
}

// Each of 2,500 keys comes 24 times: more than may have columns, in row groups of a block.
TEST(QueryMemory, ListsOfFurtherAttributesAreCharged) {
  std::vector<SentSpan> spans;
  for (uint32_t i = 1; i <= 3'000; ++i) {
    spans.push_back(span(i));
    for (uint32_t k = 0; k < 20; ++k) {
      spans.back().attributes.push_back({fmt::format("key{:04}", (i * 20 + k) % 2'500), text("v")});
    }
  }
  MixedParts disk;
  const Snapshot snapshot = disk.snapshot({spans}, [](size_t) { return true; });
  Asking asking(8 * kMiB);
  const auto result = search_for(
      snapshot, "{ span.key0007 = `w` || span.key1007 = `w` || span.key2007 = `w` }", asking);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_TRUE(result->traces.empty());
  EXPECT_GT(asking.memory.peak(), 30'000 * 16) << "key, type, value and owner of each";
}

TEST(QueryMemory, FirstValuesOfKeysSentTwiceAreCharged) {
  std::vector<SentSpan> spans;
  for (uint32_t i = 1; i <= 3'000; ++i) {
    spans.push_back(span(i, {{"k", integer(1)}, {"k", integer(2)}}));
  }
  Asking asking(8 * kMiB);
  const auto result = search_for(snapshot_of({spans}), "{ span.k = 2 }", asking);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_TRUE(result->traces.empty()) << "the first one counts";
  EXPECT_GT(asking.memory.peak(), 3'000 * 32);
}

class NoSink final : public SpanSink {
 public:
  Result<void> take(uint32_t, GroupColumns&, const Bits&) override { return {}; }
};

// Between two tenants any trace may be split, so that each is gathered, once.
TEST(QueryMemory, GatheredTracesAreCharged) {
  std::vector<SentSpan> spans;
  for (uint32_t i = 1; i <= 30'000; ++i) spans.push_back(span(i));
  const std::vector<Snapshot> tenants = {snapshot_of({spans}), snapshot_of({{span(30'001)}})};
  const auto scan = [&](const Asking& asking) {
    const auto query = traceql::parse("{ } | count() = 1");
    PartSet parts(tenants, asking.control);
    auto pipeline = Pipeline::compile(query->pipeline);
    EXPECT_TRUE(pipeline);
    TraceFactsOf facts(parts, false);
    NoSink sink;
    return scan_pipeline(parts, *pipeline, {}, facts, asking.control, sink);
  };
  Asking roomy(8 * kMiB);
  EXPECT_TRUE(scan(roomy));
  EXPECT_GT(roomy.memory.peak(), 30'000 * 32);
  EXPECT_EQ(roomy.memory.used(), 0);

  Asking narrow(kMiB);
  const auto refused = scan(narrow);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("query_memory"));
}

}  // namespace
}  // namespace vivace
