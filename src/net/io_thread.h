// One io thread: an Asio loop, the buffer that all its connections read into (an idle connection
// owns none), the set of its connections and one timer for all their deadlines. The timer is set to
// the earliest deadline known; deadlines that move further away cost nothing until it fires.
//
// Made and stopped by the server; all but `post`, `running_here` and `stop` on its own thread.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <span>

namespace boost::asio {
class io_context;
}

namespace vivace::net {

class Connection;
using SteadyTime = std::chrono::steady_clock::time_point;

class IoThread : public std::enable_shared_from_this<IoThread> {
 public:
  IoThread();
  ~IoThread();
  IoThread(const IoThread&) = delete;
  IoThread& operator=(const IoThread&) = delete;

  void start();
  // Ends the loop and waits for the thread. Connections must be closed before.
  void stop();

  // Any thread. After `stop` the task is dropped. A task must not own this IoThread.
  void post(std::move_only_function<void()> task);
  bool running_here() const;

  boost::asio::io_context& context();
  std::span<char> read_buffer();

  void add(std::shared_ptr<Connection> connection);
  void remove(Connection& connection);
  void for_each(const std::function<void(Connection&)>& visit);

  // `Connection::on_deadline` runs at or soon after its deadline, if that is no later then.
  void deadline_at(SteadyTime when);

 private:
  void run();
  void check_deadlines();

  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace vivace::net
