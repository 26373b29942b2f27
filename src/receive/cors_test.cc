// CORS as a browser sees it (ingest contract, 4.5), through the receiver's handler.
#include "receive/cors.h"

#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/testing/fake_exchange.h"
#include "receive/otlp_http.h"

namespace vivace::receive {
namespace {

using net::FakeAnswer;
using net::Header;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

using Headers = std::map<std::string, std::string>;

// The headers that CORS is about.
Headers cors_of(const FakeAnswer& answer) {
  Headers out;
  for (const Header& header : answer.response.headers) {
    if (header.name == "vary" || header.name.starts_with("access-control-")) {
      EXPECT_TRUE(out.emplace(header.name, header.value).second) << header.name << " twice";
    }
  }
  return out;
}

class CorsTest : public testing::Test {
 protected:
  FakeAnswer send(const std::string& method, std::vector<Header> headers,
                  const std::string& path = "/v1/traces") {
    const net::Handler handler =
        otlp_http_handler({.cors = config}, [](Received, Done done) { done(Outcome()); });
    headers.push_back({"content-type", "application/json"});
    net::Request request = net::fake_request(path, std::move(headers));
    request.method = method;
    return net::ask(handler, std::move(request));
  }
  FakeAnswer preflight(const std::string& origin, const std::string& method = "POST",
                       const std::string& headers = "content-type") {
    std::vector<Header> sent = {{"origin", origin}, {"access-control-request-method", method}};
    if (!headers.empty()) sent.push_back({"access-control-request-headers", headers});
    return send("OPTIONS", std::move(sent));
  }
  bool allows(const FakeAnswer& answer) {
    EXPECT_EQ(answer.status(), 204);
    EXPECT_EQ(answer.body(), "");
    return cors_of(answer).contains("access-control-allow-origin");
  }

  config::Cors config = {.allowed_origins = {"https://shop.io", "https://*.shop.io"},
                         .allowed_headers = {},
                         .max_age_s = 0};
};

constexpr const char* kVaryOfPreflight =
    "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";

TEST_F(CorsTest, APreflightOfAnAllowedOrigin) {
  const FakeAnswer answer = preflight("https://shop.io");
  EXPECT_EQ(answer.status(), 204);
  EXPECT_THAT(cors_of(answer), ElementsAre(Pair("access-control-allow-credentials", "true"),
                                           Pair("access-control-allow-headers", "content-type"),
                                           Pair("access-control-allow-methods", "POST"),
                                           Pair("access-control-allow-origin", "https://shop.io"),
                                           Pair("vary", kVaryOfPreflight)));
  config.max_age_s = 7200;
  EXPECT_EQ(preflight("https://shop.io").header("access-control-max-age"), "7200");
}

TEST_F(CorsTest, APreflightOfAnotherOrigin) {
  for (const char* origin : {"https://other.io", "http://shop.io", "https://shop.io:8443",
                             "https://shop.io.evil.io", "null", ""}) {
    const FakeAnswer answer = preflight(origin);
    EXPECT_EQ(answer.status(), 204);
    EXPECT_THAT(cors_of(answer), ElementsAre(Pair("vary", kVaryOfPreflight))) << origin;
  }
}

TEST_F(CorsTest, OriginsMatchExactlyOrWithOneStar) {
  EXPECT_TRUE(allows(preflight("https://a.shop.io")));
  EXPECT_TRUE(allows(preflight("https://a.b.shop.io")));
  EXPECT_TRUE(allows(preflight("HTTPS://A.Shop.IO")));
  EXPECT_FALSE(allows(preflight("https://ashop.io")));
  config.allowed_origins = {"http://localhost:*"};
  EXPECT_TRUE(allows(preflight("http://localhost:5173")));
  EXPECT_FALSE(allows(preflight("http://localhost")));
  config.allowed_origins = {"ab*ba"};
  EXPECT_TRUE(allows(preflight("abba")));
  EXPECT_FALSE(allows(preflight("aba"))) << "both ends need characters of their own";
}

TEST_F(CorsTest, AStarAloneIsEverybody) {
  config.allowed_origins = {"https://shop.io", "*"};
  EXPECT_EQ(preflight("https://any.where").header("access-control-allow-origin"), "*");
  EXPECT_FALSE(allows(preflight("")));
}

TEST_F(CorsTest, Methods) {
  for (const char* method : {"GET", "POST", "HEAD"}) {
    EXPECT_EQ(preflight("https://shop.io", method).header("access-control-allow-methods"), method);
  }
  for (const char* method : {"PUT", "DELETE", "post"}) {
    EXPECT_FALSE(allows(preflight("https://shop.io", method))) << method;
  }
}

TEST_F(CorsTest, HeadersByDefaultAndByConfig) {
  const auto allowed = [this](const std::string& headers) {
    return allows(preflight("https://shop.io", "POST", headers));
  };
  EXPECT_TRUE(allowed(""));
  EXPECT_TRUE(allowed("Accept, Content-Type ,x-requested-with"));
  EXPECT_FALSE(allowed("content-type,x-api-key"));
  config.allowed_headers = {"X-Api-Key", "x-faro-session-id"};
  EXPECT_TRUE(allowed("x-api-key,x-faro-session-id"));
  EXPECT_FALSE(allowed("content-type")) << "a list of one's own is the whole list";
  config.allowed_headers = {"*"};
  EXPECT_TRUE(allowed("whatever,content-type"));
}

TEST_F(CorsTest, AnswersToRequestsOfAllowedOrigins) {
  for (const char* method :
       {"POST", "GET"}) {  // the second is refused, and may be read all the same
    const FakeAnswer answer = send(method, {{"origin", "https://a.shop.io"}});
    EXPECT_THAT(cors_of(answer),
                ElementsAre(Pair("access-control-allow-credentials", "true"),
                            Pair("access-control-allow-origin", "https://a.shop.io"),
                            Pair("vary", "Origin")));
  }
  EXPECT_EQ(send("POST", {{"origin", "https://a.shop.io"}}).status(), 200);
  for (const std::vector<Header>& headers : {std::vector<Header>{}, {{"origin", "https://b.io"}}}) {
    const FakeAnswer answer = send("POST", headers);
    EXPECT_EQ(answer.status(), 200);
    EXPECT_THAT(cors_of(answer), ElementsAre(Pair("vary", "Origin")));
  }
}

TEST_F(CorsTest, ThePathComesFirst) {
  const FakeAnswer answer =
      send("OPTIONS", {{"origin", "https://shop.io"}, {"access-control-request-method", "POST"}},
           "/v1/metrics");
  EXPECT_EQ(answer.status(), 404);
}

TEST_F(CorsTest, WhatIsNoPreflight) {
  EXPECT_EQ(send("OPTIONS", {{"origin", "https://shop.io"}}).status(), 405);
  EXPECT_EQ(send("POST", {{"origin", "https://shop.io"}, {"access-control-request-method", "POST"}})
                .status(),
            200);
}

TEST_F(CorsTest, WithoutOriginsThereIsNone) {
  config = {};
  EXPECT_EQ(preflight("https://shop.io").status(), 405);
  EXPECT_THAT(cors_of(preflight("https://shop.io")), IsEmpty());
  EXPECT_THAT(cors_of(send("POST", {{"origin", "https://shop.io"}})), IsEmpty());
}

}  // namespace
}  // namespace vivace::receive
