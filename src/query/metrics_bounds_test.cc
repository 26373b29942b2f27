// What a metrics query may cost, and what damage costs it: the memory of its answer, the clock in
// second stages, row groups that count whole or not at all, attributes that are given up.
#include <cmath>
#include <stop_token>

#include <gmock/gmock.h>

#include "model/testing/altered_part.h"
#include "query/metrics_series.h"
#include "query/metrics_testing.h"

namespace vivace {
namespace {

using testing::HasSubstr;
using testing::Not;

SentSpan span_with(uint64_t k, const char* key, int64_t value) {
  return span_at(k, 100, 1, {{key, integer(value)}});
}

TEST(MetricsBounds, TheAnswerIsCountedAsWell) {
  std::string all = ".01";
  for (int i = 2; i < 100; ++i) all += fmt::format(", .{:02}", i);
  const Snapshot snapshot = snapshot_of({{span_at(1, 100)}});
  const MetricsLimits limits{.exemplars_max = 0, .memory_bytes_max = 1 << 20};
  const auto one = ask(snapshot, {"{ } | quantile_over_time(duration, .5)", 1, 2'000, 1, limits});
  EXPECT_TRUE(one) << one.error().message;
  const auto many =
      ask(snapshot, {"{ } | quantile_over_time(duration, " + all + ")", 1, 2'000, 1, limits});
  ASSERT_FALSE(many) << "99 series of 2,001 points are 1.5 MiB";
  EXPECT_EQ(many.error().code, Code::too_large);
}

// As long as it lives: while it is sent nothing else is left of the question.
TEST(MetricsBounds, TheAnswerIsChargedUntilItIsGone) {
  Parts parts(1);
  for (uint64_t k = 1; k <= 50; ++k) {
    parts[0].push_back(span_with(k, "k", static_cast<int64_t>(k)));
  }
  const Snapshot snapshot = snapshot_of(parts);
  const auto query = traceql::parse("{ } | rate() by (span.k)");
  ASSERT_TRUE(query);
  auto question = plan_metrics(*query);
  question->axis = *MetricsAxis::range(kSecond, 2'000 * kSecond, kSecond, 10'000);
  Metrics metrics;
  QueryBudget budget({.bytes_max = 16 << 20, .queries_max = 2}, metrics);
  QueryMemory memory(budget);
  const QueryControl control{.maybe_memory = &memory};
  {
    const auto result = evaluate_metrics({&snapshot, 1}, *question, control);
    ASSERT_TRUE(result) << result.error().message;
    ASSERT_EQ(result->series.size(), 50U);
    const int64_t answer_bytes = int64_t{50} * 2'000 * static_cast<int64_t>(sizeof(double));
    EXPECT_GT(memory.used(), answer_bytes);
    EXPECT_LT(memory.used(), answer_bytes * 3 / 2) << "what was counted is gone";
  }
  EXPECT_EQ(memory.used(), 0);
}

// What grows there is no number of series that somebody asked for.
TEST(MetricsBounds, AComparisonThatIsTooLargeSaysWhatToAskFor) {
  Parts parts(1);
  for (uint64_t k = 1; k <= 200; ++k) {
    parts[0].push_back(span_with(k, "k", static_cast<int64_t>(k % 100)));
  }
  const MetricsLimits limits{.exemplars_max = 0, .memory_bytes_max = 1 << 20};
  const auto refused =
      ask(snapshot_of(parts), {"{ } | compare({ span.k = 1 }, 1000)", 1, 9'000, 1, limits});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::too_large);
  EXPECT_THAT(refused.error().message, HasSubstr("its share of 1 MiB"));
  EXPECT_THAT(refused.error().message,
              HasSubstr("a larger step, a shorter range or a narrower first filter"));
  EXPECT_THAT(refused.error().message, Not(HasSubstr("series")));
}

TEST(MetricsBounds, SecondStagesEndWhenNobodyWaits) {
  std::stop_source stop;
  stop.request_stop();
  const QueryControl control{.stop = stop.get_token()};
  for (const char* stage : {"topk(1)", "bottomk(1)", "> 1"}) {
    const auto query = traceql::parse(fmt::format("{{ }} | rate() by (name) | {}", stage));
    const auto bare = traceql::parse(fmt::format("{{ }} | rate() by (name) {}", stage));
    ASSERT_TRUE(query || bare) << stage;
    std::vector<MetricsSeries> all(3);
    for (MetricsSeries& series : all) series.samples = {1, 2};
    const auto& stages = query ? query->second_stages : bare->second_stages;
    const auto applied = metrics::apply(stages, control, all);
    ASSERT_FALSE(applied) << stage;
    EXPECT_EQ(applied.error().code, Code::cancelled);
  }
}

TEST(MetricsBounds, ASelectionIsAskedOfThePickedSpansAlone) {
  const Snapshot snapshot =
      snapshot_of({{span_with(1, "d", 2), span_with(2, "d", 0), span_with(3, "d", 5)}});
  const auto result =
      ask(snapshot, {"{ span.d != 0 } | compare({ 10 / span.d > 3 })", 90, 100, 10});
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(sum_of(result, "{__meta_type=`selection_total`, name=`nil`}"), 1);
  EXPECT_EQ(sum_of(result, "{__meta_type=`baseline_total`, name=`nil`}"), 1);
  EXPECT_FALSE(ask(snapshot, {"{ } | compare({ 10 / span.d > 3 })", 90, 100, 10}));
}

// One field or column after the other.
TEST(MetricsBounds, DamageLeavesNoHalfOfARowGroupInACompare) {
  const Snapshot whole = snapshot_of({{span_with(1, "k", 1)}, {span_with(2, "k", 7)}});
  const auto check = [](const Snapshot& snapshot, const std::string& what) {
    const auto result = ask(snapshot, {"{ } | compare({ span.k > 4 })", 90, 100, 10});
    ASSERT_TRUE(result) << what << result.error().message;
    if (result->damaged == 0) return;
    EXPECT_EQ(result->counted_spans, 1U) << what;
    EXPECT_THAT(text_of(result), HasSubstr("{__meta_type=`baseline_total`")) << what;
    EXPECT_THAT(text_of(result), Not(HasSubstr("selection"))) << what;
  };
  uint32_t damaged = 0;
  for (const Field field : {Field::name, Field::kind, Field::status_code, Field::status_message,
                            Field::resource, Field::scope, Field::span_shape, Field::scope_name}) {
    Snapshot torn = whole;
    const auto part = std::make_shared<AlteredPart>(whole.parts[1], 1);
    part->fail_field = [field](Field asked, uint32_t) { return asked == field; };
    torn.parts[1] = part;
    check(torn, fmt::format("field {}", static_cast<int>(field)));
    const auto result = ask(torn, {"{ } | compare({ span.k > 4 })", 90, 100, 10});
    damaged += result && result->damaged > 0 ? 1 : 0;
  }
  EXPECT_GE(damaged, 7U);
  for (const Scope scope : {Scope::span, Scope::resource}) {
    Snapshot torn = whole;
    const auto part = std::make_shared<AlteredPart>(whole.parts[1], 1);
    part->fail_attribute = [scope](Scope asked, uint32_t, uint32_t) { return asked == scope; };
    torn.parts[1] = part;
    check(torn, fmt::format("attributes of {}", static_cast<int>(scope)));
  }
}

TEST(MetricsBounds, IdsAreGivenUpAndStillCounted) {
  Parts parts(2);
  for (uint64_t k = 1; k <= 60; ++k) {
    parts[k % 2].push_back(span_at(
        k, 100, 1,
        {{"id", integer(static_cast<int64_t>(k))}, {"few", integer(static_cast<int64_t>(k % 3))}}));
  }
  const MetricsLimits limits{.exemplars_max = 0, .values_max = 10};
  const auto result =
      ask(snapshot_of(parts), {"{ } | compare({ span.few = 1 })", 90, 100, 10, limits});
  ASSERT_TRUE(result);
  EXPECT_EQ(result->incomplete,
            "more than 10 values of span.id, hardly one twice: they are in totals alone");
  EXPECT_EQ(sum_of(result, "{__meta_type=`selection_total`, span.id=`nil`}"), 20);
  EXPECT_EQ(sum_of(result, "{__meta_type=`baseline_total`, span.id=`nil`}"), 40);
  EXPECT_EQ(sum_of(result, "{__meta_type=`selection`, span.few=1}"), 20);
  EXPECT_THAT(text_of(result), Not(HasSubstr("span.id=1}")));
}

// Trace 1 lies in both parts, trace 2 in the first alone.
TEST(MetricsBounds, DamageOfASplitTraceLeavesItsNeighbours) {
  const auto piece = [](uint64_t trace, uint64_t id) {
    SentSpan out = span_with(id, "x", 5);
    out.trace_id = make_trace_id(0, trace);
    return out;
  };
  Snapshot snapshot = snapshot_of({{piece(1, 1), piece(2, 2)}, {piece(1, 3)}});
  const auto part = std::make_shared<AlteredPart>(snapshot.parts[1], 1);
  part->fail_attribute = [](Scope scope, uint32_t, uint32_t) { return scope == Scope::span; };
  snapshot.parts[1] = part;
  const auto result = ask(snapshot, {"{ } | avg(span.x) > 1 | count_over_time()", 90, 100, 10});
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_GE(result->damaged, 1U);
  EXPECT_GE(result->counted_spans, 1U) << "trace 2 is whole";
}

}  // namespace
}  // namespace vivace
