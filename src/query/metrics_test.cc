// Metrics over spans in a head and in a block: counts and numbers by series, what is zero and what
// is left out, limits, examples, second stages.
#include <algorithm>
#include <random>
#include <set>

#include <gmock/gmock.h>

#include "query/metrics_testing.h"

namespace vivace {
namespace {

using testing::HasSubstr;

// Eight traces of one span: span k starts at k s, lasts 2^k ms, is of service a (b every third) and
// has k, but for the fourth.
std::vector<SentSpan> eight() {
  std::vector<SentSpan> out;
  for (uint64_t k = 1; k <= 8; ++k) {
    SentSpan s = span_at(k, 3600.0 + static_cast<double>(k), std::pow(2.0, k) / 1000);
    if (k != 4) s.attributes.push_back({"k", integer(static_cast<int64_t>(k))});
    out.push_back(of_service(std::move(s), k % 3 == 0 ? "b" : "a"));
  }
  return out;
}

class MetricsOfSpans : public testing::TestWithParam<bool> {
 protected:
  Snapshot snapshot(const std::vector<SentSpan>& spans) {
    return disk_.snapshot({spans}, [](size_t) { return GetParam(); });
  }
  std::string over_eight(const std::string& query, uint64_t start = 0, uint64_t end = 8,
                         uint64_t step = 4) {
    return text_of(ask(snapshot(eight()), {query, 3600 + start, 3600 + end, step}));
  }

  MixedParts disk_;
};

INSTANTIATE_TEST_SUITE_P(HeadAndBlock, MetricsOfSpans, testing::Bool());

TEST_P(MetricsOfSpans, CountsInRightClosedIntervals) {
  EXPECT_EQ(over_eight("{ } | count_over_time()"), "{__name__=`count_over_time`} 0 4 4\n");
  EXPECT_EQ(over_eight("{ .k > 2 } | rate()"), "{__name__=`rate`} 0 0.25 1\n");
  EXPECT_EQ(over_eight("{ } | count_over_time()", 3, 7), "{__name__=`count_over_time`} 0 4 4\n");
  EXPECT_EQ(over_eight("{ } | count_over_time()", 1, 6, 0), "{__name__=`count_over_time`} 5\n");
  EXPECT_EQ(over_eight("{ } | count_over_time()", 4, 5, 1), "{__name__=`count_over_time`} 1 1\n");
}

TEST_P(MetricsOfSpans, LaterFiltersSeeOnlyWhatEarlierOnesLeft) {
  EXPECT_EQ(over_eight("{ .k != 4 } | { 10 / (.k - 4) > 0 } | count_over_time()"),
            "{__name__=`count_over_time`} 0 0 4\n");
}

TEST_P(MetricsOfSpans, GroupsByValuesOfAnyKind) {
  EXPECT_EQ(over_eight("{ } | count_over_time() by (resource.service.name)"),
            "{resource.service.name=`a`} 0 3 3\n{resource.service.name=`b`} 0 1 1\n");
  EXPECT_EQ(over_eight("{ span.k != nil } | sum_over_time(span.k) by (span.zz)", 4, 8),
            "{span.zz=`nil`} 6 26\n");
  EXPECT_EQ(over_eight("{ span.k > 6 } | rate() by (span.k, .service.name)"),
            "{span.k=7, .service.name=`a`} 0 0 0.25\n{span.k=8, .service.name=`a`} 0 0 0.25\n");
  EXPECT_EQ(over_eight("{ span.k < 2 } | rate() by (status, kind, name, duration)"),
            "{status=`unset`, kind=`unspecified`, name=``, duration=`2ms`} 0 0.25 0\n");
}

TEST_P(MetricsOfSpans, NumbersLeaveOutWhatIsEmpty) {
  EXPECT_EQ(over_eight("{ } | max_over_time(span.k)"), "{__name__=`max_over_time`} - 3 8\n");
  EXPECT_EQ(over_eight("{ } | min_over_time(duration)"),
            "{__name__=`min_over_time`} - 0.002 0.032\n");
  EXPECT_EQ(over_eight("{ } | avg_over_time(span.k)"), "{__name__=`avg_over_time`} - 2 6.5\n");
  EXPECT_EQ(over_eight("{ } | sum_over_time(.k) by (.service.name)"),
            "{.service.name=`a`} - 3 20\n{.service.name=`b`} - 3 6\n");
  EXPECT_EQ(over_eight("{ } | max_over_time(span.none)"), "");
  EXPECT_EQ(over_eight("{ name = `none` } | max_over_time(duration)"), "");
}

TEST_P(MetricsOfSpans, AreZeroWithoutSpans) {
  EXPECT_EQ(over_eight("{ name = `none` } | rate()"), "{__name__=`rate`} 0 0 0\n");
  EXPECT_EQ(over_eight("{ false } | count_over_time()"), "{__name__=`count_over_time`} 0 0 0\n");
  EXPECT_EQ(over_eight("{ name = `none` } | rate() by (name)"), "");
  EXPECT_EQ(over_eight("{ name = `none` } | quantile_over_time(duration, .5)"), "");
}

TEST_P(MetricsOfSpans, HistogramsHavePowersOfTwo) {
  EXPECT_EQ(over_eight("{ } | histogram_over_time(span.k)", 0, 4),
            "{__bucket=2.0} 0 1\n{__bucket=4.0} 0 1\n");
  EXPECT_EQ(over_eight("{ span.k = 8 } | histogram_over_time(duration) by (span.k)", 4, 8),
            "{span.k=8, __bucket=0.268435456} 0 1\n");
}

TEST_P(MetricsOfSpans, QuantilesOfFewValuesAreExact) {
  EXPECT_EQ(over_eight("{ } | quantile_over_time(duration, 0, .5, 1)"),
            "{p=0.0} 0 0.002 0.032\n{p=0.5} 0 0.004 0.064\n{p=1.0} 0 0.016 0.256\n");
}

TEST_P(MetricsOfSpans, GoThroughSecondStages) {
  EXPECT_EQ(over_eight("{ } | rate() by (.service.name) | topk(1)"),
            "{.service.name=`a`} 0 0.75 "
            "0.75\n");
  EXPECT_EQ(over_eight("{ } | rate() by (.service.name) | bottomk(1)"),
            "{.service.name=`b`} 0 0.25 0.25\n");
  EXPECT_EQ(over_eight("{ } | count_over_time() by (.service.name) >= 2"),
            "{.service.name=`a`} - 3 3\n");
  EXPECT_EQ(over_eight("{ } | max_over_time(duration) > 100ms"),
            "{__name__=`max_over_time`} - - 0.256\n");
  EXPECT_EQ(over_eight("{ } | count_over_time() by (span.k) > 0 | topk(2)", 4, 8),
            "{span.k=2} 1 -\n{span.k=3} 1 -\n{span.k=7} - 1\n{span.k=8} - 1\n");
}

TEST_P(MetricsOfSpans, TakeTheSpansValueBeforeTheResources) {
  std::vector<SentSpan> spans;
  for (uint64_t k = 1; k <= 4; ++k) {
    SentSpan s = span_at(k, 100);
    s.resource = resource_with({{"x", integer(10)}, {"y", text("r")}});
    if (k == 1) s.attributes = {{"x", integer(1)}, {"y", text("s")}};
    if (k == 2) s.attributes = {{"x", text("two")}};                   // hides, and is no number
    if (k == 3) s.attributes = {{"x", real(0.5)}, {"x", integer(7)}};  // the first counts
    spans.push_back(s);
  }
  const Snapshot all = snapshot(spans);
  EXPECT_EQ(text_of(ask(all, {"{ } | sum_over_time(.x)", 90, 100, 0})),
            "{__name__=`sum_over_time`} 11.5\n");
  EXPECT_EQ(text_of(ask(all, {"{ } | sum_over_time(resource.x)", 90, 100, 0})),
            "{__name__=`sum_over_time`} 40\n");
  EXPECT_EQ(text_of(ask(all, {"{ } | count_over_time() by (.y)", 90, 100, 0})),
            "{.y=`r`} 3\n{.y=`s`} 1\n");
  EXPECT_EQ(text_of(ask(all, {"{ } | count_over_time() by (span.x)", 90, 100, 0})),
            "{span.x=0.5} 1\n{span.x=1} 1\n{span.x=`nil`} 1\n{span.x=`two`} 1\n");
}

TEST_P(MetricsOfSpans, SeeTracesEventsAndScopes) {
  SentSpan root = of_service(span_at(1, 50, 4), "front");
  root.name = "GET /";
  SentSpan child = of_service(span_at(2, 51, 1), "back");
  child.trace_id = root.trace_id;
  child.parent_id = root.span_id;
  child.events.push_back(event_with({{"why", text("late")}}));
  child.events.back().time_ns = child.start_ns + 250;
  child.scope = scope_with({{"lib", text("x")}});
  const Snapshot all = snapshot({root, child});
  EXPECT_EQ(
      text_of(ask(all, {"{ } | count_over_time() by (rootServiceName, rootName)", 40, 60, 0})),
      "{rootServiceName=`front`, rootName=`GET /`} 2\n");
  EXPECT_EQ(text_of(ask(all, {"{ } | max_over_time(trace:duration)", 40, 60, 0})),
            "{__name__=`max_over_time`} 4000000000\n");
  EXPECT_EQ(
      text_of(ask(all, {"{ } | count_over_time() by (event.why, instrumentation.lib)", 40, 60, 0})),
      "{event.why=`nil`} 1\n{event.why=`late`, instrumentation.lib=`x`} 1\n");
  EXPECT_EQ(text_of(ask(all, {"{ } | max_over_time(event:timeSinceStart)", 40, 60, 0})),
            "{__name__=`max_over_time`} 250\n");
}

TEST_P(MetricsOfSpans, CountSpansThatWholeTracesLeave) {
  SentSpan root = of_service(span_at(1, 50, 4), "front");
  SentSpan child = of_service(span_at(2, 51, 1), "back");
  child.trace_id = root.trace_id;
  child.parent_id = root.span_id;
  const Snapshot all = snapshot({root, child, of_service(span_at(3, 52), "front")});
  const auto count = [&](const std::string& query) {
    return text_of(ask(all, {query + " | count_over_time() by (.service.name)", 40, 60, 0}));
  };
  EXPECT_EQ(count("{ } > { }"), "{.service.name=`back`} 1\n");
  EXPECT_EQ(count("{ } | count() > 1"), "{.service.name=`back`} 1\n{.service.name=`front`} 1\n");
  EXPECT_EQ(count("{ } | by(name)"), "{.service.name=`back`} 1\n{.service.name=`front`} 2\n");
  EXPECT_EQ(count("{ nestedSetParent < 0 }"), "{.service.name=`front`} 2\n");
}

TEST_P(MetricsOfSpans, RememberWholeRowGroups) {
  std::vector<SentSpan> spans;
  for (uint64_t k = 1; k <= 3000; ++k) {
    const double start_s = 100 + static_cast<double>(k % 10) + (k % 7 == 0 ? 0.25 : 0);
    spans.push_back(of_service(span_at(k, start_s, 0.1), k % 3 == 0 ? "x" : "y"));
  }
  const Snapshot all = snapshot(spans);
  ResourceCounts counts(1 << 20);
  for (const char* by : {"", " by (resource.service.name)"}) {
    const auto query = traceql::parse(std::string("{ } | count_over_time()") + by);
    for (const uint64_t step_ns : {kSecond, 4 * kSecond, kSecond / 2, 1000 * kSecond}) {
      const auto ask_with = [&](ResourceCounts* maybe_counts) {
        MetricsQuestion question = *plan_metrics(*query);
        question.axis = *MetricsAxis::range(102 * kSecond, 107 * kSecond, step_ns, 10'000);
        question.limits.exemplars_max = 0;
        question.maybe_counts = maybe_counts;
        return text_of(evaluate_metrics({&all, 1}, question, {}));
      };
      const std::string plain = ask_with(nullptr);
      for (int round = 0; round < 3; ++round) EXPECT_EQ(ask_with(&counts), plain) << step_ns;
    }
  }
  EXPECT_EQ(counts.bytes() > 0, GetParam()) << "of blocks, which do not change";
}

// ------------------------------------------------------------------------------- many spans

TEST_P(MetricsOfSpans, ManyQuantilesAreWithinOnePercent) {
  std::mt19937_64 random(7);
  std::lognormal_distribution<double> seconds(0, 3);
  std::vector<SentSpan> spans;
  std::vector<double> durations;
  std::vector<double> signed_values;
  for (uint64_t k = 1; k <= 5000; ++k) {
    SentSpan s = span_at(k, 1000, std::min(seconds(random), 1e6));
    durations.push_back(static_cast<double>(s.end_ns - s.start_ns) / 1e9);
    signed_values.push_back(k % 10 == 0 ? 0 : (k % 3 == 0 ? -1 : 1) * seconds(random));
    s.attributes = {{"v", real(signed_values.back())}};
    spans.push_back(s);
  }
  std::ranges::sort(durations);
  std::ranges::sort(signed_values);
  const Snapshot all = snapshot(spans);
  for (const char* of : {"duration", "span.v"}) {
    const auto& exact = of[0] == 'd' ? durations : signed_values;
    const auto result = ask(
        all, {fmt::format("{{ }} | quantile_over_time({}, 0, .01, .25, .33, .5, .9, .999, 1)", of),
              990, 1000, 0});
    ASSERT_TRUE(result);
    ASSERT_EQ(result->series.size(), 8u);
    for (const MetricsSeries& series : result->series) {
      const double q = series.labels.back().value.as<double>();
      const auto rank = static_cast<size_t>(std::max(1.0, std::ceil(q * 5000)));
      EXPECT_NEAR(series.samples[0], exact[rank - 1], std::abs(exact[rank - 1]) * 0.01) << of << q;
    }
  }
}

TEST_P(MetricsOfSpans, CountOnceInEachOfManyIntervals) {
  std::vector<SentSpan> spans;
  for (uint64_t k = 1; k <= 20'000; ++k) {
    spans.push_back(of_service(span_at(k, 5000 + static_cast<double>(k * 7919 % 400'000) / 1000),
                               k % 4 == 0 ? "x" : "y"));
  }
  const auto result =
      ask(snapshot(spans), {"{ } | count_over_time() by (.service.name)", 5000, 5401, 1});
  ASSERT_TRUE(result);
  ASSERT_EQ(result->series.size(), 2u);
  std::vector<double> counts(2);
  for (size_t s = 0; s < 2; ++s) {
    for (const double sample : result->series[s].samples) counts[s] += sample;
  }
  EXPECT_THAT(counts, testing::ElementsAre(5000, 15'000));
  std::vector<double> by_hand(402);
  for (const SentSpan& s : spans) {
    if (s.start_ns > 4999 * kSecond) ++by_hand[(s.start_ns + kSecond - 1) / kSecond - 5000];
  }
  for (size_t i = 0; i < by_hand.size(); ++i) {
    EXPECT_EQ(result->series[0].samples[i] + result->series[1].samples[i], by_hand[i]) << i;
  }
}

// ------------------------------------------------------------------------------- limits

TEST_P(MetricsOfSpans, SayWhichAttributeHasTooManyValues) {
  std::vector<SentSpan> spans;
  for (uint64_t k = 1; k <= 30; ++k) {
    spans.push_back(span_at(k, 100, 1, {{"id", integer(static_cast<int64_t>(k))}}));
  }
  const Snapshot all = snapshot(spans);
  const MetricsLimits limits{.exemplars_max = 0, .values_max = 10};
  const auto result = ask(all, {"{ } | rate() by (span.id)", 90, 100, 10, limits});
  ASSERT_TRUE(result);
  EXPECT_EQ(result->series.size(), 10u);
  EXPECT_EQ(result->incomplete,
            "more than 10 values of span.id: spans with further ones are left out");
  const auto compared = ask(all, {"{ } | compare({ span.id < 5 }, 3)", 90, 100, 10, limits});
  ASSERT_TRUE(compared);
  EXPECT_THAT(compared->incomplete, HasSubstr("more than 10 values of span.id"));
}

TEST_P(MetricsOfSpans, EndWithTheirShareOfMemory) {
  std::vector<SentSpan> spans;
  for (uint64_t k = 1; k <= 300; ++k) {
    spans.push_back(span_at(k, 100, 1, {{"id", integer(static_cast<int64_t>(k))}}));
  }
  const MetricsLimits limits{.exemplars_max = 0, .memory_bytes_max = 1 << 20};
  for (const char* query :
       {"{ } | rate() by (span.id)", "{ } | avg_over_time(duration) by (span.id)",
        "{ } | quantile_over_time(duration, .5) by (span.id)",
        "{ } | histogram_over_time(duration) by (span.id)", "{ } | compare({ span.id < 5 })"}) {
    const auto result = ask(snapshot(spans), {query, 1, 9'000, 1, limits});
    ASSERT_FALSE(result) << query;
    EXPECT_EQ(result.error().code, Code::too_large);
    EXPECT_THAT(result.error().message, HasSubstr("more memory than its share of 1 MiB"));
  }
}

TEST_P(MetricsOfSpans, CutSeriesAndSaySo) {
  const MetricsLimits limits{.exemplars_max = 0, .series_max = 3};
  const auto result = ask(snapshot(eight()), {"{ } | rate() by (span.k)", 3600, 3608, 4, limits});
  ASSERT_TRUE(result);
  EXPECT_EQ(result->series.size(), 3u);
  EXPECT_THAT(result->incomplete, HasSubstr("maximum series limit of 3"));
}

// ------------------------------------------------------------------------------- examples

TEST_P(MetricsOfSpans, ShowExamplesOfDifferentTraces) {
  const MetricsLimits limits{.exemplars_max = 4};
  const Snapshot all = snapshot(eight());
  const auto result =
      ask(all, {"{ span.k > 0 } | rate() by (.service.name)", 3600, 3608, 4, limits});
  ASSERT_TRUE(result);
  std::set<std::string> traces;
  for (const MetricsSeries& series : result->series) {
    for (const MetricsExemplar& exemplar : series.exemplars) {
      ASSERT_EQ(exemplar.labels.size(), 3u);
      EXPECT_EQ(exemplar.labels[0].key, ".service.name");
      EXPECT_EQ(exemplar.labels[1].key, "trace:id");
      EXPECT_EQ(exemplar.labels[2].key, "span.k");
      EXPECT_GT(exemplar.value, 0);
      EXPECT_TRUE(traces.insert(traceql::datum_text(exemplar.labels[1].value)).second);
    }
  }
  EXPECT_GE(traces.size(), 2u);
  EXPECT_LE(traces.size(), 4u);
  const auto none = ask(all, {"{ } | rate() with(exemplars=false)", 3600, 3608, 4, limits});
  ASSERT_TRUE(none);
  EXPECT_TRUE(none->series[0].exemplars.empty());
}

TEST_P(MetricsOfSpans, GiveExamplesTheirOwnNumber) {
  const auto result =
      ask(snapshot(eight()),
          {"{ span.k = 8 } | max_over_time(duration)", 3600, 3608, 4, {.exemplars_max = 100}});
  ASSERT_TRUE(result);
  ASSERT_EQ(result->series[0].exemplars.size(), 1u);
  const MetricsExemplar& exemplar = result->series[0].exemplars[0];
  EXPECT_EQ(exemplar.value, 0.256);
  EXPECT_EQ(exemplar.time_ns, 3608 * kSecond);
  EXPECT_EQ(labels_text(exemplar.labels), "{trace:id=`8`, span.k=8, duration=`256ms`}");
}

// ------------------------------------------------------------------------------- compare()

TEST_P(MetricsOfSpans, CompareSelectionAndBaseline) {
  const auto result = ask(snapshot(eight()), {"{ } | compare({ span.k > 4 }, 2)", 3600, 3608, 4});
  const std::string text = text_of(result);
  for (const char* line : {"{__meta_type=`baseline`, resource.service.name=`a`} 0 3 0\n",
                           "{__meta_type=`baseline`, resource.service.name=`b`} 0 1 0\n",
                           "{__meta_type=`baseline_total`, span.k=`nil`} 0 3 0\n",
                           "{__meta_type=`selection`, resource.service.name=`a`} 0 0 3\n",
                           "{__meta_type=`selection_total`, resource.service.name=`nil`} 0 0 4\n",
                           "{__meta_type=`selection_total`, span.k=`nil`} 0 0 4\n",
                           "{__meta_type=`selection`, status=`unset`} 0 0 4\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  size_t of_k = 0;
  for (const MetricsSeries& series : result->series) {
    of_k += series.labels[1].key == "span.k" ? 1 : 0;
  }
  EXPECT_EQ(of_k, 6u) << "two values and a total on each side";
}

TEST_P(MetricsOfSpans, CompareInAWindow) {
  const auto result =
      ask(snapshot(eight()),
          {"{ } | compare({ span.k > 0 }, 10, 3605000000000, 3607000000000)", 3600, 3608, 4});
  EXPECT_THAT(text_of(result), HasSubstr("{__meta_type=`selection_total`, name=`nil`} 0 0 2\n"));
}

TEST_P(MetricsOfSpans, CompareCountsASpanOnceInTotals) {
  SentSpan s = span_at(1, 100);
  for (const char* why : {"a", "b", "a"}) s.events.push_back(event_with({{"why", text(why)}}));
  const std::string text = text_of(ask(snapshot({s}), {"{ } | compare({ })", 90, 100, 10}));
  EXPECT_THAT(text, HasSubstr("{__meta_type=`selection`, event.why=`a`} 0 2\n"));
  EXPECT_THAT(text, HasSubstr("{__meta_type=`selection_total`, event.why=`nil`} 0 1\n"));
}

TEST(Metrics, RefuseWhatIsNoMetric) {
  const auto query = traceql::parse("{ }");
  const auto question = plan_metrics(*query);
  ASSERT_FALSE(question);
  EXPECT_EQ(question.error().message, "not a metrics query");
}

}  // namespace
}  // namespace vivace
