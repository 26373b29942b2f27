// A protocol engine turns bytes into requests and answers into bytes. It owns no socket, no clock
// and no thread: the connection feeds it what it read, hands its requests to the handler, gives it
// the answers, and writes what it fills in. So both engines are tested with strings.
//
//   used = engine.feed(bytes);              // what was not used is offered again, with more behind
//   it while (engine.next(arrival)) ...        // requests that have arrived whole
//   engine.respond(arrival.id, response);
//   engine.fill(output);                    // bytes to write, about kFillBytes at a time
//   if (engine.finished()) close();
//
// One thread at a time; calls never call back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/budget.h"
#include "net/http.h"

namespace vivace::net {

struct Limits {
  int64_t body_bytes_max = 20 << 20;
  int64_t header_bytes_max = 64 << 10;
  Budget* maybe_bodies = nullptr;
  uint32_t streams_max = 100;  // of one connection at once
};

struct Arrival {
  int32_t id = 0;  // names the request in the answering calls; never reused on a connection
  Request request;
};

// Bytes of a streamed answer that left the engine; the writer may produce as many again.
struct Credit {
  int32_t id = 0;
  size_t bytes = 0;
};

struct Output {
  std::vector<std::string> pieces;
  size_t bytes = 0;
  std::vector<Credit> credits;

  void add(std::string piece) {
    bytes += piece.size();
    pieces.push_back(std::move(piece));
  }
};

constexpr size_t kFillBytes = 64 << 10;

// A client that was answered before its body was through is read on for this long, unheard: many
// look at the answer only once they have sent all.
constexpr int64_t kDiscardBytesMax = 64 << 20;

// What the engine waits for; decides which timeout holds.
enum class Phase : uint8_t {
  idle,     // nothing asked, nothing owed
  head,     // inside a request's head
  body,     // inside a request's body
  no_room,  // bytes of a body wait for the budget: feed again soon, or `give_up_room`
  busy,     // all that arrived is with the handler, or the answer is on its way
};

class Engine {
 public:
  virtual ~Engine() = default;

  // Takes bytes from the front and says how many. Less than all means: not now, offer them again
  // when more has arrived or an answer has been given. May be called with nothing, to try again.
  virtual size_t feed(std::string_view bytes) = 0;
  // Whether feeding more could lead anywhere now.
  virtual bool takes_input() const = 0;
  virtual Phase phase() const = 0;

  virtual bool next(Arrival& arrival) = 0;
  // A request that the client gave up before its answer was out.
  virtual bool next_gone(int32_t& id) = 0;

  // Unknown ids are ignored: the client may have gone meanwhile.
  virtual void respond(int32_t id, Response response) = 0;
  virtual void begin(int32_t id, Response head) = 0;
  virtual void write(int32_t id, std::string chunk) = 0;
  virtual void end(int32_t id, std::vector<Header> trailers) = 0;

  // Adds what can be written now, until `output` holds about kFillBytes.
  virtual void fill(Output& output) = 0;

  // The head or a body took too long.
  virtual void time_out() = 0;
  // Whether bytes of an answer are kept back until the client allows more. What the engine has
  // filled in and the socket does not take is the connection's matter.
  virtual bool owes_answers() const { return false; }
  // Gives up the answers that were owed at the last call and have hardly moved since.
  virtual void time_out_answers() {}
  // Bodies that wait for the budget arrive as BodyState::no_room.
  virtual void give_up_room() = 0;
  // No new requests; what is in flight is answered, then the engine is finished.
  virtual void drain() = 0;

  // Nothing more will be read or written once `fill` has nothing to add.
  virtual bool finished() const = 0;
  // When finished: whether the client may still be sending what nobody reads.
  virtual bool cut_short() const = 0;

  // The kind of the latest fault since the last call, for the metric; empty when none.
  std::string_view take_fault() { return std::exchange(fault_, {}); }

 protected:
  void set_fault(std::string_view kind) { fault_ = kind; }

 private:
  std::string_view fault_;  // a literal
};

}  // namespace vivace::net
