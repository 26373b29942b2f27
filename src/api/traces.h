// GET /api/traces/{id} and /api/v2/traces/{id} (query-API contract, section 2).
//
//                       v1                                v2
//   found               200, the trace                    200, the trace inside a response message
//   not found           404, empty                        200, an empty trace
//   over the size limit 422                               200 PARTIAL, the first spans that fit
//   cut on its way in   200, what is left; 422: nothing   200 PARTIAL, what is left
//   stored damage       200, what is left; 500: nothing   200 PARTIAL, what is left
//
// JSON, or protobuf when the Accept header asks for it. Runs on a worker; memory does not grow with
// the trace, except 40 bytes a span.
#pragma once

#include <functional>
#include <string>

#include "api/call.h"
#include "query/find_trace.h"
#include "store/store.h"

namespace vivace::api {

// Whether spans of a tenant's trace were refused on their way in, as it was too large.
using IsTraceCut = std::function<bool(const std::string& tenant, const TraceId& trace)>;

struct TraceQuestion {
  std::string id;  // as in the path
  int version = 1;
  int64_t bytes_max = 0;  // of the trace's spans as protobuf; 0: no limit
  bool was_cut = false;   // IsTraceCut; answer_trace finds out
};

void answer_trace(Call call, const Store& store, TraceQuestion question,
                  const IsTraceCut& is_cut = {});

// The answer with a trace that was found.
void send_trace(Call call, Trace& trace, const TraceQuestion& question);

}  // namespace vivace::api
