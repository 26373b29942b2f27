// HTTP/1: any bytes are requests, refusals or the wait for more, and the same ones however the
// network cuts them: what arrives whole and what arrives in pieces must give equal requests and
// equal answers. A third engine has a body budget that is almost nothing.
#include <cstddef>
#include <cstdint>
#include <random>

#include "base/hash.h"
#include "base/result.h"
#include "net/engine_driver.h"
#include "net/http1_engine.h"

namespace vivace::net {
namespace {

constexpr int64_t kBodyBytesMax = 20;  // small, so that sizes around it are met

std::optional<Response> echo(const Request& q) {
  return Response{.body = q.method + " " + q.path + " " + q.body};
}

// Without what may differ: the time, and "100 Continue", which is said only while a body is
// missing.
std::string comparable(std::string text) {
  constexpr std::string_view kDate = "\r\ndate: ";
  constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  for (size_t at = 0; (at = text.find(kDate, at)) != std::string::npos;) {
    text.erase(at, text.find('\r', at + 2) - at);
  }
  for (size_t at = 0; (at = text.find(kContinue, at)) != std::string::npos;) {
    text.erase(at, kContinue.size());
  }
  return text;
}

struct Play {
  Budget* maybe_bodies = nullptr;
  size_t longest_piece = SIZE_MAX;
};

std::string play(std::string_view bytes, const Play& how) {
  Http1Engine engine({.body_bytes_max = kBodyBytesMax,
                      .header_bytes_max = 4096,
                      .maybe_bodies = how.maybe_bodies});
  EngineDriver driver(engine, echo);
  std::mt19937 random(static_cast<uint32_t>(hash64(bytes)));
  while (!bytes.empty()) {
    const size_t size = std::min(bytes.size(), 1 + random() % how.longest_piece);
    driver.send(bytes.substr(0, size));
    bytes.remove_prefix(size);
    while (engine.upgrade_asked()) {
      engine.decline_upgrade();
      driver.pump();
    }
  }
  std::string text;
  for (const Arrival& arrival : driver.arrivals) {
    const Request& q = arrival.request;
    ASSERT(static_cast<int64_t>(q.body.size()) <= kBodyBytesMax);
    ASSERT(q.body_state == BodyState::complete || q.body.size() <= kBodyStartBytes);
    ASSERT(!q.method.empty());
    text += describe(q) + "\n";
  }
  text += comparable(driver.out) + (engine.finished() ? "finished" : "open");
  if (engine.phase() == Phase::no_room) engine.give_up_room();
  driver.pump();
  engine.time_out();
  driver.pump();
  engine.drain();
  driver.pump();
  return text;
}

}  // namespace
}  // namespace vivace::net

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using vivace::net::play;
  // An unfinished head may be refused now or when it is whole; so it is made whole.
  const std::string bytes = std::string(reinterpret_cast<const char*>(data), size) + "\r\n\r\n";
  const std::string whole = play(bytes, {});
  ASSERT(play(bytes, {.longest_piece = 1}) == whole);
  ASSERT(play(bytes, {.longest_piece = 20}) == whole);
  vivace::Budget bodies("bodies", 10);
  play(bytes, {.maybe_bodies = &bodies, .longest_piece = 50});
  ASSERT(bodies.used() == 0);
  return 0;
}
