// The metrics cases of tests/traceql/eval_cases.jsonl, each over its data set in a head and in a
// block. Quantiles are held against the oracle, which computes them exactly, because the cases
// state other ones.
#include <cmath>
#include <map>

#include "query/metrics_testing.h"
#include "query/testing/corpus.h"

namespace vivace {
namespace {

using Points = std::map<std::string, std::map<uint64_t, double>>;  // by labels, by time

Points points_of(const corpus::json::object& test, const std::vector<naive::Series>& all) {
  Points out;
  for (const naive::Series& series : all) {
    if (corpus::concerns(test, series.labels)) {
      out[naive::text_of(series.labels)] = series.points;
    }
  }
  return out;
}

Points points_of(const corpus::json::object& test, const MetricsAxis& axis,
                 const MetricsResult& result) {
  Points out;
  for (const MetricsSeries& series : result.series) {
    std::vector<naive::Label> labels;
    for (const MetricsLabel& label : series.labels) labels.push_back({label.key, label.value});
    if (!corpus::concerns(test, labels)) continue;
    auto& points = out[naive::text_of(labels)];
    for (uint32_t i = 0; i < axis.count; ++i) {
      if (!std::isnan(series.samples[i])) points[axis.stamp(i)] = series.samples[i];
    }
  }
  return out;
}

void expect_equal(const Points& got, const Points& expected, double tolerance) {
  std::string series;
  std::string expected_series;
  for (const auto& [labels, points] : got) series += labels + "\n";
  for (const auto& [labels, points] : expected) expected_series += labels + "\n";
  ASSERT_EQ(series, expected_series);
  for (const auto& [labels, points] : expected) {
    ASSERT_EQ(got.at(labels).size(), points.size()) << labels;
    for (const auto& [time, value] : points) {
      ASSERT_TRUE(got.at(labels).contains(time)) << labels << " at " << time;
      EXPECT_NEAR(got.at(labels).at(time), value, tolerance * std::abs(value)) << labels << time;
    }
  }
}

void run_case(const corpus::json::object& test, const std::vector<SentSpan>& spans,
              const Snapshot& snapshot) {
  const auto query = traceql::parse(corpus::text_at(test, "q"));
  ASSERT_TRUE(query) << query.error().text();
  auto question = plan_metrics(*query);
  ASSERT_TRUE(question);
  const naive::MetricRange range = corpus::range_of(test);
  const auto axis = range.is_instant
                        ? MetricsAxis::instant(range.start_ns, range.end_ns)
                        : MetricsAxis::range(range.start_ns, range.end_ns, range.step_ns, 10'000);
  ASSERT_TRUE(axis);
  question->axis = *axis;
  const auto result = evaluate_metrics({&snapshot, 1}, *question, {});
  ASSERT_TRUE(result) << result.error().message;
  const bool quantiles = !query->metric->quantiles.empty();
  const auto expected = quantiles ? naive::metrics(naive::traces_of({spans}), *query, range)
                                  : corpus::expected_series(test);
  expect_equal(points_of(test, *axis, *result), points_of(test, expected), quantiles ? 0.01 : 1e-9);
}

TEST(MetricsCases, All) {
  const auto datasets = corpus::read_datasets();
  MixedParts disk;
  int ran = 0;
  for (const auto& test : corpus::read_cases()) {
    if (corpus::text_at(test, "kind") != "metrics") continue;
    SCOPED_TRACE(corpus::text_at(test, "id") + ": " + corpus::text_at(test, "q"));
    const std::vector<SentSpan>& spans = datasets.at(corpus::text_at(test, "dataset"));
    run_case(test, spans, disk.snapshot({spans}, [](size_t) { return false; }));
    run_case(test, spans, disk.snapshot({spans}, [](size_t) { return true; }));
    ++ran;
  }
  EXPECT_GE(ran, 39);
}

}  // namespace
}  // namespace vivace
