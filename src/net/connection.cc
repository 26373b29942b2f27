// One client's connection: see the header. `pump` is the heart: feed, hand over, write, until
// nothing moves; then wait for the socket or the clock. Answers given from inside the handler come
// back while it runs and only mark that there is more to do.
#include "net/connection.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <exception>
#include <sys/socket.h>
#include <sys/uio.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "base/log.h"
#include "base/result.h"
#include "net/exchange.h"
#include "net/http1_engine.h"
#include "net/http2_engine.h"

namespace vivace::net {
namespace asio = boost::asio;
using boost::system::error_code;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr std::string_view kHttp2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr size_t kUnreadBytesMax = 64 << 10;  // read ahead while a request is being answered
constexpr int kReadsInARow = 4;               // then the other connections get their turn
constexpr auto kRoomRetry = milliseconds(5);
constexpr auto kRoomPatience = seconds(2);
constexpr auto kLingerTime = seconds(5);
constexpr auto kLingerTimeInDrain = milliseconds(500);
constexpr size_t kGather = 16;

}  // namespace

struct Connection::Socket {
  explicit Socket(asio::io_context& context) : tcp(context) {}
  asio::ip::tcp::socket tcp;
};

void Connection::start(IoThread& io, std::shared_ptr<Listener> listener, int fd) {
  auto connection = std::make_shared<Connection>(io, std::move(listener), fd);
  if (!connection->socket_->tcp.is_open()) return connection->close();
  io.add(connection);
  connection->set_deadline();
  connection->wait_readable();
}

Connection::Connection(IoThread& io, std::shared_ptr<Listener> listener, int fd)
    : io_(io),
      listener_(std::move(listener)),
      socket_(std::make_unique<Socket>(io.context())),
      phase_since_(std::chrono::steady_clock::now()),
      last_read_(phase_since_),
      last_write_(phase_since_) {
  error_code ec;
  // The protocol only matters to calls that are not made: addresses, options by family.
  socket_->tcp.assign(asio::ip::tcp::v4(), fd, ec);
  if (ec) {
    ::close(fd);
    return;
  }
  socket_->tcp.non_blocking(true, ec);
  socket_->tcp.set_option(asio::ip::tcp::no_delay(true), ec);
}

Connection::~Connection() = default;

void Connection::close() {
  if (closed_) return;
  closed_ = true;
  for (const auto& [id, exchange] : exchanges_) {
    exchange->client_left();
    exchange->set_gone();
  }
  exchanges_.clear();
  error_code ec;
  socket_->tcp.close(ec);
  deadline_ = SteadyTime::max();
  listener_->closed();
  io_.remove(*this);  // may be the last owner but the caller's
}

void Connection::wait_readable() {
  reading_ = true;
  socket_->tcp.async_wait(asio::socket_base::wait_read,
                          [self = shared_from_this()](const error_code& ec) {
                            if (self->closed_) return;
                            if (ec) return self->close();
                            self->on_readable();
                          });
}

void Connection::on_readable() {
  const auto buffer = io_.read_buffer();
  for (int i = 0; i < kReadsInARow && !closed_ && wants_read(); i++) {
    error_code ec;
    const size_t n = socket_->tcp.read_some(asio::buffer(buffer.data(), buffer.size()), ec);
    if (ec == asio::error::would_block || ec == asio::error::interrupted) break;
    if (ec == asio::error::eof) {
      on_eof();
      break;
    }
    if (ec) return close();
    take({buffer.data(), n});
    if (n < buffer.size()) break;
  }
  reading_ = false;
  settle();
}

void Connection::on_eof() {
  eof_ = true;
  if (lingering_ || http2_ || engine_ == nullptr) return close();
  // The client may only have shut its own side and still wait for answers; but it cannot take back
  // a query in any other way either, so work for it is told to stop.
  for (const auto& [id, exchange] : exchanges_) exchange->client_left();
  pump({});
}

void Connection::take(std::string_view bytes) {
  last_read_ = std::chrono::steady_clock::now();
  if (lingering_) {
    lingered_bytes_ += static_cast<int64_t>(bytes.size());
    if (lingered_bytes_ > kDiscardBytesMax) close();
    return;
  }
  pump(bytes);
}

void Connection::pump(std::string_view bytes) {
  if (closed_) return;
  if (pumping_) {
    ASSERT(bytes.empty());
    again_ = true;
    return;
  }
  const auto self = shared_from_this();
  pumping_ = true;
  bool moved = true;
  while (moved && !closed_) {
    again_ = false;
    moved = feed(bytes);
    keep_unread(bytes);
    bytes = {};
    if (engine_ == nullptr) break;
    moved = hand_over() || moved || again_;
    if (!closed_) flush();
    if (!closed_) forget_gone();  // streams that we reset close as the frame is filled in
  }
  pumping_ = false;
  settle();
}

// Offers all that was read. Takes what it used off `bytes`, or off the unread bytes when there are
// any, to which `bytes` is then added. Whether the engine got any further.
bool Connection::feed(std::string_view& bytes) {
  if (lingering_) {
    bytes = {};
    return false;
  }
  if (unread_used_ < unread_.size() && !bytes.empty()) {
    keep_unread(bytes);
    bytes = {};
  }
  const bool stored = bytes.empty();
  const std::string_view offer = stored ? std::string_view(unread_).substr(unread_used_) : bytes;
  const bool first = engine_ == nullptr;
  if (first && !choose_engine(offer)) return false;
  const size_t used = engine_->feed(offer);
  if (first && draining_) engine_->drain();
  if (stored) {
    unread_used_ += used;
    if (unread_used_ == unread_.size()) drop_unread();
  } else {
    bytes.remove_prefix(used);
  }
  return used > 0;
}

void Connection::drop_unread() {
  unread_ = std::string();  // an idle connection holds no buffer
  unread_used_ = 0;
}

void Connection::keep_unread(std::string_view bytes) {
  if (bytes.empty()) return;
  if (unread_used_ > 0) {
    unread_.erase(0, unread_used_);
    unread_used_ = 0;
  }
  unread_.append(bytes);
}

bool Connection::choose_engine(std::string_view bytes) {
  if (bytes.empty()) return false;
  const size_t n = std::min(bytes.size(), kHttp2Preface.size());
  const bool like_http2 = bytes.substr(0, n) == kHttp2Preface.substr(0, n);
  if (like_http2 && n < kHttp2Preface.size()) return false;
  http2_ = like_http2;
  if (like_http2) {
    engine_ = std::make_unique<Http2Engine>(limits());
  } else {
    engine_ = std::make_unique<Http1Engine>(limits());
  }
  return true;
}

Limits Connection::limits() const {
  const ListenerOptions& options = listener_->options;
  return {.body_bytes_max = options.body_bytes_max,
          .header_bytes_max = options.header_bytes_max,
          .maybe_bodies = options.bodies,
          .streams_max = options.streams_max};
}

void Connection::change_to_http2(Http1Engine& http1) {
  auto& asked = http1.upgrade();
  auto http2 = Http2Engine::upgraded(limits(), asked.settings, asked.request);
  if (http2 == nullptr) return http1.decline_upgrade();
  out_.add("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n");
  engine_ = std::move(http2);
  http2_ = true;
  if (draining_) engine_->drain();
}

bool Connection::hand_over() {
  if (!http2_) {
    auto& http1 = static_cast<Http1Engine&>(*engine_);
    if (http1.upgrade_asked()) change_to_http2(http1);
  }
  bool moved = false;
  forget_gone();
  Arrival arrival;
  while (!closed_ && engine_->next(arrival)) {
    moved = true;
    if (!http2_) phase_since_ = last_read_;  // a head that follows has its own time
    auto exchange = std::make_shared<ConnectionExchange>(io_, weak_from_this(), arrival.id);
    exchanges_.emplace_back(arrival.id, exchange);
    arrival.request.stop = exchange->stop_token();
    if (eof_) exchange->client_left();
    call_handler(std::move(arrival.request), Responder(std::move(exchange)));
    arrival.request = {};
  }
  const std::string_view fault = engine_->take_fault();
  if (!fault.empty()) listener_->count_error(fault);
  return moved;
}

// A responder that dies on the way answers 500.
void Connection::call_handler(Request request, Responder responder) {
  try {
    listener_->handler(std::move(request), std::move(responder));
  } catch (const std::exception& e) {
    log::error("a request's handler failed",
               {{"listener", listener_->options.name}, {"error", e.what()}});
  }
}

ConnectionExchange* Connection::find(int32_t id) {
  for (const auto& [key, exchange] : exchanges_) {
    if (key == id) return exchange.get();
  }
  return nullptr;
}

void Connection::forget_gone() {
  int32_t id = 0;
  while (engine_->next_gone(id)) forget(id, true);
}

void Connection::forget(int32_t id, bool gone) {
  for (size_t i = 0; i < exchanges_.size(); i++) {
    if (exchanges_[i].first != id) continue;
    const auto exchange = std::move(exchanges_[i].second);
    exchanges_[i] = std::move(exchanges_.back());
    exchanges_.pop_back();
    if (gone) {
      exchange->client_left();
      exchange->set_gone();
    }
    return;
  }
}

void Connection::respond(int32_t id, Response response) {
  if (closed_) return;
  forget(id, false);
  engine_->respond(id, std::move(response));
  pump({});
}

void Connection::begin(int32_t id, Response head) {
  if (closed_) return;
  engine_->begin(id, std::move(head));
  pump({});
}

void Connection::write(int32_t id, std::string chunk) {
  if (closed_) return;
  engine_->write(id, std::move(chunk));
  pump({});
}

void Connection::end(int32_t id, std::vector<Header> trailers) {
  if (closed_) return;
  forget(id, false);
  engine_->end(id, std::move(trailers));
  pump({});
}

void Connection::flush() {
  if (writing_) return;
  for (;;) {
    if (out_.bytes < kFillBytes) engine_->fill(out_);
    pay_credits();
    if (out_.bytes == 0) return;
    if (!write_some()) return;
  }
}

void Connection::pay_credits() {
  for (const Credit& credit : out_.credits) {
    if (ConnectionExchange* exchange = find(credit.id)) exchange->sent(credit.bytes);
  }
  out_.credits.clear();
}

// False when the socket takes no more now.
bool Connection::write_some() {
  std::array<iovec, kGather> parts;
  size_t count = 0;
  for (size_t i = out_piece_; i < out_.pieces.size() && count < kGather; i++) {
    std::string& piece = out_.pieces[i];
    const size_t skip = i == out_piece_ ? out_used_ : 0;
    parts[count++] = {piece.data() + skip, piece.size() - skip};
  }
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = count;
  const ssize_t n = ::sendmsg(socket_->tcp.native_handle(), &message, MSG_NOSIGNAL);
  if (n < 0) {
    if (errno == EINTR) return true;
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      wait_writable();
    } else {
      close();
    }
    return false;
  }
  last_write_ = std::chrono::steady_clock::now();
  drop_written(static_cast<size_t>(n));
  return true;
}

void Connection::wait_writable() {
  writing_ = true;
  socket_->tcp.async_wait(asio::socket_base::wait_write,
                          [self = shared_from_this()](const error_code& ec) {
                            self->writing_ = false;
                            if (self->closed_) return;
                            if (ec) return self->close();
                            self->pump({});
                          });
}

void Connection::drop_written(size_t bytes) {
  out_.bytes -= bytes;
  while (bytes > 0) {
    std::string& piece = out_.pieces[out_piece_];
    const size_t n = std::min(bytes, piece.size() - out_used_);
    bytes -= n;
    out_used_ += n;
    if (out_used_ < piece.size()) break;
    piece = std::string();
    out_piece_++;
    out_used_ = 0;
  }
  if (out_.bytes == 0) {
    out_.pieces.clear();
    out_piece_ = 0;
    out_used_ = 0;
  }
}

// After everything that could have changed the state: closes, or waits for what comes next.
void Connection::settle() {
  if (closed_ || pumping_) return;
  const bool idle_out = out_.bytes == 0;
  if (engine_ != nullptr && idle_out && !lingering_ && engine_->finished()) {
    if (eof_ || !engine_->cut_short()) return close();
    linger();
  }
  if (eof_ && idle_out) {
    const Phase at = phase();
    if (at != Phase::busy && at != Phase::no_room) return close();
  }
  set_deadline();
  if (!reading_ && wants_read()) wait_readable();
}

// Closing at once would reset the connection, and the answer could be lost with it: RFC 9112
// section 9.6.
void Connection::linger() {
  error_code ec;
  socket_->tcp.shutdown(asio::socket_base::shutdown_send, ec);
  lingering_ = true;
  phase_since_ = std::chrono::steady_clock::now();
  drop_unread();
}

bool Connection::wants_read() const {
  if (eof_) return false;
  if (lingering_ || engine_ == nullptr || engine_->takes_input()) return true;
  return phase() == Phase::busy && unread_.size() - unread_used_ < kUnreadBytesMax;
}

Phase Connection::phase() const {
  if (engine_ != nullptr) return engine_->phase();
  return unread_.empty() ? Phase::idle : Phase::head;
}

void Connection::set_deadline() {
  const ListenerOptions& options = listener_->options;
  const Phase now_in = phase();
  const SteadyTime now = std::chrono::steady_clock::now();
  const bool retry_set = last_phase_ == Phase::no_room && deadline_ > now;
  if (now_in != last_phase_) {
    last_phase_ = now_in;
    phase_since_ = now;
    if (http2_ && now_in == Phase::body && now - body_check_ > options.body_timeout)
      body_check_ = now;
  }
  if (lingering_) {
    deadline_ = phase_since_ + (draining_ ? kLingerTimeInDrain : kLingerTime);
  } else if (out_.bytes > 0) {
    deadline_ = last_write_ + options.body_timeout;
  } else if (now_in == Phase::idle) {
    deadline_ = phase_since_ + options.idle_timeout;
  } else if (now_in == Phase::head) {
    deadline_ = phase_since_ + options.header_timeout;
  } else if (now_in == Phase::body) {
    deadline_ = (http2_ ? body_check_ : last_read_) + options.body_timeout;
  } else if (now_in == Phase::no_room) {
    if (!retry_set) deadline_ = now + kRoomRetry;
  } else {
    deadline_ = SteadyTime::max();
  }
  if (engine_ == nullptr || !engine_->owes_answers()) {
    answer_check_ = SteadyTime::max();
  } else if (answer_check_ == SteadyTime::max()) {
    answer_check_ = now + options.body_timeout;
  }
  deadline_ = std::min(deadline_, answer_check_);
  if (deadline_ != SteadyTime::max()) io_.deadline_at(deadline_);
}

void Connection::on_deadline(SteadyTime now) {
  const auto self = shared_from_this();
  if (lingering_) return close();
  if (answer_check_ <= now) {
    answer_check_ = SteadyTime::max();
    engine_->time_out_answers();
    return pump({});  // what else is due comes at once
  }
  if (out_.bytes > 0) {
    listener_->count_error("timeout_write");
    return close();
  }
  const Phase at = phase();
  if (engine_ == nullptr) return close();
  if (at == Phase::idle) {
    engine_->drain();
    if (!http2_) return close();
  } else if (at == Phase::head || at == Phase::body) {
    engine_->time_out();
    body_check_ = now;
  } else if (at == Phase::no_room && now - phase_since_ >= kRoomPatience) {
    engine_->give_up_room();
  }
  pump({});
}

void Connection::drain() {
  draining_ = true;
  if (closed_) return;
  if (engine_ == nullptr) {
    if (unread_.empty()) close();
    return;
  }
  if (lingering_) return set_deadline();
  engine_->drain();
  pump({});
}

}  // namespace vivace::net
