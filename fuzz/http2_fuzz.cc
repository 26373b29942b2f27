// HTTP/2: any bytes behind the preface are frames or end the connection. Requests are answered
// whole, in parts, late or never, by their paths; the client's windows, resets and floods meet
// answers at every stage. Bodies stay within limit and budget, and the budget gets all back.
//
// The input's first byte: bit 0, whether the connection was upgraded from HTTP/1.1 (the settings
// are then what stands before the first newline); the rest, how the bytes are cut.
#include <cstddef>
#include <cstdint>
#include <random>

#include "base/hash.h"
#include "base/result.h"
#include "net/engine_driver.h"
#include "net/http2_engine.h"

namespace vivace::net {
namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr int64_t kBodyBytesMax = 20;  // small, so that sizes around it are met
constexpr int64_t kBudgetBytes = 30;

class Conversation {
 public:
  explicit Conversation(Engine& engine) : engine_(engine), driver_(engine, answer_at_once) {}

  void send(std::string_view bytes) {
    driver_.send(bytes);
    for (; seen_ < driver_.arrivals.size(); ++seen_) take(driver_.arrivals[seen_]);
    driver_.pump();
  }
  void end() {
    for (const int32_t id : late_) engine_.respond(id, {.body = "late"});
    driver_.pump();
    if (engine_.phase() == Phase::no_room) engine_.give_up_room();
    engine_.time_out();
    send({});
    engine_.drain();
    send({});
  }

 private:
  static std::optional<Response> answer_at_once(const Request& q) {
    if (q.path.size() % 4 != 0) return std::nullopt;
    return Response{.headers = {{"x-echo", q.method}}, .body = q.path + q.body};
  }
  void take(const Arrival& arrival) {
    const Request& q = arrival.request;
    ASSERT(static_cast<int64_t>(q.body.size()) <= kBodyBytesMax);
    ASSERT(q.body_state == BodyState::complete || q.body.size() <= kBodyStartBytes);
    switch (q.path.size() % 4) {
      case 1:  // in parts, more than a client's first window
        engine_.begin(arrival.id, {.status = 200});
        for (int i = 0; i < 3; ++i) engine_.write(arrival.id, std::string(30'000, 'x'));
        engine_.end(arrival.id, {{"grpc-status", "0"}});
        break;
      case 2:
        late_.push_back(arrival.id);
        break;
      case 3:  // begun and never ended
        engine_.begin(arrival.id, {.status = 404});
        break;
      default:
        break;
    }
  }

  Engine& engine_;
  EngineDriver driver_;
  size_t seen_ = 0;
  std::vector<int32_t> late_;
};

void play(std::string_view bytes, std::string_view settings, bool upgraded, size_t longest) {
  Budget bodies("bodies", kBudgetBytes);
  {
    const Limits limits{
        .body_bytes_max = kBodyBytesMax, .header_bytes_max = 4096, .maybe_bodies = &bodies};
    std::unique_ptr<Http2Engine> engine;
    if (upgraded) {
      Request request;
      request.method = "GET";
      request.path = "/up";
      engine = Http2Engine::upgraded(limits, settings, request);
      if (engine == nullptr) return;
    } else {
      engine = std::make_unique<Http2Engine>(limits);
    }
    Conversation conversation(*engine);
    conversation.send(kPreface);
    std::mt19937 random(static_cast<uint32_t>(hash64(bytes)));
    while (!bytes.empty()) {
      const size_t size = std::min(bytes.size(), 1 + random() % longest);
      conversation.send(bytes.substr(0, size));
      bytes.remove_prefix(size);
    }
    conversation.end();
  }
  ASSERT(bodies.used() == 0);
}

}  // namespace
}  // namespace vivace::net

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const bool upgraded = (data[0] & 1) != 0;
  std::string_view settings;
  if (upgraded) {
    settings = bytes.substr(0, bytes.find('\n'));
    bytes.remove_prefix(std::min(bytes.size(), settings.size() + 1));
  }
  vivace::net::play(bytes, settings, upgraded, data[0] < 128 ? SIZE_MAX : data[0] - 127U);
  return 0;
}
