// The server: io threads, listeners, and the order in which they end. Acceptors run on the first io
// thread and deal connections out in turn.
#include "net/server.h"

#include <cerrno>
#include <cstring>
#include <future>
#include <map>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/log.h"
#include "net/connection.h"
#include "net/io_thread.h"
#include "net/listener.h"

namespace vivace::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr int kAcceptsInARow = 64;
constexpr auto kAcceptPause = std::chrono::milliseconds(100);
constexpr auto kCutPatience = std::chrono::seconds(10);

using Threads = std::vector<std::shared_ptr<IoThread>>;

// Accepts for one listener; on the first io thread.
class Acceptor : public std::enable_shared_from_this<Acceptor> {
 public:
  Acceptor(Threads threads, std::shared_ptr<Listener> listener)
      : threads_(std::move(threads)),
        listener_(std::move(listener)),
        acceptor_(threads_.front()->context()),
        pause_(threads_.front()->context()) {}

  error_code bind(const tcp::endpoint& to, bool dual_stack) {
    error_code ec;
    acceptor_.open(to.protocol(), ec);
    if (ec) return ec;
    acceptor_.set_option(tcp::acceptor::reuse_address(true), ec);
    if (!ec && to.protocol() == tcp::v6()) acceptor_.set_option(asio::ip::v6_only(!dual_stack), ec);
    if (!ec) acceptor_.bind(to, ec);
    if (!ec) acceptor_.listen(asio::socket_base::max_listen_connections, ec);
    if (!ec) acceptor_.non_blocking(true, ec);
    if (ec) {
      error_code ignored;
      acceptor_.close(ignored);
    }
    return ec;
  }

  uint16_t port() const { return acceptor_.local_endpoint().port(); }

  void wait() {
    acceptor_.async_wait(tcp::acceptor::wait_read,
                         [self = shared_from_this()](const error_code& ec) {
                           if (!ec && self->acceptor_.is_open()) self->accept_waiting();
                         });
  }

  void close() {
    error_code ec;
    acceptor_.close(ec);
    pause_.cancel();
  }

 private:
  void accept_waiting() {
    for (int i = 0; i < kAcceptsInARow; i++) {
      const int fd =
          ::accept4(acceptor_.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd >= 0) {
        deal(fd);
        continue;
      }
      if (errno == EAGAIN || errno == EWOULDBLOCK) break;
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        return pause_accepting(errno);
      }
      // The rest is about that one client, who is gone: accept(2).
    }
    wait();
  }

  void deal(int fd) {
    if (!listener_->opened()) {
      ::close(fd);
      return;
    }
    IoThread* io = threads_[next_++ % threads_.size()].get();
    io->post([io, listener = listener_, fd] { Connection::start(*io, listener, fd); });
  }

  void pause_accepting(int reason) {
    listener_->count_error("accept");
    log::warn("cannot accept connections, pausing",
              {{"listener", listener_->options.name}, {"error", std::strerror(reason)}});
    pause_.expires_after(kAcceptPause);
    pause_.async_wait([self = shared_from_this()](const error_code& ec) {
      if (!ec && self->acceptor_.is_open()) self->wait();
    });
  }

  const Threads threads_;
  const std::shared_ptr<Listener> listener_;
  tcp::acceptor acceptor_;
  asio::steady_timer pause_;
  size_t next_ = 0;
};

Result<tcp::endpoint> resolve(const ListenerOptions& options) {
  std::string host = options.address;
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host.empty()) return tcp::endpoint(tcp::v6(), options.port);
  if (host == "localhost") return tcp::endpoint(asio::ip::address_v4::loopback(), options.port);
  error_code ec;
  const auto address = asio::ip::make_address(host, ec);
  if (!ec) return tcp::endpoint(address, options.port);
  asio::io_context context;
  const auto found = tcp::resolver(context).resolve(host, "", ec);
  if (ec || found.empty()) {
    return fail(Code::io, "cannot resolve \"" + host + "\": " + ec.message());
  }
  return tcp::endpoint(found.begin()->endpoint().address(), options.port);
}

std::string describe(const ListenerOptions& options) {
  return "listener " + options.name + ", " + options.address + ":" + std::to_string(options.port);
}

}  // namespace

class Server::Loop {
 public:
  Loop(int io_threads, Metrics& metrics) : metrics_(metrics) {
    for (int i = 0; i < std::max(io_threads, 1); i++) {
      threads_.push_back(std::make_shared<IoThread>());
      threads_.back()->start();
    }
  }

  Result<uint16_t> listen(const ListenerOptions& options, Handler handler) {
    if (stopped_) return fail(Code::unavailable, "the server has stopped");
    if (active_.contains(options.name)) {
      return fail(Code::invalid_argument, "two listeners named " + options.name);
    }
    auto endpoint = resolve(options);
    if (!endpoint) return std::unexpected(std::move(endpoint).error().in(describe(options)));
    auto listener = std::make_shared<Listener>(options, std::move(handler), metrics_);
    auto acceptor = std::make_shared<Acceptor>(threads_, listener);
    error_code ec = acceptor->bind(*endpoint, options.address.empty());
    if (ec && options.address.empty()) {  // a machine without IPv6
      ec = acceptor->bind(tcp::endpoint(tcp::v4(), options.port), false);
    }
    if (ec) return fail(Code::io, describe(options) + ": " + ec.message());
    const uint16_t port = acceptor->port();
    threads_.front()->post([acceptor] { acceptor->wait(); });
    active_[options.name] = {std::move(listener), std::move(acceptor)};
    return port;
  }

  void stop_listener(std::string_view name, std::chrono::milliseconds grace) {
    const auto it = active_.find(name);
    if (it == active_.end()) return;
    std::vector<Active> ending;
    ending.push_back(std::move(it->second));
    active_.erase(it);
    end(std::move(ending), grace);
  }

  void stop(std::chrono::milliseconds grace) {
    if (std::exchange(stopped_, true)) return;
    std::vector<Active> ending;
    for (auto& [name, active] : active_) ending.push_back(std::move(active));
    active_.clear();
    end(std::move(ending), grace);
    for (const auto& io : threads_) io->stop();
    threads_.clear();
  }

 private:
  struct Active {
    std::shared_ptr<Listener> listener;
    std::shared_ptr<Acceptor> acceptor;
  };

  // Closing an acceptor comes first, so that the tasks that drain and cut find every connection.
  void end(std::vector<Active> ending, std::chrono::milliseconds grace) {
    const auto deadline = std::chrono::steady_clock::now() + grace;
    std::promise<void> closed;
    threads_.front()->post([&] {
      for (const Active& a : ending) a.acceptor->close();
      for (Active& a : ending) a.acceptor.reset();
      closed.set_value();
    });
    closed.get_future().wait();
    for (const Active& a : ending) visit(a.listener, &Connection::drain);
    for (const Active& a : ending) {
      if (a.listener->wait_none(deadline)) continue;
      if (grace.count() > 0) {
        log::warn("connections are cut, their time to finish is over",
                  {{"listener", a.listener->options.name}});
      }
      visit(a.listener, &Connection::close);
      a.listener->wait_none(std::chrono::steady_clock::now() + kCutPatience);
    }
  }

  void visit(const std::shared_ptr<Listener>& listener, void (Connection::*call)()) {
    for (const auto& thread : threads_) {
      IoThread* io = thread.get();
      io->post([io, listener, call] {
        io->for_each([&](Connection& c) {
          if (&c.listener() == listener.get()) (c.*call)();
        });
      });
    }
  }

  Metrics& metrics_;
  Threads threads_;
  std::map<std::string, Active, std::less<>> active_;
  bool stopped_ = false;
};

Server::Server(int io_threads, Metrics& metrics)
    : loop_(std::make_unique<Loop>(io_threads, metrics)) {}

Server::~Server() { stop(std::chrono::milliseconds(0)); }

Result<uint16_t> Server::listen(const ListenerOptions& options, Handler handler) {
  return loop_->listen(options, std::move(handler));
}

void Server::stop_listener(std::string_view name, std::chrono::milliseconds grace) {
  loop_->stop_listener(name, grace);
}

void Server::stop(std::chrono::milliseconds grace) { loop_->stop(grace); }

}  // namespace vivace::net
