// Routes, and what is answered without a store or before there is one: health, versions, tenants,
// refusals. Every path goes through the handler that the server would call.
#include "api/api.h"

#include <future>

#include <gmock/gmock.h>

#include "api/testing/api_fixture.h"

namespace vivace::api {
namespace {

using net::fake_request;
using net::FakeAnswer;
using net::FakeExchange;
using ::testing::HasSubstr;
using ::testing::Not;

void expect_text(const FakeAnswer& answer, int status, const std::string& body) {
  EXPECT_EQ(answer.status(), status);
  EXPECT_EQ(answer.body(), body);
  EXPECT_EQ(answer.header("content-type"), "text/plain; charset=utf-8");
  EXPECT_EQ(answer.header("x-content-type-options"), "nosniff");
}

TEST_F(ApiTest, ReadySaysInWhichPhaseItIs) {
  expect_text(get("/ready"), 200, "ready\n");
  api().set_phase(Phase::starting);
  expect_text(get("/ready"), 503, "Ingester not ready: replaying the write-ahead log\n");
  api().set_phase(Phase::stopping);
  expect_text(get("/ready"), 503, "Application is stopping\n");
  net::Request post = fake_request("/ready");
  post.method = "POST";
  EXPECT_EQ(net::ask(api().handler(), std::move(post)).status(), 503) << "any method";
}

TEST_F(ApiTest, QueriesWaitForTheStore) {
  api().set_phase(Phase::starting);
  expect_text(get("/api/traces/1"), 503, "Ingester not ready: replaying the write-ahead log\n");
  api().set_phase(Phase::stopping);
  EXPECT_EQ(get("/api/v2/traces/1").status(), 503);
  api().set_phase(Phase::ready);
  EXPECT_EQ(get("/api/traces/1").status(), 404);
  api().set_store(nullptr);
  EXPECT_EQ(get("/api/traces/1").status(), 503);
  EXPECT_EQ(get("/api/echo").status(), 200) << "needs no store";
  EXPECT_EQ(get("/metrics").status(), 200);
}

TEST_F(ApiTest, Echo) { expect_text(get("/api/echo"), 200, "echo\n"); }

TEST_F(ApiTest, BuildInfo) {
  const FakeAnswer answer = get("/api/status/buildinfo");
  EXPECT_EQ(answer.status(), 200);
  EXPECT_EQ(answer.header("content-type"), "application/json");
  EXPECT_EQ(answer.body(),
            R"({"version":"v2.10.8+vivace.1","revision":"abc","branch":"HEAD","buildUser":"",)"
            R"("buildDate":"","goVersion":""})"
            "\n");
  for (const char* method : {"POST", "PUT", "OPTIONS"}) {
    net::Request request = fake_request("/api/status/buildinfo");
    request.method = method;
    const FakeAnswer refused = net::ask(api().handler(), std::move(request));
    EXPECT_EQ(refused.status(), 405);
    EXPECT_EQ(refused.body(), "");
  }
}

TEST_F(ApiTest, MetricsAreText) {
  get("/api/echo");
  const FakeAnswer answer = get("/metrics");
  EXPECT_EQ(answer.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_THAT(answer.body(),
              HasSubstr("tempo_request_duration_seconds_count{method=\"GET\",route=\"api_echo\","
                        "status_code=\"200\",ws=\"false\"} 1\n"));
}

TEST_F(ApiTest, OtherPathsAreNotFound) {
  for (const char* path : {"/", "/api", "/api/", "/api/echo/", "/api/traces", "/api/traces/",
                           "/api/traces/1/", "/api/traces/1/2", "/api/v2/traces/",
                           "/api/v3/traces/1", "/apix/echo", "/API/echo", "/ready/", "/metrics/",
                           "/metricsx", "/api/status/buildinfo/", "/favicon.ico", "/v1/traces"}) {
    expect_text(get(path), 404, "404 page not found\n");
  }
}

TEST_F(ApiTest, UncleanPathsAreRedirected) {
  const auto location = [this](const char* target) {
    const FakeAnswer answer = get(target);
    EXPECT_EQ(answer.status(), 301) << target;
    return answer.header("location");
  };
  EXPECT_EQ(location("//api/echo"), "/api/echo");
  EXPECT_EQ(location("/api//echo"), "/api/echo");
  EXPECT_EQ(location("/api/echo//"), "/api/echo/");
  EXPECT_EQ(location("/api/./echo"), "/api/echo");
  EXPECT_EQ(location("/x/../api/echo"), "/api/echo");
  EXPECT_EQ(location("/../../api/echo"), "/api/echo");
  EXPECT_EQ(location("/api/x/.."), "/api");
  EXPECT_EQ(location("/.."), "/");
  EXPECT_EQ(location("//"), "/");
  EXPECT_EQ(location("/api//traces/1?start=1&end=2"), "/api/traces/1?start=1&end=2");
}

// "//host" in a Location would lead to another host.
TEST_F(ApiTest, RedirectsStayOnThisHost) {
  for (const char* target : {"//evil.example/x", "///evil.example", "/..//evil.example",
                             "/.//evil.example/", "/x/..//evil.example"}) {
    const std::string location = get(target).header("location");
    EXPECT_TRUE(location.starts_with("/evil.example")) << location;
  }
}

TEST_F(ApiTest, ThePrefixIsBeforeApiPathsAlone) {
  options.http_api_prefix = "/tempo";
  EXPECT_EQ(get("/tempo/api/echo").status(), 200);
  EXPECT_EQ(get("/tempo/api/traces/1").status(), 404);
  EXPECT_EQ(get("/tempo/api/traces/x").status(), 400);
  EXPECT_EQ(get("/ready").status(), 200);
  EXPECT_EQ(get("/metrics").status(), 200);
  expect_text(get("/api/echo"), 404, "404 page not found\n");
  expect_text(get("/tempo/ready"), 404, "404 page not found\n");
}

TEST_F(ApiTest, QueriesTakeAnyMethod) {
  for (const char* method : {"POST", "HEAD", "OPTIONS", "DELETE"}) {
    net::Request request = fake_request("/api/v2/traces/1");
    request.method = method;
    EXPECT_EQ(net::ask(api().handler(), std::move(request)).status(), 200) << method;
  }
}

TEST_F(ApiTest, WithoutMultitenancyTheHeaderMeansNothing) {
  data.push(plain::request_of({plain::span(1)}));
  EXPECT_EQ(get("/api/traces/1", {{"x-scope-orgid", "other"}}).status(), 200);
  EXPECT_EQ(get("/api/traces/1", {{"x-scope-orgid", "a/b"}}).status(), 200);
}

TEST_F(ApiTest, MultitenancyNeedsATenantForQueriesAlone) {
  options.multitenancy = true;
  expect_text(get("/api/traces/1"), 401, "no org id\n");
  expect_text(get("/api/v2/traces/1", {{"x-scope-orgid", ""}}), 401, "no org id\n");
  expect_text(get("/api/traces/1", {{"x-scope-orgid", "a/b"}}), 400,
              "tenant ID 'a/b' is not valid");
  expect_text(get("/api/traces/1", {{"x-scope-orgid", "a||b"}}), 400, "tenant ID '' is not valid");
  EXPECT_EQ(get("/api/echo").status(), 200);
  EXPECT_EQ(get("/api/status/buildinfo").status(), 200);
  EXPECT_EQ(get("/ready").status(), 200);
  EXPECT_EQ(get("/metrics").status(), 200);
}

TEST_F(ApiTest, TenantsSeeTheirOwnAndSeveralCanBeAskedAtOnce) {
  options.multitenancy = true;
  data.push(plain::request_of({plain::span(1)}), "a");
  data.push(plain::request_of({plain::span(2)}), "b");
  const auto spans = [this](const char* tenants) {
    const FakeAnswer answer = get("/api/v2/traces/1", {{"x-scope-orgid", tenants}});
    EXPECT_EQ(answer.status(), 200);
    std::string found;
    if (answer.body().find("AAAAAAAAAAE=") != std::string::npos) found += "1";
    if (answer.body().find("AAAAAAAAAAI=") != std::string::npos) found += "2";
    return found;
  };
  EXPECT_EQ(spans("a"), "1");
  EXPECT_EQ(spans("b"), "2");
  EXPECT_EQ(spans("c"), "");
  EXPECT_EQ(spans("a|b"), "12");
  EXPECT_EQ(spans("b|c|a"), "12");
  EXPECT_EQ(spans("single-tenant"), "");
}

TEST_F(ApiTest, ASpanOfSeveralTenantsIsShownOnce) {
  options.multitenancy = true;
  data.push(plain::request_of({plain::span(1)}), "a");
  data.push(plain::request_of({plain::span(1)}), "b");
  const std::string one = get("/api/v2/traces/1", {{"x-scope-orgid", "a"}}).body();
  EXPECT_EQ(get("/api/v2/traces/1", {{"x-scope-orgid", "a|b"}}).body(), one);
  EXPECT_EQ(get("/api/v2/traces/1", {{"x-scope-orgid", "a|a"}}).body(), one);
}

TEST_F(ApiTest, AFullQueueRefuses) {
  queries = std::make_unique<Workers>("query", 1, 1);
  std::promise<void> started;
  std::promise<void> release;
  ASSERT_TRUE(queries->submit([&] {
    started.set_value();
    release.get_future().wait();
  }));
  started.get_future().wait();
  const auto first = std::make_shared<FakeExchange>();
  api().handler()(fake_request("/api/traces/1"), net::Responder(first));
  expect_text(get("/api/traces/1"), 429, "job queue full");
  EXPECT_FALSE(first->answered());
  release.set_value();
  EXPECT_EQ(first->wait().status(), 404);
}

TEST_F(ApiTest, QueriesAreCounted) {
  get("/api/traces/1");
  get("/api/v2/traces/1");
  get("/api/traces/zz");
  const std::string shown = metrics.render();
  for (const char* line :
       {"tempo_query_frontend_queries_total{op=\"traces\",result=\"completed\","
        "tenant=\"single-tenant\"} 3\n",
        "tempo_request_duration_seconds_count{method=\"GET\",route=\"api_traces_traceid\","
        "status_code=\"404\",ws=\"false\"} 1\n",
        "tempo_request_duration_seconds_count{method=\"GET\",route=\"api_traces_traceid\","
        "status_code=\"400\",ws=\"false\"} 1\n",
        "tempo_request_duration_seconds_count{method=\"GET\",route=\"api_v2_traces_traceid\","
        "status_code=\"200\",ws=\"false\"} 1\n"}) {
    EXPECT_THAT(shown, HasSubstr(line));
  }
}

// A method is a label: who makes one up must not make up series.
TEST_F(ApiTest, MadeUpMethodsAreOneSeries) {
  for (int i = 0; i < 10; ++i) {
    net::Request request = fake_request("/nothing");
    request.method = "METHOD" + std::to_string(i);
    net::ask(api().handler(), std::move(request));
  }
  EXPECT_THAT(metrics.render(), Not(HasSubstr("METHOD")));
}

}  // namespace
}  // namespace vivace::api
