// What the rest of the program sees of HTTP: a Request that arrived whole, and a Responder that
// answers it. Nobody outside net/ knows whether it came over HTTP/1.1 or HTTP/2.
//
//   auto server = net::Server(options, metrics);
//   TRY(server.listen({.name = "http", .address = "0.0.0.0", .port = 3200}, handler));
//
// The handler runs on the io thread that owns the connection and must not block: it answers at once
// or moves the Responder to another thread. Every Responder is answered exactly once; one that dies
// unanswered answers 500. Answers to pipelined requests keep their order.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/budget.h"

namespace vivace::net {

struct Header {
  std::string name;  // lower-case
  std::string value;
};

// A body that is not complete is gone, but for its first bytes, at most kBodyStartBytes, over
// HTTP/2; over HTTP/1.1 it is empty and the connection closes after the answer.
enum class BodyState : uint8_t {
  complete,
  too_large,  // past ListenerOptions::body_bytes_max
  no_room,    // the budget for bodies stayed full
};

constexpr size_t kBodyStartBytes = 16;

struct Request {
  std::string method;
  std::string path;   // the target before '?', as sent (not percent-decoded)
  std::string query;  // after '?', as sent
  std::vector<Header> headers;
  std::string body;
  BodyState body_state = BodyState::complete;
  Reservation body_room;  // the body's share of the budget, moves along with the body
  bool http2 = false;
  std::stop_token stop;  // requested when the client went away

  // The first header of that (lower-case) name; empty when absent.
  std::string_view header(std::string_view name) const;
  bool has_header(std::string_view name) const;
};

struct Response {
  int status = 200;
  std::vector<Header> headers = {};  // content-length, date and connection are added
  std::string body = {};
  // Behind the body; among the headers when there is no body. Over HTTP/2 only: nobody asks for
  // them over HTTP/1.1. An answer that has them carries no content-length.
  std::vector<Header> trailers = {};
};

// A connection's side of one request; implemented by each protocol engine's connection.
class Exchange {
 public:
  virtual ~Exchange() = default;
  // Any thread. The answer whole.
  virtual void respond(Response response) = 0;
  // Any thread but the io threads. The answer in parts: `begin`, then `write` until done, then
  // `end`. `write` blocks while more than 256 KiB wait for the client, and is false once it has
  // gone.
  virtual void begin(Response head) = 0;
  virtual bool write(std::string chunk) = 0;
  virtual void end(std::vector<Header> trailers) = 0;
};

// Move-only owner of one answer.
class Responder {
 public:
  explicit Responder(std::shared_ptr<Exchange> exchange) : exchange_(std::move(exchange)) {}
  Responder(Responder&&) noexcept = default;
  Responder& operator=(Responder&& other) noexcept;
  ~Responder();

  void send(Response response) &&;

  // Whether the answer is still owed: false once it was given or moved away.
  bool owes_answer() const { return exchange_ != nullptr; }

  // Starts an answer of unknown length; ended by `end`, or by the stream's death.
  class Stream {
   public:
    explicit Stream(std::shared_ptr<Exchange> exchange) : exchange_(std::move(exchange)) {}
    Stream(Stream&&) noexcept = default;
    Stream& operator=(Stream&& other) noexcept {
      std::swap(exchange_, other.exchange_);  // `other` ends what this one had begun
      return *this;
    }
    ~Stream() {
      if (exchange_) exchange_->end({});
    }
    [[nodiscard]] bool write(std::string chunk) { return exchange_->write(std::move(chunk)); }
    void end(std::vector<Header> trailers) && {
      std::exchange(exchange_, nullptr)->end(std::move(trailers));
    }

   private:
    std::shared_ptr<Exchange> exchange_;
  };
  Stream stream(Response head) &&;

 private:
  std::shared_ptr<Exchange> exchange_;
};

using Handler = std::function<void(Request, Responder)>;

// Percent-decodes %XX; '+' stays. False when a '%' is not followed by two hexadecimal digits.
bool percent_decode(std::string_view text, std::string& out);

// The parameters of a query string in order, decoded ('+' is a space); malformed pairs are skipped.
std::vector<std::pair<std::string, std::string>> parse_query(std::string_view query);

}  // namespace vivace::net
