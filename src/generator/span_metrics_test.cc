// The series that spans make: names, labels, values, weights, filters, against what the contract
// says of each and, for random spans, against counting them one by one.
#include <cmath>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "generator/generator_testing.h"

namespace vivace::generator {
namespace {

using plain::integer;
using plain::real;
using plain::text;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Key;
using testing::Pair;
using testing::UnorderedElementsAre;

const std::string kRest =
    "span_kind=\"SPAN_KIND_SERVER\",span_name=\"op\",status_code=\"STATUS_CODE_UNSET\"";

std::string calls(const std::string& labels) {
  return "traces_spanmetrics_calls_total{" + labels + "}";
}

TEST(SpanMetrics, WorkedExample) {
  config::Generator config;
  config.span_metrics.calls = config.span_metrics.latency = config.span_metrics.size = true;
  config.span_metrics.dimensions = {"service.name"};
  config.external_labels = {{"source", "tempo"}};
  config.remote_write.emplace_back().send_exemplars = true;
  Fixture fixture(config);
  const auto batch = Made{.service = "svc-a", .name = "GET /api", .ms = 3}.batch();
  fixture.take(*batch);
  const std::string front = "__metrics_gen_instance=\"host\"";
  const std::string back =
      "service=\"svc-a\",service_name=\"svc-a\",source=\"tempo\",span_kind=\"SPAN_KIND_SERVER\","
      "span_name=\"GET /api\",status_code=\"STATUS_CODE_UNSET\"";
  const Collected first = fixture.collect();
  EXPECT_TRUE(first.is_sorted);
  EXPECT_EQ(first.time_ms, kNowMs);
  EXPECT_EQ(first.zero_ms % 60'000, 59'000);
  EXPECT_EQ(first.zero_ms, kNowMs - 20'123 - 1000);
  const auto key = [&](const std::string& name, const std::string& le = "") {
    return "traces_spanmetrics_" + name + "{" + front + "," + le + back + "}";
  };
  Shown expected{{key("calls_total"), 1},
                 {key("size_total"), batch->spans[0].bytes},
                 {key("latency_count"), 1},
                 {key("latency_sum"), 0.003},
                 {key("latency_bucket", "le=\"0.002\","), 0},
                 {key("latency_bucket", "le=\"+Inf\","), 1}};
  for (const char* le : {"0.004", "0.008", "0.016", "0.032", "0.064", "0.128", "0.256", "0.512",
                         "1.024", "2.048", "4.096", "8.192", "16.384"}) {
    expected[key("latency_bucket", fmt::format("le=\"{}\",", le))] = 1;
  }
  EXPECT_EQ(first.values, expected);
  expected.erase(key("latency_sum"));
  for (auto& [name, value] : expected) value = 0;
  EXPECT_EQ(first.zeros, expected);
  EXPECT_THAT(first.exemplars,
              ElementsAre(Pair(key("latency_bucket", "le=\"0.004\","), "traceID=1 0.003")));
  fixture.advance(15'000);
  const Collected second = fixture.collect();
  EXPECT_THAT(second.zeros, IsEmpty());
  EXPECT_THAT(second.exemplars, IsEmpty());
  EXPECT_EQ(second.values, first.values);
}

TEST(SpanMetrics, EmptyLabelsAreLeftOut) {
  config::Generator config = calls_only();
  config.span_metrics.dimensions = {"absent", "empty"};
  Fixture fixture(config);
  fixture.take({.service = "", .attributes = {{"empty", text("")}}});
  EXPECT_THAT(fixture.counters(), ElementsAre(Pair(calls(kRest), 1)));
}

TEST(SpanMetrics, CollidingNamesGetAPrefix) {
  config::Generator config = calls_only();
  config.span_metrics.dimensions = {"service", "status.code", "span.kind", "le", "1st", "a-b"};
  Fixture fixture(config);
  fixture.take({.service = "",
                .attributes = {{"service", text("s")},
                               {"status.code", integer(5)},
                               {"span.kind", text("k")},
                               {"le", text("l")},
                               {"1st", text("one")},
                               {"a-b", text("ab")}}});
  EXPECT_THAT(fixture.counters(),
              ElementsAre(Pair(calls("_1st=\"one\",__le=\"l\",__service=\"s\",__span_kind=\"k\","
                                     "__status_code=\"5\",a_b=\"ab\"," +
                                     kRest),
                               1)));
}

TEST(SpanMetrics, TheResourceComesBeforeTheSpan) {
  config::Generator config = calls_only();
  config.span_metrics.dimensions = {"a", "b"};
  Fixture fixture(config);
  fixture.take({.service = "",
                .attributes = {{"a", text("span")}, {"b", text("span")}},
                .resource = {{"a", text("resource")}}});
  EXPECT_THAT(fixture.counters(),
              ElementsAre(Pair(calls("a=\"resource\",b=\"span\"," + kRest), 1)));
}

TEST(SpanMetrics, ValuesAsTexts) {
  config::Generator config = calls_only();
  config.span_metrics.dimensions = {"v"};
  const std::vector<std::pair<plain::Value, std::string>> cases{
      {text("größe"), "größe"},
      {plain::boolean(true), "true"},
      {integer(-7), "-7"},
      {real(1e21), "1000000000000000000000"},
      {real(0.0001), "0.0001"},
      {real(2), "2"},
      {plain::array({integer(1), text("b"), plain::boolean(false)}), "[1bfalse]"},
      {plain::map({{"k", text("v")}, {"n", integer(2)}}), "{k:v,n:2}"}};
  for (const auto& [value, shown] : cases) {
    Fixture fixture(config);
    fixture.take({.service = "", .attributes = {{"v", value}}});
    EXPECT_THAT(fixture.counters(), ElementsAre(Pair(calls(kRest + ",v=\"" + shown + "\""), 1)));
  }
  Fixture fixture(config);
  fixture.take({.service = "", .attributes = {{"v", plain::bytes("x")}}});
  fixture.take({.service = "", .attributes = {{"v", text("5")}}});
  fixture.take({.service = "", .attributes = {{"v", integer(5)}}});  // the same series
  EXPECT_THAT(fixture.counters(),
              UnorderedElementsAre(Pair(calls(kRest), 1), Pair(calls(kRest + ",v=\"5\""), 2)));
}

TEST(SpanMetrics, MappingsJoinWhatIsThere) {
  config::Generator config = calls_only();
  config.span_metrics.mappings = {
      {.name = "full.name", .source_labels = {"a", "b", "c"}, .join = "/"}};
  Fixture fixture(config);
  fixture.take({.service = "", .attributes = {{"c", text("z")}, {"a", text("x")}}});
  EXPECT_THAT(fixture.counters(), ElementsAre(Pair(calls("full_name=\"x/z\"," + kRest), 1)));
}

TEST(SpanMetrics, IntrinsicDimensionsAreSwitched) {
  config::Generator config = calls_only();
  config.span_metrics.service = config.span_metrics.span_name = false;
  config.span_metrics.span_kind = config.span_metrics.status_code = false;
  Fixture fixture(config);
  fixture.take({.service = "a", .name = "x", .kind = 1, .status = 2}).take({.service = "b"});
  EXPECT_THAT(fixture.counters(), ElementsAre(Pair(calls(""), 2)));
}

TEST(SpanMetrics, WeightIsOneOverTheRatio) {
  config::Generator config = calls_only();
  config.span_metrics.latency = config.span_metrics.size = true;
  config.span_metrics.span_multiplier_key = "ratio";
  Fixture fixture(config);
  const auto batch = Made{.service = "", .attributes = {{"ratio", real(0.25)}}}.batch();
  fixture.take(*batch);
  fixture.take(
      {.service = "", .attributes = {{"ratio", real(-1)}}, .resource = {{"ratio", real(0.5)}}});
  fixture.take({.service = "", .resource = {{"ratio", real(0.5)}}});
  const Shown values = fixture.collect().values;
  EXPECT_EQ(values.at(calls(kRest)), 4 + 1 + 2);
  EXPECT_EQ(values.at("traces_spanmetrics_latency_count{" + kRest + "}"), 7);
  EXPECT_DOUBLE_EQ(values.at("traces_spanmetrics_latency_sum{" + kRest + "}"), 0.007);
  EXPECT_LT(values.at("traces_spanmetrics_size_total{" + kRest + "}"), 4 * batch->spans[0].bytes);
}

TEST(SpanMetrics, SlackIsCountedFromNow) {
  Fixture fixture(calls_only());
  for (const int64_t ago_ms : {31'000, 30'000, 0, -30'000, -31'000}) {
    fixture.take({.service = "", .ago_ms = ago_ms});
  }
  EXPECT_THAT(fixture.counters(), ElementsAre(Pair(calls(kRest), 3)));
  EXPECT_EQ(fixture.metric("tempo_metrics_generator_spans_discarded_total{reason=\"outside_metrics_"
                           "ingestion_slack\",tenant=\"t\"}"),
            2);
}

TEST(SpanMetrics, InvalidUtf8IsNotCounted) {
  Fixture fixture(calls_only());
  fixture.take({.name = "\xff"}).take({.name = "\xff"}).take({.name = "good", .kind = 1});
  EXPECT_EQ(fixture.counters().size(), 1U);
  EXPECT_EQ(fixture.metric("tempo_metrics_generator_spans_discarded_total{reason=\"invalid_utf8\","
                           "tenant=\"t\"}"),
            2);
}

TEST(SpanMetrics, TargetInfo) {
  config::Generator config = calls_only();
  config.span_metrics.enable_target_info = true;
  config.span_metrics.target_info_excluded_dimensions = {"secret"};
  Fixture fixture(config);
  const plain::Attributes resource{{"service.namespace", text("ns")},
                                   {"service.instance.id", text("i-1")},
                                   {"cloud.region", text("eu")},
                                   {"job", text("mine")},
                                   {"secret", text("x")}};
  fixture.take({.resource = resource}).take({.service = "bare"});
  const Shown values = fixture.collect().values;
  EXPECT_THAT(values,
              UnorderedElementsAre(
                  Pair("traces_target_info{__job=\"mine\",cloud_region=\"eu\",instance=\"i-1\","
                       "job=\"ns/shop\"}",
                       1),
                  Pair(calls("instance=\"i-1\",job=\"ns/shop\",service=\"shop\"," + kRest), 1),
                  Pair(calls("job=\"bare\",service=\"bare\"," + kRest), 1)));
}

TEST(SpanMetrics, SecondNameOfTheHistogram) {
  config::Generator config;
  config.span_metrics.latency = config.span_metrics.duration_seconds_alias = true;
  Fixture fixture(config);
  fixture.take(Made{.ms = 100});
  std::map<std::string, double> counts;
  for (const auto& [key, value] : fixture.collect().values) {
    if (key.find("_count{") != std::string::npos) counts[key.substr(0, key.find('{'))] = value;
  }
  EXPECT_THAT(counts, ElementsAre(Pair("traces_spanmetrics_duration_seconds_count", 1),
                                  Pair("traces_spanmetrics_latency_count", 1)));
}

TEST(SpanMetrics, NamesOfTheSameMeaning) {
  config::Generator config = calls_only();
  config.span_metrics.semconv_aliases = true;
  config.span_metrics.dimensions = {"http.method", "url.path"};
  Fixture fixture(config);
  fixture.take({.service = "",
                .attributes = {{"http.request.method", text("GET")}, {"http.target", text("/a")}}});
  EXPECT_THAT(fixture.counters(),
              ElementsAre(Pair(calls("http_method=\"GET\"," + kRest + ",url_path=\"/a\""), 1)));
}

TEST(SpanMetrics, FilterPolicies) {
  const auto passes = [](config::FilterPolicy policy, const Made& made) {
    config::Generator config = calls_only();
    config.span_metrics.filter_policies = {std::move(policy)};
    return !Fixture(config).take(made).counters().empty();
  };
  const config::PolicyMatch server{
      .attributes = {{"kind", std::string("SPAN_KIND_SERVER")}, {"span.code", int64_t{200}}}};
  const config::PolicyMatch pattern{.is_regex = true,
                                    .attributes = {{"name", std::string("^GET")}}};
  const Made good{.name = "GET /", .attributes = {{"code", integer(200)}}};
  const Made typed{.name = "POST", .attributes = {{"code", text("200")}}};
  EXPECT_TRUE(passes({.include = server}, good));
  EXPECT_FALSE(passes({.include = server}, typed));
  EXPECT_FALSE(passes({.include = server}, {.name = "GET /"}));
  EXPECT_TRUE(passes({.include_any = server}, typed));
  EXPECT_FALSE(passes({.include_any = server}, {.kind = 1}));
  EXPECT_FALSE(passes({.exclude = server}, good));
  EXPECT_TRUE(passes({.exclude = server}, typed));
  EXPECT_TRUE(passes({.include = pattern}, good));
  EXPECT_FALSE(passes({.include = pattern}, typed));
  EXPECT_FALSE(passes({.include = pattern, .exclude = server}, good));
  const config::PolicyMatch resource{
      .attributes = {{"resource.service.name", std::string("shop")}}};
  EXPECT_TRUE(passes({.include = resource}, good));
  EXPECT_FALSE(passes({.include = resource}, {.service = "other"}));
}

// Random spans, counted by the obvious means.
TEST(SpanMetrics, RandomSpansAreCountedExactly) {
  config::Generator config;
  config.span_metrics.calls = config.span_metrics.latency = true;
  config.span_metrics.dimensions = {"d"};
  config.instance_label = false;
  Fixture fixture(config);
  std::mt19937 random(7);
  std::map<std::string, std::pair<double, double>> truth;  // calls, below 64 ms
  for (int i = 0; i < 3000; ++i) {
    Made made{.service = fmt::format("s{}", random() % 3),
              .name = fmt::format("n{}", random() % 3),
              .kind = static_cast<int32_t>(random() % 6),
              .ms = std::pow(2.0, static_cast<double>(random() % 16)) / 4};
    const auto d = random() % 3;
    if (d == 1) made.attributes = {{"x", integer(1)}, {"d", integer(random() % 2)}};
    if (d == 2) made.attributes = {{"d", text("t")}, {"y", text("z")}};
    std::string scratch;
    std::string shown;
    if (d == 1) shown = fmt::format("d=\"{}\",", made.attributes[1].value.bits);
    if (d == 2) shown = "d=\"t\",";
    const std::string labels =
        shown + fmt::format(
                    "service=\"{}\",span_kind=\"{}\",span_name=\"{}\",status_code=\"STATUS_"
                    "CODE_UNSET\"",
                    made.service, kind_text(made.kind, scratch), made.name);
    truth[labels].first += 1;
    truth[labels].second += made.ms <= 64 ? 1 : 0;
    fixture.take(made);
    if (i % 500 == 0) fixture.collect();
  }
  const Shown values = fixture.collect().values;
  for (const auto& [labels, counts] : truth) {
    EXPECT_EQ(values.at(calls(labels)), counts.first) << labels;
    const size_t at = labels.find("service=");
    const std::string bucket = "traces_spanmetrics_latency_bucket{" + labels.substr(0, at) +
                               "le=\"0.064\"," + labels.substr(at) + "}";
    EXPECT_EQ(values.at(bucket), counts.second) << bucket;
  }
  EXPECT_EQ(values.size(), truth.size() * (1 + 2 + 15));
}

}  // namespace
}  // namespace vivace::generator
