// The four forms of a trace: v1 and v2, JSON and protobuf. All of them read one row after the other
// and send as they go. In v2 protobuf the trace is a field whose length comes first, so it is
// encoded twice: once to measure, once to send.
#include "api/traces.h"

#include <fmt/format.h>
#include <protozero/pbf_writer.hpp>

#include "api/params.h"
#include "api/trace_json.h"
#include "api/trace_proto.h"
#include "base/bytes.h"
#include "base/log.h"
#include "wire/json.h"

namespace vivace::api {
namespace {

using protozero::pbf_writer;

constexpr uint32_t kPartial = 1;  // TraceByIDResponse.status

Result<TraceId> check(const Call& call, const TraceQuestion& question) {
  std::string id;
  if (!net::percent_decode(question.id, id)) id = question.id;
  const Params params(call.request().query);
  const TraceId parsed = TRY(parse_trace_id(id));
  CHECK_OK(check_time_range(params));
  CHECK_OK(check_internal(params));
  return parsed;
}

Result<Trace> find(Call& call, const Store& store, const TraceId& id) {
  std::vector<Snapshot> snapshots;
  for (const std::string& tenant : call.tenants) snapshots.push_back(store.snapshot(tenant));
  const QueryControl control = call.control(0);
  return Trace::find(snapshots, id, control);
}

// Leaves as many spans as fit into the limit; whether all did.
bool cut(Trace& trace, int64_t bytes_max) {
  if (bytes_max == 0) return true;
  SpanView span;
  int64_t bytes = 0;
  uint32_t fitting = 0;
  for (const Trace::ScopeGroup& group : trace.groups()) {
    for (uint32_t i = 0; i < group.count; ++i, ++fitting) {
      if (!trace.read_span(group, i, span)) continue;
      bytes += static_cast<int64_t>(proto_size(span));
      if (bytes > bytes_max) {
        trace.keep_first(fitting);
        return false;
      }
    }
  }
  return true;
}

// What the answer says besides the trace, once all of it was read: why it is not whole; if it is,
// nothing.
std::string partial_message(const Trace& trace, const std::string& over_limit) {
  if (!trace.damage()) return over_limit;
  return over_limit.empty() ? "Stored data is damaged, a partial trace is returned"
                            : over_limit + "; stored data is damaged";
}

void send_json(Call call, Trace& trace, int version, const std::string& over_limit) {
  StreamedBody body(std::move(call),
                    {.headers = {{"content-type", "application/json"}}, .body = {}});
  std::string& out = body.buffer();
  if (version == 2) {
    out += trace.empty() ? "{\"trace\":{" : "{\"trace\":{\"resourceSpans\":";
  } else {
    out += "{\"batches\":";
  }
  bool connected = true;
  if (!trace.empty() || version == 1) {
    append_resource_spans(trace, out, [&] { return connected = body.checkpoint(); });
  }
  if (!connected) return std::move(body).finish();
  if (version == 2) {
    out += "},\"metrics\":{";
    if (const uint64_t bytes = trace.inspected().bytes; bytes > 0) {
      out += "\"inspectedBytes\":";
      append_json_uint64(out, bytes);
    }
    out += '}';
    const std::string partial = partial_message(trace, over_limit);
    if (!partial.empty()) {
      out += ",\"status\":\"PARTIAL\",\"message\":";
      append_json_string(out, partial);
    }
  }
  out += '}';
  std::move(body).finish();
}

// The length of all ResourceSpans as fields of a Trace message.
uint64_t trace_length(Trace& trace) {
  uint64_t bytes = 0;
  encode_resource_spans(trace, [&](std::string_view piece) {
    std::string length;
    protozero::add_varint_to_buffer(&length, piece.size());
    bytes += 1 + length.size() + piece.size();
    return true;
  });
  return bytes;
}

void send_proto(Call call, Trace& trace, int version, const std::string& over_limit) {
  StreamedBody body(std::move(call),
                    {.headers = {{"content-type", "application/protobuf"}}, .body = {}});
  std::string& out = body.buffer();
  if (version == 2) {  // TraceByIDResponse: its field 1 is the trace, whose length comes first
    out += '\x0a';
    protozero::add_varint_to_buffer(&out, trace_length(trace));
  }
  encode_resource_spans(trace, [&](std::string_view piece) {
    pbf_writer(out).add_bytes(1, piece.data(), piece.size());
    return body.checkpoint();
  });
  if (version == 2) {
    pbf_writer response(out);
    std::string metrics;
    if (const uint64_t bytes = trace.inspected().bytes; bytes > 0) {
      pbf_writer(metrics).add_uint64(1, bytes);
    }
    response.add_message(2, metrics);
    const std::string partial = partial_message(trace, over_limit);
    if (!partial.empty()) {
      response.add_enum(3, kPartial);
      response.add_bytes(4, partial.data(), partial.size());
    }
  }
  std::move(body).finish();
}

}  // namespace

void answer_trace(Call call, const Store& store, TraceQuestion question, const IsTraceCut& is_cut) {
  const auto id = check(call, question);
  if (!id) return std::move(call).send_error(id.error());
  question.was_cut = is_cut && std::ranges::any_of(call.tenants, [&](const std::string& tenant) {
                       return is_cut(tenant, *id);
                     });
  const auto memory = call.memory();  // goes when the trace is gone
  auto trace = find(call, store, *id);
  if (!trace) return std::move(call).send_error(trace.error());
  send_trace(std::move(call), *trace, question);
  if (!trace->damage()) return;
  log::error("trace is not whole",
             {{"trace_id", to_hex(id->view())}, {"err", trace->damage()->message}});
}

void send_trace(Call call, Trace& trace, const TraceQuestion& question) {
  std::string over_limit;
  const bool fits = cut(trace, question.bytes_max);
  if (!fits || question.was_cut) {
    if (question.version == 1 && (!fits || trace.empty())) {
      return std::move(call).send_text(
          422, fmt::format("trace exceeds max size (max bytes: {})", question.bytes_max));
    }
    over_limit = fmt::format("Trace exceeds maximum size of {} bytes, a partial trace is returned",
                             question.bytes_max);
  }
  if (trace.empty() && question.version == 1) {
    if (trace.damage()) return std::move(call).send_error(*trace.damage());
    return std::move(call).send({.status = 404});
  }
  const std::string_view accept = call.request().header("accept");
  if (accept.find("application/protobuf") != std::string_view::npos) {
    send_proto(std::move(call), trace, question.version, over_limit);
  } else {
    send_json(std::move(call), trace, question.version, over_limit);
  }
}

}  // namespace vivace::api
