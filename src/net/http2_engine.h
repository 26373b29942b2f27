// HTTP/2 without TLS (RFC 9113) for one connection, on nghttp2: by prior knowledge, or carried on
// from an HTTP/1.1 request that asked for h2c. nghttp2 keeps frames, header compression and flow
// control; this file keeps requests, answers and limits.
//
// A body's bytes are given back to the client's window only when the budget has room for them, so a
// full budget stops senders at kWindowBytes a connection. Against floods: Limits::streams_max
// streams at once; a stream that dies before its answer costs one of kResetsMax credits, which
// complete answers earn back, and the connection ends with ENHANCE_YOUR_CALM when they are gone;
// nghttp2 bounds CONTINUATION, SETTINGS and the acknowledgements that wait.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "net/engine.h"

namespace vivace::net {

class Http2Session;

class Http2Engine final : public Engine {
 public:
  static constexpr int kResetsMax = 200;
  static constexpr size_t kAnswerStepBytes = 4 << 10;  // what has to move between two time-outs
  static constexpr int kWindowBytes = 256 << 10;

  explicit Http2Engine(const Limits& limits);
  // Goes on after "101 Switching Protocols": the request becomes stream 1. Null, and the request
  // untouched, when the settings are malformed.
  static std::unique_ptr<Http2Engine> upgraded(const Limits& limits, std::string_view settings,
                                               Request& request);
  ~Http2Engine() override;

  size_t feed(std::string_view bytes) override;
  bool takes_input() const override;
  Phase phase() const override;
  bool next(Arrival& arrival) override;
  bool next_gone(int32_t& id) override;
  void respond(int32_t id, Response response) override;
  void begin(int32_t id, Response head) override;
  void write(int32_t id, std::string chunk) override;
  void end(int32_t id, std::vector<Header> trailers) override;
  void fill(Output& output) override;
  // Resets the streams whose body brought nothing since the last call.
  void time_out() override;
  bool owes_answers() const override;
  void time_out_answers() override;
  void give_up_room() override;
  void drain() override;
  bool finished() const override;
  bool cut_short() const override { return true; }

 private:
  std::unique_ptr<Http2Session> session_;
};

}  // namespace vivace::net
