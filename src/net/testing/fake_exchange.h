// A client's side of one request, for tests of handlers: keeps what was answered, whole or in
// parts, and holds the handler to its promises (one answer, no part before the head, none empty).
// The client may leave after some parts.
//
// Not part of the product. The handler answers from any thread; the test waits.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "net/http.h"

namespace vivace::net {

struct FakeAnswer {
  Response response;
  bool streamed = false;
  std::vector<size_t> parts = {};  // their sizes

  int status() const { return response.status; }
  const std::string& body() const { return response.body; }
  // The only value of that header; empty when absent.
  std::string header(std::string_view name) const {
    std::string out;
    for (const Header& h : response.headers) {
      if (h.name != name) continue;
      ASSERT(out.empty());
      out = h.value;
    }
    return out;
  }
};

class FakeExchange final : public Exchange {
 public:
  // The client leaves while it is sent this part (0: the first).
  void leave_at(size_t part) { leave_at_ = part; }

  void respond(Response response) override {
    const std::lock_guard lock(mutex_);
    ASSERT(!done_ && !answer_.streamed);
    answer_.response = std::move(response);
    finish();
  }
  void begin(Response head) override {
    const std::lock_guard lock(mutex_);
    ASSERT(!done_ && !answer_.streamed && head.body.empty());
    answer_.response = std::move(head);
    answer_.streamed = true;
  }
  bool write(std::string part) override {
    const std::lock_guard lock(mutex_);
    ASSERT(!done_ && answer_.streamed && !part.empty());
    answer_.parts.push_back(part.size());
    if (answer_.parts.size() > leave_at_) return false;
    answer_.response.body += part;
    return true;
  }
  void end(std::vector<Header> trailers) override {
    const std::lock_guard lock(mutex_);
    ASSERT(!done_ && answer_.streamed);
    answer_.response.trailers = std::move(trailers);
    finish();
  }

  bool answered() const {
    const std::lock_guard lock(mutex_);
    return done_;
  }
  // The answer, once it is complete.
  FakeAnswer wait() {
    std::unique_lock lock(mutex_);
    ASSERT(changed_.wait_for(lock, std::chrono::seconds(30), [this] { return done_; }));
    return answer_;
  }

 private:
  void finish() {
    done_ = true;
    changed_.notify_all();
  }

  mutable std::mutex mutex_;  // guards all but leave_at_
  std::condition_variable changed_;
  FakeAnswer answer_;
  bool done_ = false;
  size_t leave_at_ = SIZE_MAX;
};

// A request as a client would send it: "/path?query", GET unless said otherwise.
inline Request fake_request(std::string_view target, std::vector<Header> headers = {}) {
  Request out;
  out.method = "GET";
  out.path = target.substr(0, target.find('?'));
  if (out.path.size() < target.size()) out.query = target.substr(out.path.size() + 1);
  out.headers = std::move(headers);
  return out;
}

// Asks the handler and waits for the answer.
inline FakeAnswer ask(const Handler& handler, Request request) {
  const auto exchange = std::make_shared<FakeExchange>();
  handler(std::move(request), Responder(exchange));
  return exchange->wait();
}

}  // namespace vivace::net
