// One request on its way through the query API: who asks, how long it took, what was answered.
// Every answer goes through here, so that it is counted, timed and logged the same way.
//
// Moved from the io thread to a worker; used by one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/result.h"
#include "net/http.h"
#include "query/query_budget.h"
#include "query/query_control.h"
#include "wire/gzip_stream.h"

namespace vivace::api {

// HTTP status for an error that a query met.
int http_status(Code code);

class Call {
 public:
  struct Context {
    const Clock* clock = nullptr;
    Metrics* metrics = nullptr;
    QueryBudget* maybe_query_memory = nullptr;  // null: nothing is counted
  };

  // `route` is the label in metrics, e.g. "api_traces_traceid".
  Call(Context context, std::string route, net::Request request, net::Responder responder);

  const net::Request& request() const { return request_; }
  // How long its query may take from now on: until the client goes, or the timeout; 0: none.
  QueryControl control(int64_t timeout_ns);
  // The memory of its query, which the control names; null: nothing is counted. It is given back
  // when the call and all who hold it are gone: hold it where an answer outlives the call.
  const std::shared_ptr<QueryMemory>& memory();
  // Whose data is asked for; several with "a|b". For the log, and for the reader of the store.
  std::vector<std::string> tenants;
  // Names in headers are the client's words: only tenants that have data become labels.
  bool tenants_known = true;
  // In the log: queries are, probes are not.
  bool logged = false;
  // The label `op` of the query metrics, e.g. "traces"; none for what is no query.
  std::string op;

  void send(net::Response response) &&;
  void send_text(int status, std::string text) &&;  // as Tempo sends errors
  void send_error(const Error& error) &&;

 private:
  friend class StreamedBody;
  void observe(int status, uint64_t bytes);

  Context context_;
  std::string route_;
  net::Request request_;
  net::Responder responder_;
  std::shared_ptr<QueryMemory> memory_;  // once asked for
  int64_t began_ns_;
};

// A body that is written bit by bit: small ones are sent whole (with gzip if the client takes it),
// long ones in pieces while they are made.
class StreamedBody {
 public:
  StreamedBody(Call call, net::Response head) : call_(std::move(call)), head_(std::move(head)) {}
  std::string& buffer() { return buffer_; }
  // Sends what has gathered once it is much. False when the client has gone: stop.
  [[nodiscard]] bool checkpoint();
  void finish() &&;

 private:
  void start();
  bool send(std::string bytes);

  Call call_;
  net::Response head_;
  std::string buffer_;
  std::optional<net::Responder::Stream> stream_;
  std::optional<GzipStream> gzip_;
  bool gone_ = false;  // the client; then nothing more is sent
  uint64_t sent_bytes_ = 0;
};

}  // namespace vivace::api
