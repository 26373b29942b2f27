// The state behind an Http2Engine: nghttp2's session and our streams. nghttp2 calls back from
// mem_recv and mem_send; a callback only notes here what happened (a request arrived, a stream
// closed) and the engine's calls pick it up, so no stream is freed and no caller's code runs inside
// a callback.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "net/body_buffer.h"
#include "net/engine.h"
#include "net/fifo.h"
#include "net/http2_engine.h"

struct nghttp2_session;

namespace vivace::net {

struct Http2Stream {
  Http2Stream(int32_t stream_id, Budget* maybe_bodies) : id(stream_id), body(maybe_bodies) {}

  const int32_t id;
  Request request;
  BodyBuffer body;
  std::string authority;
  int64_t header_bytes = 0;
  int64_t declared = -1;  // content-length, -1 when not said
  size_t unconsumed = 0;  // bytes of the body that still weigh on the windows
  int64_t discarded = 0;  // bytes that came after it had arrived, unheard
  bool header_too_large = false;
  bool head_done = false;
  bool receiving = false;  // bytes of its body are awaited; counted in Http2Session::receiving
  bool uncovered = false;  // its body took room that the budget lacks; counted likewise
  bool fresh = false;      // a body's bytes came since the last time_out
  bool input_ended = false;
  bool arrived = false;  // complete or refused: the rest of the body is of no interest
  bool handed = false;   // `next` gave it out

  bool answered = false;     // an answer has been submitted
  bool answer_sent = false;  // its last frame has left
  bool head_only = false;    // the request is HEAD
  bool streaming = false;
  bool ended = false;
  bool deferred = false;
  Fifo<std::string> parts;       // of the answer, not yet taken by nghttp2
  size_t part_used = 0;          // of the first
  bool owes = false;             // there are parts; counted in Http2Session::owing
  bool owed_at_check = false;    // and have been since the last time_out_answers
  size_t moved = 0;              // bytes of the answer that left since then
  std::vector<Header> trailers;  // of the answer, until they are submitted
};

class Http2Session {
 public:
  explicit Http2Session(const Limits& limits);
  ~Http2Session();
  Http2Session(const Http2Session&) = delete;
  Http2Session& operator=(const Http2Session&) = delete;

  void start();
  bool upgrade(std::string_view settings, Request& request);
  Http2Stream* find(int32_t id) {
    const auto it = streams.find(id);
    return it == streams.end() ? nullptr : it->second.get();
  }
  void receive(std::string_view bytes);
  void retry_room();
  void refuse_body(Http2Stream& s, BodyState state);
  void submit(Http2Stream& s, Response response, bool streamed);
  void add_part(Http2Stream& s, std::string part);
  void stop_owing(Http2Stream& s);
  void resume(Http2Stream& s);
  void end_session(uint32_t error_code, std::string_view fault);
  void forget_uncovered(Http2Stream& s);

  const Limits limits;
  nghttp2_session* session = nullptr;
  std::unordered_map<int32_t, std::unique_ptr<Http2Stream>> streams;
  std::vector<std::unique_ptr<Http2Stream>> closed;  // freed once no callback is on the stack
  Fifo<int32_t> arrivals;
  Fifo<int32_t> gone;
  std::vector<Credit> credits;
  int32_t head_stream = 0;  // whose header block is arriving; 0: none
  int receiving = 0;
  int uncovered = 0;
  int owing = 0;
  int reset_credits = Http2Engine::kResetsMax;
  std::string_view fault;  // the latest; a literal
  bool dead = false;       // nghttp2 cannot go on; what it has queued may still be written
  bool written = false;    // and has been
  bool draining = false;
  bool awaits_preface = false;  // after an upgrade

 private:
  struct Callbacks;  // nghttp2's, in the .cc with its types

  void head_done(Http2Stream& s);
  void input_ended(Http2Stream& s);
  void body_bytes(Http2Stream& s, std::string_view bytes);
  void discard(Http2Stream& s, size_t bytes);
  void consume(Http2Stream& s, size_t bytes);
  void arrive(Http2Stream& s);
  void await_more(Http2Stream& s);
  void stop_receiving(Http2Stream& s);
  void stream_closed(int32_t id);
};

}  // namespace vivace::net
