// One io thread: see the header. The loop runs until the server stops; what escapes a handler is
// logged and ends that call alone.
#include "net/io_thread.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <pthread.h>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/log.h"
#include "net/connection.h"

namespace vivace::net {
namespace asio = boost::asio;

// Holds most request bodies whole, and still fits the second-level cache.
constexpr size_t kReadBufferBytes = 256 << 10;

struct IoThread::Parts {
  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
  asio::steady_timer timer{context};
  SteadyTime timer_at = SteadyTime::max();
  std::unordered_map<Connection*, std::shared_ptr<Connection>> connections;
  std::vector<char> buffer = std::vector<char>(kReadBufferBytes);
  std::atomic<bool> stopped = false;
  std::thread thread;
};

IoThread::IoThread() : parts_(std::make_unique<Parts>()) {}

IoThread::~IoThread() = default;

void IoThread::start() {
  parts_->thread = std::thread([this] { run(); });
}

void IoThread::run() {
  pthread_setname_np(pthread_self(), "io");
  for (;;) {
    try {
      parts_->context.run();
      return;
    } catch (const std::exception& e) {
      log::error("an io task failed", {{"error", e.what()}});
    }
  }
}

void IoThread::stop() {
  if (parts_->stopped.exchange(true)) return;
  asio::post(parts_->context, [this] {
    parts_->timer.cancel();
    parts_->work.reset();
  });
  parts_->thread.join();
}

void IoThread::post(std::move_only_function<void()> task) {
  if (parts_->stopped.load(std::memory_order_relaxed)) return;
  asio::post(parts_->context, std::move(task));
}

bool IoThread::running_here() const {
  return parts_->context.get_executor().running_in_this_thread();
}

asio::io_context& IoThread::context() { return parts_->context; }

std::span<char> IoThread::read_buffer() { return parts_->buffer; }

void IoThread::add(std::shared_ptr<Connection> connection) {
  Connection* key = connection.get();
  parts_->connections.emplace(key, std::move(connection));
}

void IoThread::remove(Connection& connection) { parts_->connections.erase(&connection); }

void IoThread::for_each(const std::function<void(Connection&)>& visit) {
  std::vector<std::shared_ptr<Connection>> all;  // a visit may remove
  all.reserve(parts_->connections.size());
  for (const auto& [key, connection] : parts_->connections) all.push_back(connection);
  for (const auto& connection : all) visit(*connection);
}

void IoThread::deadline_at(SteadyTime when) {
  if (when >= parts_->timer_at) return;
  parts_->timer_at = when;
  parts_->timer.expires_at(when);
  parts_->timer.async_wait([this](const boost::system::error_code& ec) {
    if (!ec) check_deadlines();
  });
}

void IoThread::check_deadlines() {
  parts_->timer_at = SteadyTime::max();
  const SteadyTime now = std::chrono::steady_clock::now();
  std::vector<std::shared_ptr<Connection>> due;
  SteadyTime next = SteadyTime::max();
  for (const auto& [key, connection] : parts_->connections) {
    if (connection->deadline() <= now) {
      due.push_back(connection);
    } else {
      next = std::min(next, connection->deadline());
    }
  }
  for (const auto& connection : due) connection->on_deadline(now);
  if (next != SteadyTime::max()) deadline_at(next);
}

}  // namespace vivace::net
