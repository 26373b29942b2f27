// The handler's side of one request on a Connection: hands answers from any thread to the io thread
// that owns the connection, holds writers back while the client is slow, and knows when it has
// gone.
//
// Owned by the responder and, until the answer is complete, by the connection. Keeps the io
// thread's loop alive, not the connection.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "net/connection.h"
#include "net/http.h"
#include "net/io_thread.h"

namespace vivace::net {

class ConnectionExchange final : public Exchange {
 public:
  ConnectionExchange(IoThread& io, std::weak_ptr<Connection> connection, int32_t id)
      : io_(io.shared_from_this()), connection_(std::move(connection)), id_(id) {}

  std::stop_token stop_token() const { return stop_.get_token(); }

  void respond(Response response) override {
    on_io([id = id_, r = std::move(response)](Connection& c) mutable {
      c.respond(id, std::move(r));
    });
  }

  void begin(Response head) override {
    on_io([id = id_, r = std::move(head)](Connection& c) mutable { c.begin(id, std::move(r)); });
  }

  bool write(std::string chunk) override {
    {
      std::unique_lock lock(mutex_);
      if (!io_->running_here()) {
        moved_.wait(lock, [&] { return gone_ || unsent_ < kStreamBytesMax; });
      }
      if (gone_) return false;
      unsent_ += chunk.size();
    }
    on_io([id = id_, s = std::move(chunk)](Connection& c) mutable { c.write(id, std::move(s)); });
    return true;
  }

  void end(std::vector<Header> trailers) override {
    on_io([id = id_, t = std::move(trailers)](Connection& c) mutable { c.end(id, std::move(t)); });
  }

  // The rest on the io thread.
  void sent(size_t bytes) {
    const std::lock_guard lock(mutex_);
    unsent_ -= std::min(unsent_, bytes);
    if (unsent_ < kStreamBytesMax) moved_.notify_all();
  }

  void client_left() { stop_.request_stop(); }

  void set_gone() {
    {
      const std::lock_guard lock(mutex_);
      gone_ = true;
    }
    moved_.notify_all();
  }

 private:
  static constexpr size_t kStreamBytesMax = 256 << 10;  // written and not yet on its way

  template <class Task>
  void on_io(Task task) {
    if (io_->running_here()) {
      if (const auto connection = connection_.lock()) task(*connection);
      return;
    }
    io_->post([to = connection_, t = std::move(task)]() mutable {
      if (const auto connection = to.lock()) t(*connection);
    });
  }

  const std::shared_ptr<IoThread> io_;
  const std::weak_ptr<Connection> connection_;
  const int32_t id_;
  std::stop_source stop_;
  std::mutex mutex_;  // guards the next two
  size_t unsent_ = 0;
  bool gone_ = false;
  std::condition_variable moved_;
};

}  // namespace vivace::net
