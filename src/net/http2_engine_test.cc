// HTTP/2 against nghttp2's client session, byte for byte in memory, and against hand-made frames
// where a decent client would not do it.
#include "net/http2_engine.h"

#include <array>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>

#include "net/engine_driver.h"

namespace vivace::net {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

nghttp2_nv make_nv(const Header& h) {
  return {reinterpret_cast<uint8_t*>(const_cast<char*>(h.name.data())),
          reinterpret_cast<uint8_t*>(const_cast<char*>(h.value.data())), h.name.size(),
          h.value.size(), NGHTTP2_NV_FLAG_NONE};
}

struct Answered {
  std::string head;  // "name:value|" each, without date
  std::string body;
  bool ended = false;
  int header_blocks = 0;
  int64_t reset = -1;  // the error code
};

// A client whose bytes go straight into an engine, and the other way round.
class Client {
 public:
  explicit Client(Engine& engine, EngineDriver::Answer answer = {}, bool reads_windows = true)
      : driver(engine, std::move(answer)) {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(
        callbacks, [](nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name, size_t n,
                      const uint8_t* value, size_t v, uint8_t, void* user) {
          std::string text(reinterpret_cast<const char*>(name), n);
          if (text == "date") return 0;
          text += ":" + std::string(reinterpret_cast<const char*>(value), v) + "|";
          self(user).answers[frame->hd.stream_id].head += text;
          return 0;
        });
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
        callbacks,
        [](nghttp2_session*, uint8_t, int32_t id, const uint8_t* data, size_t n, void* user) {
          self(user).answers[id].body.append(reinterpret_cast<const char*>(data), n);
          return 0;
        });
    nghttp2_session_callbacks_set_on_frame_recv_callback(
        callbacks, [](nghttp2_session*, const nghttp2_frame* frame, void* user) {
          Client& me = self(user);
          if (frame->hd.type == NGHTTP2_GOAWAY) me.goaway = frame->goaway.error_code;
          if (frame->hd.type == NGHTTP2_RST_STREAM) {
            me.answers[frame->hd.stream_id].reset = frame->rst_stream.error_code;
          }
          if (frame->hd.type == NGHTTP2_HEADERS) me.answers[frame->hd.stream_id].header_blocks++;
          const bool carries = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
          if (carries && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
            me.answers[frame->hd.stream_id].ended = true;
          }
          return 0;
        });
    nghttp2_option* options = nullptr;
    nghttp2_option_new(&options);
    if (!reads_windows) nghttp2_option_set_no_auto_window_update(options, 1);
    nghttp2_session_client_new2(&session, callbacks, this, options);
    nghttp2_option_del(options);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, nullptr, 0);
  }
  ~Client() { nghttp2_session_del(session); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  int32_t request(std::string method, std::string path, std::vector<Header> more = {},
                  std::optional<std::string> body = std::nullopt) {
    std::vector<Header> headers = {{":method", std::move(method)},
                                   {":scheme", "http"},
                                   {":authority", "x"},
                                   {":path", std::move(path)}};
    for (Header& h : more) headers.push_back(std::move(h));
    std::vector<nghttp2_nv> nvs;
    for (const Header& h : headers) nvs.push_back(make_nv(h));
    if (!body)
      return nghttp2_submit_request(session, nullptr, nvs.data(), nvs.size(), nullptr, nullptr);
    auto& source = sources_.emplace_back(std::make_unique<Source>());
    source->bytes = std::move(*body);
    nghttp2_data_provider provider{.source = {.ptr = source.get()}, .read_callback = read_body};
    return nghttp2_submit_request(session, nullptr, nvs.data(), nvs.size(), &provider, nullptr);
  }

  // A body that never ends.
  int32_t open_request(std::string path, std::string start) {
    const int32_t id = request("POST", std::move(path), {}, std::move(start));
    sources_.back()->open = true;
    return id;
  }

  // Everything there is to send, and everything that comes back, until nothing moves.
  void run() { run_split(nullptr, 0); }
  void run_split(std::mt19937* random, size_t longest) {
    for (;;) {
      const std::string bytes = take_outgoing();
      if (random != nullptr) {
        driver.send_split(bytes, *random, longest);
      } else if (!bytes.empty()) {
        driver.send(bytes);
      }
      driver.pump();
      const std::string back = driver.take_out();
      if (!back.empty()) {
        nghttp2_session_mem_recv(session, reinterpret_cast<const uint8_t*>(back.data()),
                                 back.size());
      }
      if (bytes.empty() && back.empty()) return;
    }
  }

  std::string take_outgoing() {
    std::string bytes;
    const uint8_t* data = nullptr;
    ssize_t n = 0;
    while ((n = nghttp2_session_mem_send(session, &data)) > 0) {
      bytes.append(reinterpret_cast<const char*>(data), static_cast<size_t>(n));
      sent_bytes += n;
    }
    return bytes;
  }

  EngineDriver driver;
  nghttp2_session* session = nullptr;
  std::map<int32_t, Answered> answers;
  std::optional<uint32_t> goaway;
  int64_t sent_bytes = 0;

 private:
  struct Source {
    std::string bytes;
    size_t used = 0;
    bool open = false;
  };

  static Client& self(void* user) { return *static_cast<Client*>(user); }

  static ssize_t read_body(nghttp2_session*, int32_t, uint8_t* out, size_t size, uint32_t* flags,
                           nghttp2_data_source* from, void*) {
    Source& s = *static_cast<Source*>(from->ptr);
    const size_t n = std::min(size, s.bytes.size() - s.used);
    std::copy_n(s.bytes.data() + s.used, n, out);
    s.used += n;
    if (s.used == s.bytes.size() && !s.open) *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (n == 0 && s.open) return NGHTTP2_ERR_DEFERRED;
    return static_cast<ssize_t>(n);
  }

  std::vector<std::unique_ptr<Source>> sources_;
};

std::optional<Response> echo(const Request& q) {
  return Response{.headers = {{"X-Kind", "echo"}}, .body = q.method + " " + q.path + " " + q.body};
}

std::string frame(uint8_t type, uint8_t flags, uint32_t stream, std::string_view payload) {
  std::string f;
  const auto n = static_cast<uint32_t>(payload.size());
  for (const uint32_t byte : {n >> 16, n >> 8, n, uint32_t{type}, uint32_t{flags}, stream >> 24,
                              stream >> 16, stream >> 8, stream}) {
    f.push_back(static_cast<char>(byte & 0xff));
  }
  return f.append(payload);
}

std::string opening() { return std::string(kPreface) + frame(NGHTTP2_SETTINGS, 0, 0, ""); }

// Whether the bytes that the server wrote hold a GOAWAY, and with which code.
std::optional<uint32_t> find_goaway(std::string_view bytes) {
  const auto at = [&](size_t i) { return static_cast<uint32_t>(static_cast<uint8_t>(bytes[i])); };
  while (bytes.size() >= 9) {
    const size_t n = at(0) << 16 | at(1) << 8 | at(2);
    if (at(3) == NGHTTP2_GOAWAY) return at(13) << 24 | at(14) << 16 | at(15) << 8 | at(16);
    bytes.remove_prefix(std::min(bytes.size(), 9 + n));
  }
  return std::nullopt;
}

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

TEST(Http2Engine, ResetTellsThatTheClientIsGone) {
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

TEST(Http2Engine, ResetWhileStreaming) {
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

TEST(Http2Engine, AnswersThatNobodyReadsAreGivenUp) {
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

TEST(Http2Engine, RapidResetsEndTheConnection) {
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

TEST(Http2Engine, ResetsBetweenAnswersAreForgiven) {
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

TEST(Http2Engine, PingFloodEndsTheConnection) {
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

TEST(Http2Engine, SettingsFloodEndsTheConnection) {
  Http2Engine engine({});
  std::string bytes = opening();
  for (int i = 0; i < 5000; i++) bytes += frame(NGHTTP2_SETTINGS, 0, 0, "");
  engine.feed(bytes);
  EXPECT_EQ(engine.take_fault(), "http2_flood");
}

TEST(Http2Engine, ContinuationFloodEndsTheConnection) {
  Http2Engine engine({});
  EngineDriver driver(engine);
  driver.send(opening() + frame(NGHTTP2_HEADERS, 0, 1, "\x82\x84\x86"));
  for (int i = 0; i < 1000; i++) driver.send(frame(NGHTTP2_CONTINUATION, 0, 1, ""));
  EXPECT_TRUE(engine.finished());
  EXPECT_TRUE(driver.arrivals.empty());
}

TEST(Http2Engine, HeaderBombIsNotStored) {
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

TEST(Http2Engine, GarbageEndsTheConnection) {
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

TEST(Http2Engine, QuietBodiesTimeOut) {
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

TEST(Http2Engine, UnfinishedHeadTimesOut) {
  Http2Engine engine({});
  EngineDriver driver(engine);
  driver.send(opening() + frame(NGHTTP2_HEADERS, 0, 1, "\x82\x84\x86"));
  EXPECT_EQ(engine.phase(), Phase::head);
  engine.time_out();
  driver.fill();
  EXPECT_TRUE(engine.finished());
  EXPECT_EQ(find_goaway(driver.out), uint32_t{NGHTTP2_ENHANCE_YOUR_CALM});
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

TEST(Http2Engine, NoPrefaceAfterAnUpgradeTimesOut) {
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
