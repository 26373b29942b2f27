// Metrics over HTTP: bodies byte for byte, the axis that parameters ask for, what stops a query.
#include "api/metrics.h"

#include <gmock/gmock.h>

#include "api/testing/api_fixture.h"

namespace vivace::api {
namespace {

using net::FakeAnswer;
using ::testing::HasSubstr;

constexpr int64_t kSecondNs = 1'000'000'000;

class MetricsAnswer : public ApiTest {
 protected:
  // Seconds 5 and 10 after 1,700,000,000; 100 ms and 200 ms.
  void push_two() {
    std::vector<plain::Span> spans;
    for (uint64_t k = 1; k <= 2; ++k) {
      plain::Span span = plain::span(k, {{"n", plain::integer(static_cast<int64_t>(k))}});
      span.start_ns = 1'700'000'000'000'000'000 + k * 5 * kSecondNs;
      span.end_ns = span.start_ns + k * 100'000'000;
      spans.push_back(span);
    }
    data.push({{.attributes = {{"service.name", plain::text("a<b")}},
                .scopes = {{.name = "", .version = "", .spans = spans}}}});
  }
  std::string ok(const std::string& target) {
    const FakeAnswer answer = get(target);
    EXPECT_EQ(answer.status(), 200) << target << ": " << answer.body();
    EXPECT_EQ(answer.header("content-type"), "application/json");
    return answer.body();
  }
  static std::string range(const std::string& q, const std::string& more = "") {
    return "/api/metrics/query_range?start=1700000000&end=1700000010&step=5s&q=" + q + more;
  }
  static std::string instant(const std::string& q) {
    return "/api/metrics/query?start=1700000000&end=1700000010&q=" + q;
  }
};

TEST_F(MetricsAnswer, OfARange) {
  push_two();
  EXPECT_EQ(ok(range("{}|rate()by(resource.service.name)+with(exemplars=false)")),
            R"({"series":[{"labels":[{"key":"resource.service.name","value":{"stringValue":)"
            R"("a\u003cb"}}],"samples":[{"timestampMs":"1700000000000"},)"
            R"({"timestampMs":"1700000005000","value":0.2},)"
            R"({"timestampMs":"1700000010000","value":0.2}]}],)"
            R"("metrics":{"totalBlocks":1,"completedJobs":1,"totalJobs":1,"inspectedSpans":"2"}})");
  EXPECT_THAT(ok(range("{.n=2}|max_over_time(duration)")),
              HasSubstr(R"("samples":[{"timestampMs":"1700000010000","value":0.2}],)"
                        R"("exemplars":[{"labels":[{"key":"trace:id","value":)"));
  EXPECT_THAT(ok(range("{.n=9}|max_over_time(duration)")), HasSubstr(R"({"series":[],)"));
}

TEST_F(MetricsAnswer, OfAnInstant) {
  push_two();
  EXPECT_EQ(ok(instant("{}|count_over_time()")),
            R"({"series":[{"labels":[{"key":"__name__","value":{"stringValue":)"
            R"("count_over_time"}}],"value":2}],)"
            R"("metrics":{"totalBlocks":1,"completedJobs":1,"totalJobs":1,"inspectedSpans":"2"}})");
  EXPECT_EQ(ok(instant("{.n=9}|count_over_time()")),
            R"({"metrics":{"totalBlocks":1,"completedJobs":1,"totalJobs":1,)"
            R"("inspectedSpans":"2"}})");
}

TEST_F(MetricsAnswer, SaysWhatIsMissing) {
  options.metrics_limits.values_max = 1;
  push_two();
  EXPECT_THAT(ok(range("{}|rate()by(span.n)")),
              HasSubstr(R"("status":"PARTIAL","message":"more than 1 values of span.n: )"));
}

TEST_F(MetricsAnswer, IsRefused) {
  options.metrics_range_max_ns = 3 * 3600 * kSecondNs;
  const auto refusal = [&](const std::string& target) {
    const FakeAnswer answer = get(target);
    EXPECT_EQ(answer.status(), 400) << target;
    return answer.body();
  };
  EXPECT_EQ(refusal(range("{}")), "not a metrics query");
  EXPECT_THAT(refusal(instant("{")), HasSubstr("compiling query: parse error at line 1"));
  EXPECT_EQ(refusal("/api/metrics/query_range?start=1700000000&end=1700018000&q={}|rate()"),
            "metrics query time range exceeds the maximum allowed duration of 3h0m0s");
}

TEST(MetricsParameters, MakeTheAxis) {
  constexpr int64_t kNow = 1'700'000'000 * kSecondNs;
  const MetricsSettings settings;
  const auto axis_of = [&](std::string_view query, bool instant) {
    return *parse_metrics_axis(Params(query), instant, kNow, settings);
  };
  const MetricsAxis hour = axis_of("", false);
  EXPECT_EQ(hour.step_ns, 15U * kSecondNs);
  EXPECT_EQ(hour.count, 242U) << "now is no multiple of the step";
  const MetricsAxis day = axis_of("since=1d&end=1700000000", true);
  EXPECT_EQ(day.first_ns, (1'700'000'000U - 86'400U) * uint64_t{kSecondNs} + 1);
  EXPECT_EQ(day.last_ns, static_cast<uint64_t>(kNow));
  EXPECT_EQ(axis_of("start=1699999990&step=0.5", false).step_ns, 500'000'000U);
  EXPECT_EQ(axis_of("start=1699999990500000000&step=250ms", false).step_ns, 250'000'000U);
  EXPECT_FALSE(parse_metrics_axis(Params("step=-1s"), false, kNow, settings));
  EXPECT_FALSE(parse_metrics_axis(Params("start=-5"), false, kNow, settings));
}

}  // namespace
}  // namespace vivace::api
