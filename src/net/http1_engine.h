// HTTP/1.0 and 1.1 (RFC 9112) for one connection: Beast's parser finds heads and chunks, this file
// keeps the conversation. One request is in flight at a time; bytes of the next are not taken until
// its answer is complete, so answers keep their order.
//
// What smells of request smuggling is refused with 400 and the connection closes: more than one
// content-length, content-length beside transfer-encoding, more than one host, transfer-encoding in
// HTTP/1.0. Any transfer-encoding but "chunked" is 501. Refusals are plain text that names the
// fault.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "net/body_buffer.h"
#include "net/engine.h"
#include "net/fifo.h"

namespace vivace::net {

class Http1Engine final : public Engine {
 public:
  explicit Http1Engine(const Limits& limits);
  ~Http1Engine() override;

  // RFC 7540 section 3.2: a request without body asked to go on in h2c. Either the connection takes
  // the request and the client's settings (still base64url) to an Http2Engine and drops this one,
  // or it declines and the request arrives as any other.
  struct Upgrade {
    std::string settings;
    Request request;
  };
  bool upgrade_asked() const { return input_ == Input::upgrade; }
  Upgrade& upgrade() { return upgrade_; }
  void decline_upgrade();

  size_t feed(std::string_view bytes) override;
  bool takes_input() const override;
  Phase phase() const override;
  bool next(Arrival& arrival) override;
  bool next_gone(int32_t&) override { return false; }
  void respond(int32_t id, Response response) override;
  void begin(int32_t id, Response head) override;
  void write(int32_t id, std::string chunk) override;
  void end(int32_t id, std::vector<Header> trailers) override;
  void fill(Output& output) override;
  void time_out() override;
  void give_up_room() override;
  void drain() override;
  bool finished() const override { return closing_ && out_.empty(); }
  bool cut_short() const override { return input_ == Input::discard; }

 private:
  class Parser;
  enum class Input : uint8_t { head, body, upgrade, hold, discard };
  enum class Answer : uint8_t { none, arrived, waiting, streaming };
  struct Piece {
    std::string bytes;
    size_t credit = 0;
  };

  size_t feed_head(std::string_view bytes);
  size_t feed_body(std::string_view bytes);
  size_t feed_chunk_header(std::string_view bytes);
  void head_done();
  bool check_head();
  void look_for_upgrade();
  bool say_continue();
  void complete();
  void refuse(int status, std::string_view why);
  void refuse_body(BodyState state);
  void reset();
  std::string make_head(const Response& response, bool chunked, bool no_length);
  void push_chunk(std::string chunk, size_t credit);
  void finish_answer();

  const Limits limits_;
  std::unique_ptr<Parser> parser_;
  bool parsing_ = false;  // the parser has seen bytes of this request
  Input input_ = Input::head;
  Answer answer_ = Answer::none;
  int32_t id_ = 0;

  Request request_;
  BodyBuffer body_;
  int64_t head_bytes_ = 0;
  int64_t declared_ = -1;   // content-length; -1: chunked
  int64_t chunk_left_ = 0;  // of the chunk being read
  bool too_large_ = false;  // said by a chunk's header
  bool continue_owed_ = false;
  bool no_room_ = false;
  Upgrade upgrade_;

  bool http11_ = false;
  bool head_only_ = false;  // the request is HEAD
  bool keep_alive_ = false;
  bool chunking_ = false;  // the answer is streamed in chunks
  bool last_ = false;      // the answer said that it is the last
  bool draining_ = false;
  bool closing_ = false;
  Fifo<Piece> out_;
  size_t owed_credit_ = 0;  // for chunks that are not sent: the answer to HEAD
};

}  // namespace vivace::net
