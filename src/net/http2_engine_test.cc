// HTTP/2 against nghttp2's client session, byte for byte in memory: requests, bodies, trailers,
// streams, draining, upgrades. (Hostile and slow clients: http2_hostile_test.cc.)
#include <gmock/gmock.h>

#include "net/http2_client_testing.h"

namespace vivace::net {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Http2Engine, AnswersARequest) {
  Http2Engine engine({});
  Client client(engine, echo);
  const int32_t id = client.request("POST", "/a?b=c", {{"x-y", "z"}}, "body");
  client.run();
  ASSERT_EQ(client.driver.arrivals.size(), 1U);
  EXPECT_EQ(describe(client.driver.arrivals[0].request), "POST /a?b=c|x-y:z|host:x|body|0");
  EXPECT_TRUE(client.driver.arrivals[0].request.http2);
  EXPECT_EQ(client.answers[id].head, ":status:200|x-kind:echo|content-length:12|");
  EXPECT_EQ(client.answers[id].body, "POST /a body");
  EXPECT_TRUE(client.answers[id].ended);
  EXPECT_EQ(engine.phase(), Phase::idle);
}

TEST(Http2Engine, IsTheSameAtAnySplit) {
  const auto play = [](unsigned seed, size_t longest) {
    Http2Engine engine({});
    Client client(engine, echo);
    client.request("GET", "/1");
    client.request("POST", "/2", {}, std::string(100'000, 'b'));
    client.request("POST", "/3", {{"x", std::string(20'000, 'h')}}, std::string(30'000, 'c'));
    client.request("HEAD", "/4");
    std::mt19937 random(seed);
    client.run_split(longest == 0 ? nullptr : &random, longest);
    std::string text;
    for (auto& [id, a] : client.answers) text += a.head + a.body + (a.ended ? "." : "?") + "\n";
    std::vector<std::string> requests;
    for (const Arrival& a : client.driver.arrivals) requests.push_back(describe(a.request));
    std::sort(requests.begin(), requests.end());
    for (const std::string& q : requests) text += q + "\n";
    return text;
  };
  const std::string whole = play(0, 0);
  EXPECT_EQ(play(0, 1), whole);
  for (unsigned seed = 1; seed < 20; seed++) EXPECT_EQ(play(seed, seed * 100), whole);
}

TEST(Http2Engine, AnswersManyStreamsInAnyOrder) {
  constexpr size_t kStreamsMax = 75;
  Http2Engine engine({.streams_max = kStreamsMax});
  Client client(engine);
  client.run();  // now it knows the limit
  for (int i = 0; i < 150; i++) client.request("GET", "/" + std::to_string(i));
  client.run();
  ASSERT_EQ(client.driver.arrivals.size(), kStreamsMax);
  for (size_t i = kStreamsMax; i-- > 0;) {
    const Arrival& a = client.driver.arrivals[i];
    engine.respond(a.id, {.body = a.request.path});
  }
  client.run();
  ASSERT_EQ(client.driver.arrivals.size(), 150U);
  for (size_t i = kStreamsMax; i < 150; i++) {
    engine.respond(client.driver.arrivals[i].id, {.body = client.driver.arrivals[i].request.path});
  }
  client.run();
  for (int i = 0; i < 150; i++) EXPECT_EQ(client.answers[2 * i + 1].body, "/" + std::to_string(i));
}

TEST(Http2Engine, HeadAndBodylessStatusSendNoBody) {
  Http2Engine engine({});
  Client client(engine, [](const Request& q) {
    return Response{.status = q.method == "HEAD" ? 200 : 204,
                    .body = q.method == "HEAD" ? "12345" : ""};
  });
  const int32_t head = client.request("HEAD", "/");
  const int32_t get = client.request("GET", "/");
  client.run();
  EXPECT_EQ(client.answers[head].head, ":status:200|content-length:5|");
  EXPECT_EQ(client.answers[head].body, "");
  EXPECT_TRUE(client.answers[head].ended);
  EXPECT_EQ(client.answers[get].head, ":status:204|");
}

TEST(Http2Engine, LargeBodiesPassBothWays) {
  Http2Engine engine({});
  Client client(engine, echo);
  const int32_t id = client.request("POST", "/", {}, std::string(5 << 20, 'q'));
  client.run();
  EXPECT_EQ(client.answers[id].body.size(), (5U << 20) + 7);
}

TEST(Http2Engine, RefusesLargeHeads) {
  Limits limits;
  limits.header_bytes_max = 1000;
  Http2Engine engine(limits);
  Client client(engine, echo);
  const int32_t id = client.request("GET", "/", {{"x", std::string(2000, 'h')}});
  const int32_t fine = client.request("GET", "/fine");
  client.run();
  EXPECT_THAT(client.answers[id].head, HasSubstr(":status:431"));
  EXPECT_THAT(client.answers[fine].head, HasSubstr(":status:200"));
  EXPECT_EQ(client.driver.arrivals.size(), 1U);
}

TEST(Http2Engine, HandsOnThatABodyIsTooLarge) {
  Limits limits;
  limits.body_bytes_max = 100'000;
  Http2Engine engine(limits);
  Client client(engine, [](const Request& q) {
    return Response{.status = q.body_state == BodyState::too_large ? 413 : 200};
  });
  const int32_t declared =
      client.request("POST", "/", {{"content-length", "1000000"}}, std::string(1'000'000, 'a'));
  const int32_t grown = client.request("POST", "/", {}, std::string(1'000'000, 'a'));
  const int32_t fits = client.request("POST", "/", {}, std::string(100'000, 'a'));
  client.run();
  EXPECT_THAT(client.answers[declared].head, HasSubstr(":status:413"));
  EXPECT_THAT(client.answers[grown].head, HasSubstr(":status:413"));
  EXPECT_THAT(client.answers[fits].head, HasSubstr(":status:200"));
  EXPECT_EQ(engine.phase(), Phase::idle) << "the rest was read and thrown away";
  EXPECT_EQ(client.answers[grown].reset, -1);
}

TEST(Http2Engine, SendsContinue) {
  Http2Engine engine({});
  Client client(engine);
  const int32_t id = client.request("POST", "/", {{"expect", "100-continue"}}, "");
  client.run();
  EXPECT_EQ(client.answers[id].head, ":status:100|");
}

TEST(Http2Engine, FullBudgetStopsTheClientAtTheWindow) {
  Budget budget("bodies", 100'000);
  Limits limits;
  limits.maybe_bodies = &budget;
  Http2Engine engine(limits);
  Client client(engine, echo);
  auto other = budget.try_reserve(100'000);
  const int32_t id = client.request("POST", "/", {}, std::string(400'000, 'b'));
  client.run();
  EXPECT_EQ(engine.phase(), Phase::no_room);
  EXPECT_LE(client.sent_bytes, Http2Engine::kWindowBytes + 2000);
  EXPECT_LE(budget.used(), 100'000 + Http2Engine::kWindowBytes);
  EXPECT_TRUE(client.driver.arrivals.empty());
  engine.give_up_room();
  client.run();
  ASSERT_EQ(client.driver.arrivals.size(), 1U);
  EXPECT_EQ(client.driver.arrivals[0].request.body_state, BodyState::no_room);
  EXPECT_EQ(budget.used(), 100'000);
  EXPECT_TRUE(client.answers[id].ended);
  other->release();
  const int32_t next = client.request("POST", "/", {}, std::string(90'000, 'b'));
  client.run();
  EXPECT_EQ(client.answers[next].body.size(), 90'007U) << "the windows are whole again";
}

TEST(Http2Engine, SmallBodiesWaitForTheBudgetToo) {
  Budget budget("bodies", 1000);
  Limits limits;
  limits.maybe_bodies = &budget;
  Http2Engine engine(limits);
  Client client(engine, echo);
  auto other = budget.try_reserve(1000);
  client.request("POST", "/", {}, std::string(10, 'b'));
  client.run();
  EXPECT_EQ(engine.phase(), Phase::no_room);
  EXPECT_TRUE(client.driver.arrivals.empty());
  other->release();
  client.run();
  EXPECT_EQ(client.driver.arrivals.size(), 1U);
  client.driver.arrivals.clear();
  EXPECT_EQ(budget.used(), 0);
}

TEST(Http2Engine, TrailersComeBehindTheBody) {
  Http2Engine engine({});
  Client client(engine, [](const Request& q) {
    return Response{.headers = {{"a", "b"}},
                    .body = q.path == "/empty" ? "" : "body",
                    .trailers = {{"Grpc-Status", "0"}, {"grpc-message", "a\r\nb: c"}}};
  });
  const int32_t whole = client.request("POST", "/");
  const int32_t empty = client.request("POST", "/empty");
  client.run();
  EXPECT_EQ(client.answers[whole].head, ":status:200|a:b|grpc-status:0|grpc-message:a  b: c|");
  EXPECT_EQ(client.answers[whole].body, "body");
  EXPECT_TRUE(client.answers[whole].ended);
  EXPECT_EQ(client.answers[whole].header_blocks, 2);
  EXPECT_EQ(client.answers[empty].head, ":status:200|a:b|grpc-status:0|grpc-message:a  b: c|");
  EXPECT_TRUE(client.answers[empty].ended);
  EXPECT_EQ(client.answers[empty].header_blocks, 1) << "trailers only";
  EXPECT_EQ(engine.phase(), Phase::idle);
}

TEST(Http2Engine, TrailersComeBehindAStream) {
  Http2Engine engine({});
  Client client(engine);
  const int32_t id = client.request("POST", "/");
  const int32_t nothing = client.request("POST", "/");
  client.run();
  engine.begin(id, {});
  engine.write(id, std::string(300'000, 's'));  // more than the client's first window
  client.run();
  engine.write(id, "end");
  engine.end(id, {{"grpc-status", "8"}});
  engine.begin(nothing, {});
  engine.end(nothing, {{"grpc-status", "5"}});
  client.run();
  EXPECT_EQ(client.answers[id].body.size(), 300'003U);
  EXPECT_EQ(client.answers[id].head, ":status:200|grpc-status:8|");
  EXPECT_TRUE(client.answers[id].ended);
  EXPECT_EQ(client.answers[nothing].body, "");
  EXPECT_EQ(client.answers[nothing].head, ":status:200|grpc-status:5|");
  EXPECT_TRUE(client.answers[nothing].ended);
  EXPECT_EQ(engine.phase(), Phase::idle);
}

TEST(Http2Engine, ARefusedBodyLeavesItsFirstBytes) {
  Budget budget("bodies", 1 << 20);
  Http2Engine engine({.body_bytes_max = 20'000, .maybe_bodies = &budget});
  Client client(engine, echo);
  client.request("POST", "/", {}, "0123456789abcdef" + std::string(30'000, '.'));
  client.run();
  ASSERT_EQ(client.driver.arrivals.size(), 1U);
  const Request& request = client.driver.arrivals[0].request;
  EXPECT_EQ(request.body_state, BodyState::too_large);
  EXPECT_EQ(request.body, "0123456789abcdef");
  EXPECT_EQ(budget.used(), 0);
}

TEST(Http2Engine, StreamsWithCredit) {
  Http2Engine engine({});
  Client client(engine, {}, false);
  const int32_t id = client.request("GET", "/");
  client.run();
  engine.begin(id, {.headers = {{"x", "y"}}});
  engine.write(id, "abc");
  client.run();
  EXPECT_EQ(client.answers[id].body, "abc");
  EXPECT_FALSE(client.answers[id].ended);
  EXPECT_EQ(client.answers[id].head, ":status:200|x:y|");
  EXPECT_EQ(credited(client.driver.credits), 3);
  // The client opens no window: no more credit than the 65535 bytes of the first.
  engine.write(id, std::string(100'000, 'z'));
  client.run();
  EXPECT_EQ(credited(client.driver.credits), 65'535);
  nghttp2_session_consume(client.session, id, 65'535);
  client.run();
  EXPECT_EQ(credited(client.driver.credits), 100'003);
  engine.end(id, {});
  client.run();
  EXPECT_TRUE(client.answers[id].ended);
}

TEST(Http2Engine, StreamsNothingToHead) {
  Http2Engine engine({});
  Client client(engine);
  const int32_t id = client.request("HEAD", "/");
  client.run();
  engine.begin(id, {});
  engine.write(id, "unseen");
  engine.end(id, {});
  client.run();
  EXPECT_TRUE(client.answers[id].ended);
  EXPECT_EQ(client.answers[id].body, "");
}

TEST(Http2Engine, DrainsAfterTheAnswers) {
  Http2Engine idle({});
  Client nobody(idle);
  nobody.run();
  idle.drain();
  nobody.run();
  EXPECT_TRUE(idle.finished());
  EXPECT_EQ(nobody.goaway, uint32_t{NGHTTP2_NO_ERROR});

  Http2Engine engine({});
  Client client(engine);
  const int32_t id = client.request("GET", "/");
  client.run();
  engine.drain();
  client.run();
  EXPECT_FALSE(engine.finished());
  engine.respond(id, {.body = "last"});
  client.run();
  EXPECT_EQ(client.answers[id].body, "last");
  EXPECT_TRUE(engine.finished());
}

TEST(Http2Engine, GoesOnAfterAnUpgrade) {
  Request request;
  request.method = "GET";
  request.path = "/up";
  auto engine =
      Http2Engine::upgraded({}, "AAMAAABkAAQAAP__", request);  // 100 streams, window 65535
  ASSERT_NE(engine, nullptr);
  Arrival early;
  EXPECT_FALSE(engine->next(early)) << "the client's preface comes first";
  EXPECT_EQ(engine->phase(), Phase::head);
  Client client(*engine, echo);
  const std::string settings("\x00\x03\x00\x00\x00\x64\x00\x04\x00\x00\xff\xff", 12);
  ASSERT_EQ(
      nghttp2_session_upgrade2(client.session, reinterpret_cast<const uint8_t*>(settings.data()),
                               settings.size(), 0, nullptr),
      0);
  client.run();
  EXPECT_EQ(client.answers[1].body, "GET /up ");
  const int32_t id = client.request("GET", "/next");
  client.run();
  EXPECT_EQ(client.answers[id].body, "GET /next ");

  Request kept;
  kept.path = "/kept";
  EXPECT_EQ(Http2Engine::upgraded({}, "!", kept), nullptr);
  EXPECT_EQ(Http2Engine::upgraded({}, "AAM", kept), nullptr);
  EXPECT_EQ(kept.path, "/kept");
}

}  // namespace
}  // namespace vivace::net
