// One client's connection: moves bytes between its socket and its protocol engine, hands requests
// to the listener's handler, takes the answers, and watches the clock. The first bytes choose the
// engine. Lives on one io thread; everything here runs there.
//
// Kept alive by the io thread's set until closed, and by the waits in flight.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/engine.h"
#include "net/http.h"
#include "net/io_thread.h"
#include "net/listener.h"

namespace vivace::net {

class ConnectionExchange;
class Http1Engine;

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  // Takes the file descriptor, which is non-blocking, and counts in the listener until it closes.
  static void start(IoThread& io, std::shared_ptr<Listener> listener, int fd);

  Connection(IoThread& io, std::shared_ptr<Listener> listener, int fd);
  ~Connection();

  const Listener& listener() const { return *listener_; }
  SteadyTime deadline() const { return deadline_; }
  void on_deadline(SteadyTime now);

  // No new requests; closes once those in flight are answered.
  void drain();
  void close();

  // The answers; see Engine.
  void respond(int32_t id, Response response);
  void begin(int32_t id, Response head);
  void write(int32_t id, std::string chunk);
  void end(int32_t id, std::vector<Header> trailers);

 private:
  struct Socket;

  void wait_readable();
  void on_readable();
  void on_eof();
  void take(std::string_view bytes);
  void pump(std::string_view bytes);
  bool feed(std::string_view& bytes);
  void keep_unread(std::string_view bytes);
  void drop_unread();
  bool choose_engine(std::string_view bytes);
  Limits limits() const;
  void change_to_http2(Http1Engine& http1);
  bool hand_over();
  void call_handler(Request request, Responder responder);
  void flush();
  bool write_some();
  void wait_writable();
  void drop_written(size_t bytes);
  void pay_credits();
  void settle();
  void linger();
  bool wants_read() const;
  Phase phase() const;
  void set_deadline();
  void forget_gone();
  void forget(int32_t id, bool gone);
  ConnectionExchange* find(int32_t id);

  IoThread& io_;
  const std::shared_ptr<Listener> listener_;
  std::unique_ptr<Socket> socket_;
  std::unique_ptr<Engine> engine_;
  std::vector<std::pair<int32_t, std::shared_ptr<ConnectionExchange>>> exchanges_;

  std::string unread_;  // read but not yet taken by the engine
  size_t unread_used_ = 0;
  Output out_;
  size_t out_piece_ = 0;  // first piece not yet written whole
  size_t out_used_ = 0;   // of that piece

  SteadyTime deadline_ = SteadyTime::max();
  SteadyTime phase_since_;
  SteadyTime last_read_;
  SteadyTime last_write_;
  SteadyTime answer_check_ = SteadyTime::max();  // when owed answers are looked at next
  SteadyTime body_check_;                        // HTTP/2: when quiet streams were last looked for
  Phase last_phase_ = Phase::idle;
  int64_t lingered_bytes_ = 0;

  bool http2_ = false;
  bool reading_ = false;  // a wait is in flight
  bool writing_ = false;  // likewise
  bool pumping_ = false;
  bool again_ = false;  // something changed while pumping
  bool eof_ = false;
  bool draining_ = false;
  bool lingering_ = false;  // answered and shut; what still comes is thrown away
  bool closed_ = false;
};

}  // namespace vivace::net
