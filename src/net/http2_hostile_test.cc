// HTTP/2 clients that reset, flood, send garbage, read nothing or send nothing: each is ended or
// given up, at a bounded cost, and the engine gives back what it held.
#include <gmock/gmock.h>

#include "net/http2_client_testing.h"

namespace vivace::net {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Http2Hostile, ResetTellsThatTheClientIsGone) {
  Http2Engine engine({});
  Client client(engine);
  const int32_t id = client.request("GET", "/");
  client.run();
  ASSERT_EQ(client.driver.arrivals.size(), 1U);
  nghttp2_submit_rst_stream(client.session, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
  client.run();
  EXPECT_THAT(client.driver.gone, ElementsAre(id));
  engine.respond(id, {.body = "too late"});
  engine.begin(id, {});
  engine.write(id, "too late");
  engine.end(id, {});
  client.run();
  EXPECT_EQ(engine.phase(), Phase::idle);
  EXPECT_EQ(client.answers[id].head, "");
}

TEST(Http2Hostile, ResetWhileStreaming) {
  Http2Engine engine({});
  Client client(engine);
  const int32_t id = client.request("GET", "/");
  client.run();
  engine.begin(id, {});
  engine.write(id, std::string(1'000'000, 's'));
  Output some;
  engine.fill(some);
  nghttp2_submit_rst_stream(client.session, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
  client.run();
  engine.write(id, "more");
  engine.end(id, {});
  client.run();
  EXPECT_THAT(client.driver.gone, ElementsAre(id));
}

TEST(Http2Hostile, AnswersThatNobodyReadsAreGivenUp) {
  Http2Engine engine({});
  Client client(engine, {}, /*reads_windows=*/false);
  const int32_t stalled = client.request("GET", "/");
  const int32_t whole = client.request("GET", "/");
  const int32_t fine = client.request("GET", "/");
  client.run();
  EXPECT_FALSE(engine.owes_answers());
  engine.begin(stalled, {});
  engine.write(stalled, std::string(200'000, 's'));
  client.run();
  EXPECT_TRUE(engine.owes_answers());
  engine.respond(whole, {.body = std::string(10'000, 'w')});
  engine.begin(fine, {});
  engine.write(fine, "waits for the connection's window");
  engine.time_out_answers();  // from here on it counts
  nghttp2_submit_window_update(client.session, NGHTTP2_FLAG_NONE, 0, 20'000);
  client.run();
  engine.write(fine, std::string(20'000, 'f'));
  client.run();
  EXPECT_THAT(client.driver.gone, ElementsAre());
  engine.time_out_answers();
  client.run();
  EXPECT_THAT(client.driver.gone, ElementsAre(stalled));
  EXPECT_EQ(client.answers[stalled].reset, NGHTTP2_CANCEL);
  EXPECT_EQ(client.answers[whole].body.size(), 10'000U);
  EXPECT_EQ(engine.take_fault(), "timeout_write");
  engine.time_out_answers();
  client.run();
  EXPECT_THAT(client.driver.gone, ElementsAre(stalled, fine));
  EXPECT_FALSE(engine.owes_answers());
}

TEST(Http2Hostile, RapidResetsEndTheConnection) {
  Http2Engine engine({});
  Client client(engine);
  for (int i = 0; i < 2000 && !engine.finished(); i++) {
    const int32_t id = client.request("GET", "/");
    client.driver.send(client.take_outgoing());
    nghttp2_submit_rst_stream(client.session, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
    client.driver.send(client.take_outgoing());
  }
  EXPECT_TRUE(engine.finished());
  EXPECT_LE(client.driver.arrivals.size(), static_cast<size_t>(Http2Engine::kResetsMax) + 1);
  EXPECT_EQ(find_goaway(client.driver.out), uint32_t{NGHTTP2_ENHANCE_YOUR_CALM});
  EXPECT_EQ(engine.take_fault(), "http2_reset_flood");
}

TEST(Http2Hostile, ResetsBetweenAnswersAreForgiven) {
  Http2Engine engine({});
  Client client(engine);
  for (int i = 0; i < 1000; i++) {
    const int32_t kept = client.request("GET", "/");
    const int32_t reset = client.request("GET", "/");
    client.run();
    nghttp2_submit_rst_stream(client.session, NGHTTP2_FLAG_NONE, reset, NGHTTP2_CANCEL);
    engine.respond(kept, {.body = "a"});
    client.run();
    client.driver.arrivals.clear();
  }
  EXPECT_FALSE(engine.finished());
  EXPECT_FALSE(client.goaway.has_value());
}

TEST(Http2Hostile, PingFloodEndsTheConnection) {
  Http2Engine engine({});
  std::string bytes = opening();
  for (int i = 0; i < 5000; i++) bytes += frame(NGHTTP2_PING, 0, 0, "12345678");
  engine.feed(bytes);  // and never a `fill`: the client does not read
  EXPECT_EQ(engine.take_fault(), "http2_flood");
  EngineDriver driver(engine);
  driver.fill();
  EXPECT_TRUE(engine.finished());
  EXPECT_LT(driver.out.size(), 20'000U);
}

TEST(Http2Hostile, SettingsFloodEndsTheConnection) {
  Http2Engine engine({});
  std::string bytes = opening();
  for (int i = 0; i < 5000; i++) bytes += frame(NGHTTP2_SETTINGS, 0, 0, "");
  engine.feed(bytes);
  EXPECT_EQ(engine.take_fault(), "http2_flood");
}

TEST(Http2Hostile, ContinuationFloodEndsTheConnection) {
  Http2Engine engine({});
  EngineDriver driver(engine);
  driver.send(opening() + frame(NGHTTP2_HEADERS, 0, 1, "\x82\x84\x86"));
  for (int i = 0; i < 1000; i++) driver.send(frame(NGHTTP2_CONTINUATION, 0, 1, ""));
  EXPECT_TRUE(engine.finished());
  EXPECT_TRUE(driver.arrivals.empty());
}

TEST(Http2Hostile, HeaderBombIsNotStored) {
  // One indexed header of 4000 bytes, named again and again in two bytes each.
  Limits limits;
  limits.header_bytes_max = 10'000;
  Http2Engine engine(limits);
  EngineDriver driver(engine);
  std::string block = "\x82\x84\x86\x40\x01y\x7f\xa1\x1e";  // 127 + 0xf21 = 4000 bytes follow
  block += std::string(4000, 'v');
  for (int i = 0; i < 10'000; i++) block += "\xbe";
  driver.send(opening() +
              frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 1, block));
  EXPECT_TRUE(driver.arrivals.empty());
}

TEST(Http2Hostile, GarbageEndsTheConnection) {
  Http2Engine engine({});
  EngineDriver driver(engine);
  driver.send("GET / HTTP/1.1\r\nHost: no preface\r\n\r\n");
  EXPECT_TRUE(engine.finished());
  EXPECT_EQ(engine.take_fault(), "http2_protocol");

  std::mt19937 random(7);
  for (int i = 0; i < 300; i++) {
    Http2Engine fuzzed({});
    EngineDriver d(fuzzed, echo);
    std::string bytes = opening();
    for (int f = 0; f < 20; f++) {
      std::string payload(random() % 40, '\0');
      for (char& c : payload) c = static_cast<char>(random());
      bytes += frame(static_cast<uint8_t>(random() % 11), static_cast<uint8_t>(random()),
                     random() % 8, payload);
    }
    d.send_split(bytes, random, 100);
  }
}

TEST(Http2Hostile, QuietBodiesTimeOut) {
  Http2Engine engine({});
  Client client(engine, echo);
  const int32_t quiet = client.open_request("/quiet", "start");
  client.run();
  EXPECT_EQ(engine.phase(), Phase::body);
  engine.time_out();
  client.run();
  EXPECT_EQ(client.answers[quiet].reset, -1) << "bytes had come";
  engine.time_out();
  client.run();
  EXPECT_EQ(client.answers[quiet].reset, NGHTTP2_CANCEL);
  EXPECT_EQ(engine.phase(), Phase::idle);
  EXPECT_EQ(engine.take_fault(), "timeout");
}

TEST(Http2Hostile, UnfinishedHeadTimesOut) {
  Http2Engine engine({});
  EngineDriver driver(engine);
  driver.send(opening() + frame(NGHTTP2_HEADERS, 0, 1, "\x82\x84\x86"));
  EXPECT_EQ(engine.phase(), Phase::head);
  engine.time_out();
  driver.fill();
  EXPECT_TRUE(engine.finished());
  EXPECT_EQ(find_goaway(driver.out), uint32_t{NGHTTP2_ENHANCE_YOUR_CALM});
}

TEST(Http2Hostile, NoPrefaceAfterAnUpgradeTimesOut) {
  Request request;
  request.method = "GET";
  auto engine = Http2Engine::upgraded({}, "", request);
  ASSERT_NE(engine, nullptr);
  engine->time_out();
  Output output;
  engine->fill(output);
  EXPECT_TRUE(engine->finished());
}

}  // namespace
}  // namespace vivace::net
