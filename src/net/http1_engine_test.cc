// HTTP/1 fed whole, byte by byte and at random splits; malformed heads, limits, the budget.
#include "net/http1_engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/engine_driver.h"

namespace vivace::net {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

std::string undated(std::string text) {
  for (size_t at = 0; (at = text.find("date: ", at)) != std::string::npos;) {
    text.erase(at, text.find("\r\n", at) + 2 - at);
  }
  return text;
}

// Whether a body is invited depends on whether it is there already.
std::string uninvited(std::string text) {
  const std::string invitation = "HTTP/1.1 100 Continue\r\n\r\n";
  const size_t at = text.find(invitation);
  if (at != std::string::npos) text.erase(at, invitation.size());
  return text;
}

std::optional<Response> echo(const Request& q) {
  return Response{.body = q.method + " " + q.path + " " + q.body};
}

// Feeds one transcript and gives everything that came of it as text.
std::string play(std::string_view bytes, const Limits& limits,
                 const std::function<void(EngineDriver&, std::string_view)>& feed) {
  Http1Engine engine(limits);
  EngineDriver driver(engine, echo);
  feed(driver, bytes);
  std::string text;
  for (const Arrival& a : driver.arrivals) text += describe(a.request) + "\n";
  return text + undated(driver.out) + (engine.finished() ? "finished" : "open");
}

std::string play(std::string_view bytes, const Limits& limits = {}) {
  return play(bytes, limits, [](EngineDriver& d, std::string_view b) { d.send(b); });
}

std::string play_split(std::string_view bytes, unsigned seed, size_t longest,
                       const Limits& limits = {}) {
  return play(bytes, limits, [&](EngineDriver& d, std::string_view b) {
    std::mt19937 random(seed);
    d.send_split(b, random, longest);
  });
}

void expect_same_at_any_split(const std::string& bytes, const Limits& limits = {}) {
  const std::string whole = uninvited(play(bytes, limits));
  ASSERT_EQ(uninvited(play_split(bytes, 0, 1, limits)), whole);
  for (unsigned seed = 1; seed <= 60; seed++) {
    ASSERT_EQ(uninvited(play_split(bytes, seed, 1 + seed % 50, limits)), whole) << "seed " << seed;
  }
}

TEST(Http1Engine, AnswersARequest) {
  EXPECT_EQ(play("GET /a/b?c=d HTTP/1.1\r\nHost: x\r\nX-Two: Ab \r\n\r\n"),
            "GET /a/b?c=d|host:x|x-two:Ab||0\n"
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nGET /a/b open");
}

TEST(Http1Engine, AnyConversationIsTheSameAtAnySplit) {
  const std::string host = " HTTP/1.1\r\nHost: x\r\n";
  const std::string all =
      "\r\nGET /1" + host + "\r\n" + "POST /2" + host + "Content-Length: 11\r\n\r\nhello world" +
      "POST /3" + host +
      "Transfer-Encoding: chunked\r\n\r\n"
      "5;ext=\"a;b\\\"c\";x\r\nhello\r\n00c ; y\r\n brave world\r\n0;last\r\nTrailer: t\r\nMore: "
      "u\r\n\r\n" +
      "POST /4" + host + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + "HEAD /5" + host + "\r\n" +
      "POST /6" + host + "Content-Length: 0\r\n\r\n" +
      "GET http://other/7?q HTTP/1.1\r\nHost: other\r\n\r\n"
      "OPTIONS *" +
      host + "\r\n" + "PUT /8" + host +
      "Expect: 100-continue\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc" + "GET /never" +
      host + "\r\n";
  expect_same_at_any_split(all);
  const std::string whole = play(all);
  for (const char* part :
       {"POST /3 hello brave world", "POST /4 ", "GET /7?q", "OPTIONS * ", "PUT /8 abc"}) {
    EXPECT_THAT(whole, HasSubstr(part));
  }
  EXPECT_THAT(whole, Not(HasSubstr("never")));
}

TEST(Http1Engine, BadConversationsAreTheSameAtAnySplit) {
  const std::string head = "POST /2 HTTP/1.1\r\nHost: x\r\n";
  const std::string chunked = head + "Transfer-Encoding: chunked\r\n\r\n";
  Limits limits;
  limits.body_bytes_max = 10;
  limits.header_bytes_max = 300;
  for (const std::string tail :
       {"5\r\nhelloX\r\n0\r\n\r\n", "5\r\nhello\r\n6\r\nworld!\r\n0\r\n\r\n", "g\r\nhello\r\n",
        "5;=\r\nhello\r\n", "ffffffffffffffff1\r\n", "0\r\nbad trailer\r\n\r\n",
        "fffffffffffffff0\r\nx"}) {
    expect_same_at_any_split(chunked + tail, limits);
  }
  expect_same_at_any_split(chunked + "5;" + std::string(400, 'e') + "\r\nhello\r\n0\r\n\r\n",
                           limits);
  expect_same_at_any_split(head + "X: " + std::string(400, 'e') + "\r\n\r\n", limits);
  expect_same_at_any_split(head + "Content-Length: 11\r\n\r\nhello world", limits);
  expect_same_at_any_split("GET /\r\n\r\n");
  expect_same_at_any_split(std::string("GET / HTTP/1.1\r\nA\0: b\r\n\r\n", 25));
}

TEST(Http1Engine, PipelinedRequestsWaitForTheAnswerBefore) {
  Http1Engine engine({});
  EngineDriver driver(engine);
  driver.send("GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_EQ(driver.arrivals.size(), 1U);
  EXPECT_EQ(engine.phase(), Phase::busy);
  EXPECT_FALSE(engine.takes_input());
  engine.respond(driver.arrivals[0].id, {.body = "one"});
  driver.pump();
  ASSERT_EQ(driver.arrivals.size(), 2U);
  EXPECT_EQ(driver.arrivals[1].request.path, "/2");
  EXPECT_THAT(driver.out, HasSubstr("one"));
  engine.respond(driver.arrivals[0].id, {.body = "stale"});
  driver.pump();
  EXPECT_THAT(driver.out, Not(HasSubstr("stale")));
}

TEST(Http1Engine, SaysWhatIsWrongWithAHead) {
  struct Case {
    std::string head;
    std::string status;
    std::string why;
  };
  const std::string get = "GET / HTTP/1.1\r\n";
  const std::string post = "POST / HTTP/1.1\r\nHost: x\r\n";
  const std::vector<Case> cases = {
      {"GET / HTTP/1.1\r\n\r\n", "400", "no host"},
      {get + "Host: a\r\nHost: a\r\n\r\n", "400", "more than one host"},
      {"GET / HTTP/2.0\r\n\r\n", "505", "HTTP/1.1"},
      {"GET / HTTQ/1.1\r\n\r\n", "505", "HTTP/1.1"},
      {"G@T / HTTP/1.1\r\n\r\n", "400", "method"},
      {"GET /\x01 HTTP/1.1\r\n\r\n", "400", "target"},
      {get + "Host : x\r\n\r\n", "400", "header name"},
      {get + "Host: x\r\nA: \x01\r\n\r\n", "400", "header value"},
      {get + "Host: x\nA: b\r\n\r\n", "400", "header value"},
      {get + "Host: x\rA: b\r\n\r\n", "400", "CR LF"},
      // What two servers in a row could read differently:
      {post + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", "400", "content-length"},
      {post + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", "400", "content-length"},
      {post + "Content-Length: 3, 3\r\n\r\nabc", "400", "content-length"},
      {post + "Content-Length: +3\r\n\r\nabc", "400", "content-length"},
      {post + "Content-Length: 0x3\r\n\r\nabc", "400", "content-length"},
      {post + "Content-Length: -1\r\n\r\nabc", "400", "content-length"},
      {post + "Content-Length: 99999999999999999999\r\n\r\nabc", "400", "content-length"},
      {post + "Content-Length:\r\n\r\nabc", "400", "content-length"},
      {post + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc", "400",
       "transfer-encoding"},
      {post + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc", "400",
       "content-length"},
      {post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", "400",
       "transfer-encoding"},
      {post + "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n", "501",
       "chunked"},
      {post + "Transfer-Encoding: gzip, chunked\r\n\r\n", "501", "chunked"},
      {post + "Transfer-Encoding: chunked, gzip\r\n\r\n", "501", "chunked"},
      {post + "Transfer-Encoding: xchunked\r\n\r\n", "501", "chunked"},
      {post + "Transfer-Encoding: \x0b"
              "chunked\r\n\r\n",
       "400", "header value"},
      {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "400", "HTTP/1.0"},
      {post + "Expect: 200-ok\r\nContent-Length: 1\r\n\r\n", "417", "100-continue"},
  };
  for (const Case& c : cases) {
    Http1Engine engine({});
    EngineDriver driver(engine, echo);
    driver.send(c.head);
    EXPECT_THAT(driver.out, StartsWith("HTTP/1.1 " + c.status)) << c.head;
    EXPECT_THAT(driver.out, HasSubstr("connection: close\r\n")) << c.head;
    EXPECT_THAT(driver.out, HasSubstr(c.why)) << c.head;
    EXPECT_TRUE(driver.arrivals.empty()) << c.head;
    EXPECT_TRUE(engine.finished() && engine.cut_short()) << c.head;
    EXPECT_FALSE(engine.take_fault().empty());
  }
}

TEST(Http1Engine, BoundsTheHead) {
  Limits limits;
  limits.header_bytes_max = 1000;
  const std::string head = "GET / HTTP/1.1\r\nHost: x\r\n";
  const auto padded = [&](size_t bytes) {
    return head + "A: " + std::string(bytes - head.size() - 7, 'a') + "\r\n\r\n";
  };
  EXPECT_THAT(play(padded(1000), limits), HasSubstr("200 OK"));
  EXPECT_THAT(play(padded(1001), limits), HasSubstr("431"));
  EXPECT_THAT(play_split(padded(1001), 1, 7, limits), HasSubstr("431"));
  // Many short headers, each of which the parser takes away at once.
  std::string many = head;
  for (int i = 0; i < 1000; i++) many += "b: c\r\n";
  EXPECT_THAT(play_split(many, 1, 3, limits), HasSubstr("431"));
  // A line that never ends is refused before it ends.
  EXPECT_THAT(play(std::string(2000, 'G'), limits), HasSubstr("431"));
}

TEST(Http1Engine, HandsOnThatABodyIsTooLarge) {
  Limits limits;
  limits.body_bytes_max = 10;
  const std::string head = "POST / HTTP/1.1\r\nHost: x\r\n";
  for (const std::string& rest :
       {std::string("Content-Length: 11\r\n\r\nhello world"),
        std::string("Content-Length: 11\r\n\r\n"),
        std::string("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n")}) {
    Http1Engine engine(limits);
    EngineDriver driver(engine, echo);
    driver.send(head + rest);
    ASSERT_EQ(driver.arrivals.size(), 1U) << rest;
    EXPECT_EQ(driver.arrivals[0].request.body_state, BodyState::too_large);
    EXPECT_EQ(driver.arrivals[0].request.body, "");
    EXPECT_THAT(driver.out, HasSubstr("connection: close"));
    EXPECT_TRUE(engine.finished() && engine.cut_short());
    driver.send("whatever still comes is thrown away");
    EXPECT_EQ(driver.arrivals.size(), 1U);
    EXPECT_EQ(engine.take_fault(), "body_too_large");
  }
  EXPECT_THAT(play(head + "Content-Length: 10\r\n\r\nhelloworld", limits), HasSubstr("open"));
  EXPECT_THAT(play(head + "Transfer-Encoding: chunked\r\n\r\na\r\nhelloworld\r\n0\r\n\r\n", limits),
              HasSubstr("open"));
}

TEST(Http1Engine, InvitesABodyOnlyIfItIsWanted) {
  const std::string head = "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-Continue\r\n";
  Limits limits;
  limits.body_bytes_max = 10;
  Http1Engine engine(limits);
  EngineDriver driver(engine, echo);
  driver.send(head + "Content-Length: 3\r\n\r\n");
  EXPECT_EQ(driver.take_out(), "HTTP/1.1 100 Continue\r\n\r\n");
  driver.send("abc");
  EXPECT_THAT(driver.take_out(), HasSubstr("POST / abc"));
  driver.send(head + "Content-Length: 3\r\n\r\nabc");
  EXPECT_THAT(driver.take_out(), Not(HasSubstr("100 Continue")));
  driver.send(head + "Content-Length: 11\r\n\r\n");
  EXPECT_THAT(driver.take_out(), Not(HasSubstr("100 Continue")));
  EXPECT_TRUE(engine.finished());
}

TEST(Http1Engine, Http10ClosesUnlessAsked) {
  EXPECT_THAT(play("GET / HTTP/1.0\r\n\r\n"), HasSubstr("connection: close"));
  EXPECT_THAT(play("GET / HTTP/1.0\r\n\r\n"), HasSubstr("finished"));
  const std::string kept = play("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_THAT(kept, HasSubstr("connection: keep-alive"));
  EXPECT_THAT(kept, HasSubstr("open"));
}

TEST(Http1Engine, HeadAndBodylessStatusSendNoBody) {
  EXPECT_EQ(play("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n"),
            "HEAD /?|host:x||0\nHTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nopen");
  Http1Engine engine({});
  EngineDriver driver(engine, [](const Request&) { return Response{.status = 204}; });
  driver.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(undated(driver.out), "HTTP/1.1 204 No Content\r\n\r\n");
}

TEST(Http1Engine, StreamsInChunks) {
  Http1Engine engine({});
  EngineDriver driver(engine);
  driver.send("GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n");
  const int32_t id = driver.arrivals.at(0).id;
  engine.begin(id, {.body = "first"});
  engine.write(id, "");  // would end the body
  engine.write(id, std::string(20, 'x'));
  driver.pump();
  EXPECT_EQ(undated(driver.take_out()),
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n14\r\n" +
                std::string(20, 'x') + "\r\n");
  EXPECT_EQ(credited(driver.credits), 20);
  EXPECT_EQ(driver.arrivals.size(), 1U);
  engine.end(id, {});
  driver.pump();
  EXPECT_EQ(driver.take_out(), "0\r\n\r\n");
  EXPECT_EQ(driver.arrivals.size(), 2U);
}

TEST(Http1Engine, StreamsToHttp10UntilTheEnd) {
  Http1Engine engine({});
  EngineDriver driver(engine);
  driver.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  engine.begin(driver.arrivals.at(0).id, {});
  engine.write(driver.arrivals[0].id, "raw");
  engine.end(driver.arrivals[0].id, {});
  driver.pump();
  EXPECT_EQ(undated(driver.out), "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nraw");
  EXPECT_TRUE(engine.finished());
}

TEST(Http1Engine, StreamsNothingToHead) {
  Http1Engine engine({});
  EngineDriver driver(engine);
  driver.send("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
  const int32_t id = driver.arrivals.at(0).id;
  engine.begin(id, {});
  engine.write(id, "unseen");
  driver.pump();
  EXPECT_EQ(credited(driver.credits), 6);
  engine.end(id, {});
  driver.pump();
  EXPECT_EQ(undated(driver.out), "HTTP/1.1 200 OK\r\n\r\n");
  EXPECT_FALSE(engine.finished());
}

TEST(Http1Engine, LargeAnswersLeaveInPieces) {
  Http1Engine engine({});
  EngineDriver driver(engine,
                      [](const Request&) { return Response{.body = std::string(1 << 20, 'y')}; });
  driver.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_GT(driver.out.size(), 1U << 20);
}

TEST(Http1Engine, HeadersOfAnAnswerCannotSplitIt) {
  Http1Engine engine({});
  EngineDriver driver(engine, [](const Request&) {
    return Response{.headers = {{"x-quoted", "a\r\nset-cookie: b"}}};
  });
  driver.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(driver.out, HasSubstr("x-quoted: a  set-cookie: b\r\n"));
}

TEST(Http1Engine, BodyWaitsForTheBudgetAndHoldsIt) {
  Budget budget("bodies", 100'000);
  Limits limits;
  limits.maybe_bodies = &budget;
  Http1Engine engine(limits);
  EngineDriver driver(engine);
  auto other = budget.try_reserve(60'000);
  driver.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 50000\r\n\r\n");
  EXPECT_EQ(engine.phase(), Phase::body);
  EXPECT_EQ(budget.used(), 60'000) << "a declared length takes nothing";
  driver.send(std::string(50'000, 'b'));
  EXPECT_EQ(engine.phase(), Phase::no_room);
  EXPECT_FALSE(engine.takes_input());
  other->release();
  driver.pump();
  ASSERT_EQ(driver.arrivals.size(), 1U);
  EXPECT_EQ(driver.arrivals[0].request.body.size(), 50'000U);
  EXPECT_GE(budget.used(), 50'000);
  driver.arrivals.clear();
  EXPECT_EQ(budget.used(), 0);
}

TEST(Http1Engine, GivesUpOnTheBudget) {
  Budget budget("bodies", 1000);
  Limits limits;
  limits.maybe_bodies = &budget;
  Http1Engine engine(limits);
  EngineDriver driver(engine, echo);
  driver.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1f4\r\n" +
              std::string(500, 'a') + "\r\n");
  EXPECT_EQ(engine.phase(), Phase::body);
  driver.send("1f5\r\n" + std::string(501, 'a'));
  EXPECT_EQ(engine.phase(), Phase::no_room);
  engine.give_up_room();
  driver.pump();
  ASSERT_EQ(driver.arrivals.size(), 1U);
  EXPECT_EQ(driver.arrivals[0].request.body_state, BodyState::no_room);
  EXPECT_EQ(budget.used(), 0);
  EXPECT_TRUE(engine.finished());
  EXPECT_EQ(engine.take_fault(), "no_room");
}

TEST(Http1Engine, InvitationWaitsForTheBudget) {
  Budget budget("bodies", 1000);
  Limits limits;
  limits.maybe_bodies = &budget;
  Http1Engine engine(limits);
  EngineDriver driver(engine, echo);
  auto other = budget.try_reserve(1000);
  driver.send("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n");
  EXPECT_EQ(driver.out, "");
  EXPECT_EQ(engine.phase(), Phase::no_room);
  other->release();
  driver.pump();
  EXPECT_THAT(driver.out, StartsWith("HTTP/1.1 100"));
}

TEST(Http1Engine, RoomGrowsWithTheBytesNotWithTheirPromise) {
  Budget budget("bodies", 1 << 30);
  Limits limits;
  limits.body_bytes_max = 1 << 29;
  limits.maybe_bodies = &budget;
  Http1Engine engine(limits);
  EngineDriver driver(engine);
  driver.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 500000000\r\n\r\nx");
  EXPECT_LE(budget.used(), 64 << 10);
  driver.send(std::string(100'000, 'x'));
  EXPECT_LE(budget.used(), 256 << 10);
}

TEST(Http1Engine, TimesOut) {
  for (const std::string start :
       {"GET / HT", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc"}) {
    Http1Engine engine({});
    EngineDriver driver(engine, echo);
    driver.send(start);
    engine.time_out();
    driver.pump();
    EXPECT_THAT(driver.out, StartsWith("HTTP/1.1 408"));
    EXPECT_TRUE(engine.finished());
    EXPECT_EQ(engine.take_fault(), "timeout");
  }
}

TEST(Http1Engine, Drains) {
  Http1Engine idle({});
  idle.drain();
  EXPECT_TRUE(idle.finished());

  Http1Engine busy({});
  EngineDriver driver(busy);
  driver.send("GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n");
  busy.drain();
  EXPECT_FALSE(busy.finished());
  busy.respond(driver.arrivals.at(0).id, {.body = "last"});
  driver.pump();
  EXPECT_THAT(driver.out, HasSubstr("connection: close"));
  EXPECT_TRUE(busy.finished());
  EXPECT_EQ(driver.arrivals.size(), 1U);
}

TEST(Http1Engine, OffersAnUpgrade) {
  const std::string asked =
      "GET /u HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n";
  Http1Engine engine({});
  EngineDriver driver(engine, echo);
  driver.send(asked + "HTTP2-Settings: AAMAAABk\r\n\r\n");
  ASSERT_TRUE(engine.upgrade_asked());
  EXPECT_EQ(engine.upgrade().settings, "AAMAAABk");
  EXPECT_EQ(engine.upgrade().request.path, "/u");
  engine.decline_upgrade();
  driver.pump();
  EXPECT_THAT(driver.out, StartsWith("HTTP/1.1 200"));

  for (const std::string tail : {"\r\n", "HTTP2-Settings: a\r\nHTTP2-Settings: b\r\n\r\n",
                                 "HTTP2-Settings: AAMAAABk\r\nContent-Length: 1\r\n\r\nx"}) {
    Http1Engine plain({});
    EngineDriver plain_driver(plain, echo);
    plain_driver.send(asked + tail);
    EXPECT_FALSE(plain.upgrade_asked());
    EXPECT_THAT(plain_driver.out, StartsWith("HTTP/1.1 200"));
  }
}

}  // namespace
}  // namespace vivace::net
