// For tests: plays the connection's part around an engine, without a socket. Bytes go in, in pieces
// of any size; what the engine does not take is kept and offered again; answers come from a handler
// or from the test.
#pragma once

#include <functional>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/engine.h"

namespace vivace::net {

class EngineDriver {
 public:
  using Answer = std::function<std::optional<Response>(const Request&)>;

  explicit EngineDriver(Engine& engine, Answer answer = {})
      : engine_(engine), answer_(std::move(answer)) {}

  void send(std::string_view bytes) {
    unread_.append(bytes);
    pump();
  }

  // In pieces of 1..`longest` bytes.
  void send_split(std::string_view bytes, std::mt19937& random, size_t longest) {
    while (!bytes.empty()) {
      const size_t n = std::min(bytes.size(), 1 + random() % longest);
      send(bytes.substr(0, n));
      bytes.remove_prefix(n);
    }
  }

  void pump() {
    for (bool moved = true; moved;) {
      const size_t used = engine_.feed(unread_);
      unread_.erase(0, used);
      moved = used > 0;
      int32_t id = 0;
      while (engine_.next_gone(id)) gone.push_back(id);
      Arrival arrival;
      while (engine_.next(arrival)) {
        moved = true;
        take(std::move(arrival));
      }
      fill();
    }
  }

  void fill() {
    for (;;) {
      Output output;
      engine_.fill(output);
      credits.insert(credits.end(), output.credits.begin(), output.credits.end());
      if (output.pieces.empty()) return;
      for (const std::string& piece : output.pieces) out += piece;
    }
  }

  std::string take_out() { return std::exchange(out, {}); }

  std::string out;
  std::vector<Arrival> arrivals;
  std::vector<int32_t> gone;
  std::vector<Credit> credits;

 private:
  void take(Arrival arrival) {
    auto response = answer_ ? answer_(arrival.request) : std::nullopt;
    const int32_t id = arrival.id;
    arrivals.push_back(std::move(arrival));
    if (response) engine_.respond(id, std::move(*response));
  }

  Engine& engine_;
  Answer answer_;
  std::string unread_;
};

// One line a request, for comparing.
inline std::string describe(const Request& q) {
  std::string text = q.method + " " + q.path + "?" + q.query;
  for (const Header& h : q.headers) text += "|" + h.name + ":" + h.value;
  return text + "|" + q.body + "|" + std::to_string(static_cast<int>(q.body_state));
}

inline int64_t credited(const std::vector<Credit>& credits) {
  int64_t sum = 0;
  for (const Credit& c : credits) sum += static_cast<int64_t>(c.bytes);
  return sum;
}

}  // namespace vivace::net
