// The server over real loopback sockets, with blocking clients.
#include "net/server.h"

#include <arpa/inet.h>
#include <atomic>
#include <condition_variable>
#include <future>
#include <mutex>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/queue.h"

namespace vivace::net {
namespace {

using namespace std::chrono_literals;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// A blocking client; a receive that hangs fails the test after a while.
class Client {
 public:
  explicit Client(uint16_t port, int receive_buffer = 0) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    if (receive_buffer > 0) {
      ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    }
    const timeval patience{.tv_sec = 30, .tv_usec = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0;
  }
  ~Client() { close(); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  bool connected() const { return connected_; }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  void shut_writing() { ::shutdown(fd_, SHUT_WR); }

  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return true;
  }

  // Reads until `text` has come (and keeps what follows), or the end.
  std::string read_until(std::string_view text) {
    for (;;) {
      const size_t at = got_.find(text);
      if (at != std::string::npos) {
        std::string head = got_.substr(0, at + text.size());
        got_.erase(0, at + text.size());
        return head;
      }
      if (!more()) return std::exchange(got_, {});
    }
  }

  std::string read_bytes(size_t n) {
    while (got_.size() < n && more()) {
    }
    std::string bytes = got_.substr(0, n);
    got_.erase(0, bytes.size());
    return bytes;
  }

  std::string read_all() {
    while (more()) {
    }
    return std::exchange(got_, {});
  }

  // One answer with a content-length.
  std::string read_answer() {
    std::string answer = read_until("\r\n\r\n");
    const size_t at = answer.find("content-length: ");
    if (at != std::string::npos) answer += read_bytes(std::stoul(answer.substr(at + 16)));
    return answer;
  }

  bool reset() const { return reset_; }  // rather than closed

 private:
  bool more() {
    char buffer[65536];
    const ssize_t n = ::recv(fd_, buffer, sizeof buffer, 0);
    if (n < 0) reset_ = errno == ECONNRESET;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) ADD_FAILURE() << "nothing came";
    if (n > 0) got_.append(buffer, static_cast<size_t>(n));
    return n > 0;
  }

  int fd_;
  bool connected_ = false;
  bool reset_ = false;
  std::string got_;
};

std::string post(std::string_view path, std::string_view body, std::string_view more = "") {
  return "POST " + std::string(path) + " HTTP/1.1\r\nHost: x\r\n" + std::string(more) +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

const std::string kGet = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

// HEADERS that end stream 1: GET / with authority x.
const std::string kHttp2Get("\0\0\6\1\5\0\0\0\1\x82\x84\x86\x01\x01x", 15);
const std::string kEmptySettings("\0\0\0\4\0\0\0\0\0", 9);

bool eventually(const std::function<bool()>& holds) {
  const auto deadline = std::chrono::steady_clock::now() + 30s;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

// Requests that wait for the test to answer them.
struct Held {
  Request request;
  Responder responder;
};

class ServerTest : public ::testing::Test {
 protected:
  uint16_t listen(Handler handler, ListenerOptions options = {}) {
    if (options.name.empty()) options.name = "http";
    options.address = "127.0.0.1";
    const auto port = server_.listen(options, std::move(handler));
    EXPECT_TRUE(port.has_value()) << port.error().message;
    return port.value_or(0);
  }

  static void echo(Request q, Responder r) {
    std::string text = q.body_state == BodyState::complete ? q.body : "no body";
    std::move(r).send({.status = q.body_state == BodyState::complete    ? 200
                                 : q.body_state == BodyState::too_large ? 413
                                                                        : 503,
                       .body = std::move(text)});
  }

  Handler hold() {
    return [this](Request q, Responder r) {
      EXPECT_TRUE(held_.push(Held{std::move(q), std::move(r)}));
    };
  }

  double metric(const std::string& line_start) {
    const std::string text = metrics_.render();
    const size_t at = text.find(line_start);
    if (at == std::string::npos) return -1;
    return std::stod(text.substr(text.find("} ", at) + 2));
  }

  Metrics metrics_;
  Queue<Held> held_{1000};
  Server server_{2, metrics_};
};

TEST_F(ServerTest, AnswersAndKeepsTheConnection) {
  const uint16_t port = listen(echo);
  Client client(port);
  for (int i = 0; i < 10; i++) {
    const std::string body(static_cast<size_t>(i) * 50'000, static_cast<char>('a' + i));
    ASSERT_TRUE(client.send(post("/", body)));
    const std::string answer = client.read_answer();
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_TRUE(answer.ends_with(body));
  }
  EXPECT_EQ(metric("vivace_net_connections_total{listener=\"http\"}"), 1);
  EXPECT_EQ(metric("vivace_net_connections{listener=\"http\"}"), 1);
}

TEST_F(ServerTest, SaysWhyItCannotListen) {
  const uint16_t port = listen(echo);
  EXPECT_FALSE(server_.listen({.name = "http", .address = "127.0.0.1"}, echo).has_value());
  const auto taken = server_.listen({.name = "b", .address = "127.0.0.1", .port = port}, echo);
  ASSERT_FALSE(taken.has_value());
  EXPECT_EQ(taken.error().code, Code::io);
  EXPECT_THAT(taken.error().message, HasSubstr("127.0.0.1:" + std::to_string(port)));
  const auto foreign = server_.listen({.name = "c", .address = "192.0.2.1"}, echo);
  EXPECT_FALSE(foreign.has_value());
}

TEST_F(ServerTest, ListensOnAllAddressesAndOnLocalhost) {
  for (const char* address : {"", "localhost", "0.0.0.0"}) {
    const auto port =
        server_.listen({.name = std::string("l") + address, .address = address}, echo);
    ASSERT_TRUE(port.has_value()) << port.error().message;
    Client client(*port);
    ASSERT_TRUE(client.send(kGet));
    EXPECT_THAT(client.read_answer(), StartsWith("HTTP/1.1 200"));
  }
}

TEST_F(ServerTest, ManyClientsAtOnce) {
  const uint16_t port = listen(echo);
  std::vector<std::jthread> threads;
  std::atomic<int> right = 0;
  for (int t = 0; t < 8; t++) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 20; i++) {
        Client client(port);
        for (int k = 0; k < 5; k++) {
          const std::string body(static_cast<size_t>(1 + i * 997 + k), static_cast<char>('a' + t));
          if (client.send(post("/", body)) && client.read_answer().ends_with(body)) right++;
        }
      }
    });
  }
  threads.clear();
  EXPECT_EQ(right, 8 * 20 * 5);
  EXPECT_TRUE(eventually([&] { return metric("vivace_net_connections{listener=\"http\"}") == 0; }));
}

TEST_F(ServerTest, AnswersFromOtherThreads) {
  const uint16_t port = listen(hold());
  std::jthread worker([this] {
    while (auto held = held_.pop()) {
      std::move(held->responder).send({.body = held->request.path});
    }
  });
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; t++) {
      threads.emplace_back([&] {
        Client client(port);
        for (int i = 0; i < 50; i++) {
          ASSERT_TRUE(client.send(post("/" + std::to_string(i), "x")));
          EXPECT_THAT(client.read_answer(), EndsWith("/" + std::to_string(i)));
        }
      });
    }
  }
  held_.close();
}

TEST_F(ServerTest, PipelinedRequestsAreAnsweredInOrder) {
  const uint16_t port = listen([](Request q, Responder r) { std::move(r).send({.body = q.path}); });
  Client client(port);
  std::string all;
  for (int i = 0; i < 2000; i++)
    all += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: x\r\n\r\n";
  std::jthread sender([&] { client.send(all); });
  for (int i = 0; i < 2000; i++)
    ASSERT_THAT(client.read_answer(), EndsWith("/" + std::to_string(i)));
}

TEST_F(ServerTest, HalfClosedClientStillGetsItsAnswers) {
  const uint16_t port = listen(echo);
  Client client(port);
  client.send(kGet + post("/", "second"));
  client.shut_writing();
  EXPECT_THAT(client.read_all(), EndsWith("second"));
}

TEST_F(ServerTest, TellsTheHandlerThatTheClientLeft) {
  const uint16_t port = listen(hold());
  Client client(port);
  client.send(kGet);
  auto held = held_.pop();
  EXPECT_FALSE(held->request.stop.stop_requested());
  client.close();
  EXPECT_TRUE(eventually([&] { return held->request.stop.stop_requested(); }));
  std::move(held->responder).send({.body = "to nobody"});
}

TEST_F(ServerTest, RespondersOutliveEverything) {
  const uint16_t port = listen(hold());
  Client client(port);
  client.send(kGet);
  auto held = held_.pop();
  server_.stop(0ms);
  EXPECT_TRUE(held->request.stop.stop_requested());
  auto stream = std::move(held->responder).stream({});
  EXPECT_FALSE(stream.write("to nobody"));
}

TEST_F(ServerTest, StreamBlocksForASlowClientAndEndsWhenItLeaves) {
  const uint16_t port = listen(hold());
  Client client(port, 4096);
  client.send(kGet);
  auto held = held_.pop();
  std::atomic<int64_t> written = 0;
  std::atomic<bool> ended = false;
  std::jthread worker([&] {
    auto stream = std::move(held->responder).stream({});
    while (stream.write(std::string(10'000, 's'))) written += 10'000;
    ended = true;
  });
  EXPECT_THAT(client.read_until("\r\n\r\n"), HasSubstr("transfer-encoding: chunked"));
  EXPECT_EQ(client.read_bytes(1'000'000).size(), 1'000'000U);
  const int64_t before = written;
  EXPECT_LT(before, 64 << 20) << "it ran ahead of the client";
  EXPECT_EQ(client.read_bytes(10'000'000).size(), 10'000'000U);
  EXPECT_FALSE(ended);
  client.close();
  worker.join();
  EXPECT_TRUE(ended);
  EXPECT_TRUE(held->request.stop.stop_requested());
}

TEST_F(ServerTest, StreamsWhole) {
  const uint16_t port = listen(hold());
  std::jthread worker([this] {
    auto held = held_.pop();
    auto stream = std::move(held->responder).stream({});
    for (int i = 0; i < 100; i++) EXPECT_TRUE(stream.write(std::string(10'000, '#')));
  });
  Client client(port);
  client.send(kGet);
  const std::string answer = client.read_until("\r\n0\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(std::count(answer.begin(), answer.end(), '#'), 1'000'000);
  worker.join();
  client.send(kGet);
  EXPECT_TRUE(held_.pop().has_value()) << "the connection goes on";
}

TEST_F(ServerTest, ClientReadsTheRefusalOfABodyItWasStillSending) {
  ListenerOptions options;
  options.body_bytes_max = 1000;
  const uint16_t port = listen(echo, options);
  Client client(port);
  EXPECT_TRUE(client.send(post("/", std::string(5 << 20, 'x'))));
  client.shut_writing();
  EXPECT_THAT(client.read_all(), StartsWith("HTTP/1.1 413"));
  EXPECT_FALSE(client.reset());
  EXPECT_EQ(metric("vivace_net_http_errors_total{kind=\"body_too_large\",listener=\"http\"}"), 1);
}

TEST_F(ServerTest, AnswersMalformedHeadsAndCloses) {
  const uint16_t port = listen(echo);
  Client client(port);
  client.send("GET / HTTP/9.9\r\n\r\n");
  EXPECT_THAT(client.read_until("\n\n"), StartsWith("HTTP/1.1 505"));
  EXPECT_EQ(metric("vivace_net_http_errors_total{kind=\"bad_request\",listener=\"http\"}"), 1);
}

TEST_F(ServerTest, SlowHeadsAndBodiesTimeOut) {
  ListenerOptions options;
  options.header_timeout = 50ms;
  options.body_timeout = 50ms;
  const uint16_t port = listen(echo, options);
  Client head(port);
  head.send("GET / HT");
  EXPECT_THAT(head.read_until("\r\n\r\n"), StartsWith("HTTP/1.1 408"));
  Client body(port);
  body.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
  EXPECT_THAT(body.read_until("\r\n\r\n"), StartsWith("HTTP/1.1 408"));
  Client sniffed(port);
  sniffed.send("PRI * HT");
  EXPECT_EQ(sniffed.read_all(), "");
}

TEST_F(ServerTest, IdleConnectionsClose) {
  ListenerOptions options;
  options.idle_timeout = 50ms;
  const uint16_t port = listen(echo, options);
  Client fresh(port);
  EXPECT_EQ(fresh.read_all(), "");
  Client used(port);
  used.send(kGet);
  EXPECT_THAT(used.read_all(), StartsWith("HTTP/1.1 200"));
}

TEST_F(ServerTest, ClientThatDoesNotReadIsCut) {
  ListenerOptions options;
  options.body_timeout = 50ms;
  const uint16_t port =
      listen([](Request, Responder r) { std::move(r).send({.body = std::string(32 << 20, 'x')}); },
             options);
  Client client(port, 4096);
  client.send(kGet);
  EXPECT_TRUE(eventually([&] {
    return metric("vivace_net_http_errors_total{kind=\"timeout_write\",listener=\"http\"}") == 1;
  }));
}

TEST_F(ServerTest, Http2ClientThatOpensNoWindowIsGivenUp) {
  ListenerOptions options;
  options.body_timeout = 50ms;
  const uint16_t port = listen(hold(), options);
  Client client(port);
  client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + kEmptySettings + kHttp2Get);
  auto held = held_.pop();
  auto stream = std::move(held->responder).stream({});
  while (stream.write(std::string(10'000, 's'))) {
  }
  EXPECT_TRUE(held->request.stop.stop_requested());
  EXPECT_TRUE(eventually([&] {
    return metric("vivace_net_http_errors_total{kind=\"timeout_write\",listener=\"http\"}") == 1;
  }));
  const std::string all = client.read_until(std::string("\0\0\4\3\0\0\0\0\1", 9));
  EXPECT_THAT(all, EndsWith(std::string("\0\0\4\3\0\0\0\0\1", 9))) << "RST_STREAM";
}

TEST_F(ServerTest, BodiesWaitForTheBudget) {
  Budget budget("bodies", 100'000);
  {
    Server server(1, metrics_);
    ListenerOptions options{.name = "b", .address = "127.0.0.1"};
    options.bodies = &budget;
    const auto port = server.listen(options, echo);
    ASSERT_TRUE(port.has_value());
    auto other = budget.try_reserve(100'000);
    Client patient(*port);
    patient.send(post("/", std::string(50'000, 'p')));
    EXPECT_THAT(patient.read_answer(), StartsWith("HTTP/1.1 503"));
    Client lucky(*port);
    lucky.send(post("/", std::string(50'000, 'l')));
    other->release();
    EXPECT_THAT(lucky.read_answer(), StartsWith("HTTP/1.1 200"));
    EXPECT_TRUE(eventually([&] { return budget.used() == 0; }));
  }
}

TEST_F(ServerTest, ConnectionsPastTheLimitAreClosedAtOnce) {
  ListenerOptions options;
  options.connections_max = 2;
  const uint16_t port = listen(echo, options);
  Client a(port);
  Client b(port);
  a.send(kGet);
  b.send(kGet);
  EXPECT_THAT(a.read_answer(), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(b.read_answer(), StartsWith("HTTP/1.1 200"));
  Client c(port);
  EXPECT_EQ(c.read_all(), "");
  EXPECT_EQ(metric("vivace_net_connections_refused_total{listener=\"http\"}"), 1);
  a.close();
  EXPECT_TRUE(eventually([&] { return metric("vivace_net_connections{listener=\"http\"}") == 1; }));
  Client d(port);
  d.send(kGet);
  EXPECT_THAT(d.read_answer(), StartsWith("HTTP/1.1 200"));
}

TEST_F(ServerTest, SurvivesRunningOutOfFileDescriptors) {
  const uint16_t port = listen(echo);
  Client before(port);
  before.send(kGet);
  EXPECT_THAT(before.read_answer(), StartsWith("HTTP/1.1 200"));
  rlimit usual{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &usual), 0);
  Client waiting(port, -1);  // its own descriptor is the last that the process gets
  ASSERT_TRUE(waiting.connected());
  waiting.send(kGet);
  EXPECT_THAT(waiting.read_answer(), StartsWith("HTTP/1.1 200"));

  const int client = ::socket(AF_INET, SOCK_STREAM, 0);
  const rlimit none{.rlim_cur = static_cast<rlim_t>(client) + 1, .rlim_max = usual.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::connect(client, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
  EXPECT_TRUE(eventually([&] {
    return metric("vivace_net_http_errors_total{kind=\"accept\",listener=\"http\"}") >= 1;
  }));
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &usual), 0);
  EXPECT_EQ(::send(client, kGet.data(), kGet.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(kGet.size()));
  char answer[64];
  EXPECT_GT(::recv(client, answer, sizeof answer, 0), 0);
  ::close(client);
}

TEST_F(ServerTest, StopAnswersWhatIsInFlight) {
  const uint16_t port = listen(hold());
  Client busy(port);
  busy.send(kGet + kGet);
  auto held = held_.pop();
  Client idle(port);
  ASSERT_TRUE(idle.connected());
  Client sending(port);
  sending.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab");
  ASSERT_TRUE(eventually([&] { return metric("vivace_net_connections{listener=\"http\"}") == 3; }));

  auto stopped = std::async(std::launch::async, [&] { server_.stop(30s); });
  EXPECT_EQ(idle.read_all(), "");
  EXPECT_FALSE(Client(port).connected());
  sending.send("cd");
  auto late = held_.pop();
  EXPECT_EQ(late->request.body, "abcd");
  std::move(late->responder).send({.body = "late"});
  EXPECT_THAT(sending.read_all(), EndsWith("late"));
  std::move(held->responder).send({.body = "done"});
  const std::string answer = busy.read_all();
  EXPECT_THAT(answer, HasSubstr("connection: close"));
  EXPECT_THAT(answer, EndsWith("done"));
  stopped.get();
  server_.stop(0ms);
  EXPECT_FALSE(server_.listen({.name = "n", .address = "127.0.0.1"}, echo).has_value());
}

TEST_F(ServerTest, StopCutsWhatDoesNotEnd) {
  const uint16_t port = listen(hold());
  Client client(port);
  client.send(kGet);
  auto held = held_.pop();
  server_.stop(1ms);
  EXPECT_EQ(client.read_all(), "");
  EXPECT_TRUE(held->request.stop.stop_requested());
}

TEST_F(ServerTest, StopsOneListenerAlone) {
  ListenerOptions other;
  other.name = "other";
  const uint16_t port = listen(hold());
  const uint16_t other_port = listen(echo, other);
  Client client(port);
  client.send(kGet);
  auto held = held_.pop();
  Client kept(other_port);
  kept.send(kGet);
  kept.read_answer();
  auto stopped = std::async(std::launch::async, [&] { server_.stop_listener("http", 30s); });
  EXPECT_TRUE(eventually([&] { return !Client(port).connected(); }));
  std::move(held->responder).send({.body = "done"});
  EXPECT_THAT(client.read_all(), EndsWith("done"));
  stopped.get();
  server_.stop_listener("http", 0ms);
  kept.send(kGet);
  EXPECT_THAT(kept.read_answer(), StartsWith("HTTP/1.1 200"));
  listen(echo);  // the name is free again
}

TEST_F(ServerTest, HandlerThatThrowsOrForgetsAnswers500) {
  const uint16_t port = listen([](Request q, Responder) {
    if (q.path == "/throw") throw std::runtime_error("test");
  });
  Client client(port);
  client.send("GET /throw HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(client.read_answer(), StartsWith("HTTP/1.1 500"));
  client.send(kGet);
  EXPECT_THAT(client.read_answer(), StartsWith("HTTP/1.1 500"));
}

TEST_F(ServerTest, SpeaksHttp2ByPrefaceInPieces) {
  const uint16_t port = listen(echo);
  Client client(port);
  const std::string preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  for (const char c : preface) client.send(std::string(1, c));
  client.send(kEmptySettings);
  client.send(kHttp2Get);
  const std::string settings = client.read_bytes(9);
  ASSERT_EQ(settings.size(), 9U);
  EXPECT_EQ(settings[3], 4);
  // ":status: 200" is index 8 of the static table, the first byte of the answer's header block.
  EXPECT_THAT(client.read_until("\x88"), HasSubstr(std::string("\1\5\0\0\0\1", 6)));
  client.send(std::string("\0\0\10\7\0\0\0\0\0\0\0\0\0\0\0\0\0", 17));  // GOAWAY
  client.read_all();
}

TEST_F(ServerTest, UpgradesToHttp2) {
  const uint16_t port = listen(echo);
  Client client(port);
  client.send(
      "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
      "HTTP2-Settings: AAMAAABk\r\n\r\n");
  EXPECT_THAT(client.read_until("\r\n\r\n"), StartsWith("HTTP/1.1 101 Switching Protocols\r\n"));
  client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + kEmptySettings);
  EXPECT_THAT(client.read_until("\x88"), HasSubstr(std::string("\1\5\0\0\0\1", 6)));
}

TEST_F(ServerTest, DrainsHttp2WithGoaway) {
  const uint16_t port = listen(hold());
  Client client(port);
  client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + kEmptySettings + kHttp2Get);
  auto held = held_.pop();
  EXPECT_TRUE(held->request.http2);
  auto stopped = std::async(std::launch::async, [&] { server_.stop(30s); });
  client.read_until(std::string("\7\0\0\0\0\0", 6) + std::string("\0\0\0\1\0\0\0\0", 8));
  std::move(held->responder).send({.body = "done over h2"});
  EXPECT_THAT(client.read_all(), HasSubstr("done over h2"));
  stopped.get();
}

}  // namespace
}  // namespace vivace::net
