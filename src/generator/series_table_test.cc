// The life of series: the cap and what lies past it, staleness, zeros at births and rebirths.
#include "generator/series_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "generator/generator_testing.h"

namespace vivace::generator {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

TEST(SeriesTable, PastTheCapThereIsOneOverflowSeries) {
  config::Generator config = calls_only();
  config.max_active_series = 3;
  config.external_labels = {{"source", "tempo"}};
  Fixture fixture(config);
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 10; ++i) fixture.take({.name = fmt::format("n{}", i)});
  }
  const Shown values = fixture.collect().values;
  EXPECT_THAT(values, SizeIs(4));
  EXPECT_EQ(values.at("traces_spanmetrics_calls_total{metric_overflow=\"true\",source=\"tempo\"}"),
            14);
  double total = 0;
  for (const auto& [key, value] : values) total += value;
  EXPECT_EQ(total, 20);
  EXPECT_EQ(fixture.metric("tempo_metrics_generator_registry_series_limited_total{tenant=\"t\"}"),
            7);
}

TEST(SeriesTable, HistogramsCountAsWhatTheySend) {
  config::Generator config;
  config.span_metrics.calls = config.span_metrics.latency = true;
  config.max_active_series = 2 * (1 + 2 + 15);
  Fixture fixture(config);
  for (int i = 0; i < 5; ++i) fixture.take({.name = fmt::format("n{}", i)});
  EXPECT_THAT(fixture.collect().values, SizeIs(3 * 18));
}

TEST(SeriesTable, MemoryIsBoundedWhenEverySpanIsNew) {
  SeriesBudget budget;
  Registry registry(budget);
  registry.options.series_max = 100;
  SeriesTable table({.metrics = {{.names = {"calls"}}}, .bounds = {}}, registry);
  LabelSet labels;
  int64_t bytes = 0;
  for (uint64_t i = 1; i <= 400'000; ++i) {
    labels.add("id", fmt::format("{}", i));
    table.add(table.enter(i * 0x9e3779b97f4a7c15ULL, labels), 0, 1);
    if (i == 200'000) bytes = table.bytes();
  }
  EXPECT_LE(table.bytes(), bytes);
  EXPECT_LT(bytes, 8 << 20);
  EXPECT_EQ(table.rows(), 101U);
}

TEST(SeriesTable, StaleSeriesGoAndMakeRoom) {
  config::Generator config = calls_only();
  config.max_active_series = 1;
  config.stale_duration_ns = 60'000'000'000;
  Fixture fixture(config);
  fixture.take(Made{.name = "old"});
  EXPECT_THAT(fixture.collect().values, SizeIs(1));
  fixture.advance(59'000);
  EXPECT_THAT(fixture.collect().values, SizeIs(1));
  fixture.advance(2'000);
  EXPECT_THAT(fixture.collect().values, IsEmpty());
  EXPECT_EQ(fixture.metric("tempo_metrics_generator_registry_active_series{tenant=\"t\"}"), 0);
  fixture.take(Made{.name = "new", .ago_ms = -61'000});
  const Shown values = fixture.collect().values;
  EXPECT_THAT(values, SizeIs(1));
  EXPECT_EQ(values.begin()->first.find("overflow"), std::string::npos);
}

TEST(SeriesTable, ARebornSendsNoZeroThatIsOlderThanWhatItSent) {
  config::Generator config = calls_only();
  config.stale_duration_ns = 10'000'000'000;
  Fixture fixture(config);
  fixture.take(Made{});
  EXPECT_THAT(fixture.collect().zeros, SizeIs(1));
  fixture.advance(11'000);
  EXPECT_THAT(fixture.collect().values, IsEmpty());
  fixture.take(Made{});
  EXPECT_THAT(fixture.collect().zeros, IsEmpty());  // :59 of the minute before is too old
  fixture.advance(50'000);
  EXPECT_THAT(fixture.collect().values, IsEmpty());
  fixture.take(Made{.ago_ms = -60'000});
  EXPECT_THAT(fixture.collect().zeros, SizeIs(1));  // the next minute's :59 is newer
}

TEST(SeriesTable, ACounterThatComesLaterHasItsZero) {
  Fixture fixture(graphs_only());
  fixture.take(Made{});
  const Collected first = fixture.collect();
  EXPECT_EQ(first.values.count("traces_service_graph_request_failed_total{client=\"user\","
                               "connection_type=\"virtual_node\",server=\"shop\"}"),
            0U);
  fixture.take({.status = 2});
  EXPECT_THAT(fixture.collect().zeros,
              ElementsAre(Pair("traces_service_graph_request_failed_total{client=\"user\","
                               "connection_type=\"virtual_node\",server=\"shop\"}",
                               0)));
}

TEST(SeriesTable, BodiesHoldSoManySamplesAndNoMore) {
  Fixture fixture(calls_only());
  for (int i = 0; i < 25; ++i) fixture.take({.name = fmt::format("n{}", i)});
  const RoundOptions options{.samples_max = 10};
  const Collected got = fixture.collect(options);
  EXPECT_THAT(got.values, SizeIs(25));
  EXPECT_THAT(got.zeros, SizeIs(25));
  EXPECT_EQ(got.bodies, 6U);
}

TEST(SeriesTable, BodiesTakeNoMoreMemoryThanIsCounted) {
  const RoundOptions options{.samples_max = 1000};
  RoundWriter writer(options, kNowMs);
  LabelSet set;
  set.add("service", std::string(200, 'a'));
  const SeriesLabels labels = set.encode({});
  const std::string name = label_field("__name__", "calls_total");
  for (int i = 0; i < 1000; ++i) writer.add({.labels = &labels, .name = name});
  const Round round = writer.finish();
  ASSERT_EQ(round.values.size(), 1U);
  EXPECT_LE(round.values[0].packed.capacity(), 2 * round.values[0].packed.size());
}

TEST(LabelSet, BoundsAreShortestDecimals) {
  EXPECT_EQ(bound_text(0.002), "0.002");
  EXPECT_EQ(bound_text(1.6), "1.6");
  EXPECT_EQ(bound_text(10), "10");
  EXPECT_EQ(bound_text(1e-7), "0.0000001");
  EXPECT_EQ(bound_text(INFINITY), "+Inf");
}

TEST(LabelSet, LongValuesAreCutBetweenCharacters) {
  LabelSet labels;
  labels.add("a", "größe");
  const auto shown = decode_labels(labels.encode({.name_max = 10, .value_max = 3}).bytes);
  EXPECT_THAT(shown, ElementsAre(Pair("a", "gr")));
}

TEST(LabelSet, NamesAroundTheTwoThatAreAdded) {
  LabelSet labels;
  for (const char* name : {"z", "kind", "le_more", "__a", "__z", "Upper"}) labels.add(name, "1");
  const SeriesLabels encoded = labels.encode({});
  const std::string whole = encoded.bytes.substr(0, encoded.name_at) +
                            label_field("__name__", "n") +
                            encoded.bytes.substr(encoded.name_at, encoded.le_at - encoded.name_at) +
                            label_field("le", "1") + encoded.bytes.substr(encoded.le_at);
  std::vector<std::string> names;
  for (const auto& [name, value] : decode_labels(whole)) names.push_back(name);
  EXPECT_THAT(names, ElementsAre("Upper", "__a", "__name__", "__z", "kind", "le", "le_more", "z"));
}

}  // namespace
}  // namespace vivace::generator
