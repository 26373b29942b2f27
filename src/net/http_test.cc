// Requests' helpers and the promise that a request is always answered.
#include "net/http.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/http_text.h"

namespace vivace::net {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

class Recorder final : public Exchange {
 public:
  void respond(Response response) override { log += std::to_string(response.status) + ";"; }
  void begin(Response) override { log += "begin;"; }
  bool write(std::string chunk) override {
    log += chunk + ";";
    return true;
  }
  void end(std::vector<Header> trailers) override {
    log += "end;";
    for (const Header& h : trailers) log += h.name + "=" + h.value + ";";
  }
  std::string log;
};

TEST(Responder, AnswersOnce) {
  auto exchange = std::make_shared<Recorder>();
  {
    Responder responder(exchange);
    Responder moved(std::move(responder));
    std::move(moved).send({.status = 204});
  }
  EXPECT_EQ(exchange->log, "204;");
}

TEST(Responder, UnansweredIs500) {
  auto exchange = std::make_shared<Recorder>();
  auto other = std::make_shared<Recorder>();
  {
    Responder responder(exchange);
    responder = Responder(other);
    EXPECT_EQ(exchange->log, "500;");
    EXPECT_EQ(other->log, "");
  }
  EXPECT_EQ(other->log, "500;");
}

TEST(Responder, StreamEndsWhenItDies) {
  auto exchange = std::make_shared<Recorder>();
  {
    auto stream = Responder(exchange).stream({});
    EXPECT_TRUE(stream.write("a"));
    auto moved = std::move(stream);
    EXPECT_TRUE(moved.write("b"));
  }
  EXPECT_EQ(exchange->log, "begin;a;b;end;");
}

TEST(Responder, StreamEndsOnceWithItsTrailers) {
  auto exchange = std::make_shared<Recorder>();
  {
    Responder responder(exchange);
    EXPECT_TRUE(responder.owes_answer());
    auto stream = std::move(responder).stream({});
    EXPECT_FALSE(responder.owes_answer());  // NOLINT(bugprone-use-after-move): what is asked
    EXPECT_TRUE(stream.write("a"));
    std::move(stream).end({{"x", "y"}});
  }
  EXPECT_EQ(exchange->log, "begin;a;end;x=y;");
}

TEST(Request, FindsTheFirstHeader) {
  Request q;
  q.headers = {{"a", "1"}, {"b", "2"}, {"a", "3"}};
  EXPECT_EQ(q.header("a"), "1");
  EXPECT_EQ(q.header("c"), "");
  EXPECT_TRUE(q.has_header("b"));
  EXPECT_FALSE(q.has_header("c"));
}

TEST(Query, Decodes) {
  EXPECT_THAT(parse_query("a=1&b=x+y%2Bz&c&=d&&e=%e2%82%ac"),
              ElementsAre(Pair("a", "1"), Pair("b", "x y+z"), Pair("c", ""), Pair("", "d"),
                          Pair("e", "\xe2\x82\xac")));
  EXPECT_THAT(parse_query("a=%zz&b=%4&ok=1&c;d=2"), ElementsAre(Pair("ok", "1")));
  EXPECT_TRUE(parse_query("").empty());
  std::string out;
  EXPECT_TRUE(percent_decode("/a%2Fb+c", out));
  EXPECT_EQ(out, "/a/b+c");
  EXPECT_FALSE(percent_decode("%", out));
  EXPECT_FALSE(percent_decode("%1", out));
}

TEST(HttpText, SplitsTargets) {
  const auto split = [](std::string_view target) {
    Request q;
    split_target(target, q);
    return q.path + " " + q.query;
  };
  EXPECT_EQ(split("/a?b?c"), "/a b?c");
  EXPECT_EQ(split("http://h:1/a?b"), "/a b");
  EXPECT_EQ(split("http://h?b"), "/ b");
  EXPECT_EQ(split("http://h"), "/ ");
  EXPECT_EQ(split("*"), "* ");
  EXPECT_EQ(split("/x?u=http://y/"), "/x u=http://y/");
}

TEST(HttpText, FindsTokens) {
  EXPECT_TRUE(has_token("Keep-Alive ,\tUpgrade", "upgrade"));
  EXPECT_FALSE(has_token("upgraded, x", "upgrade"));
  EXPECT_FALSE(has_token("", "upgrade"));
}

}  // namespace
}  // namespace vivace::net
