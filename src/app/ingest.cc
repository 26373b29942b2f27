// Decode, verdict, admission; the store does the rest and answers through us. Runs on the ingest
// threads, one request at a time each, and for small requests on the io thread that received them,
// since to wake another would cost more than the work; what a request holds (its body, the decoded
// batch) is counted in the budget for bodies until it is in the head.
#include "app/ingest.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/log.h"
#include "decode/otlp.h"
#include "decode/otlp_json.h"

namespace vivace {
namespace {

constexpr size_t kWaitingMax = 4096;  // requests; their bytes are bounded by the budget for bodies
constexpr size_t kQuickBytesMax = 32 << 10;  // some 100 spans: 30 us

void add_refused(receive::Outcome& outcome, uint32_t spans, std::string_view why) {
  if (spans == 0) return;
  outcome.rejected_spans += spans;
  if (!outcome.message.empty()) outcome.message += "; ";
  outcome.message += fmt::format("{} spans refused: {}", spans, why);
}

receive::Outcome outcome_of(uint32_t bad_trace_ids, uint32_t bad_span_ids) {
  receive::Outcome out;
  add_refused(out, bad_trace_ids, "trace ids must be 128 bit and not all zero");
  add_refused(out, bad_span_ids, "span ids must be 64 bit and not all zero");
  return out;
}

// In the receiver's words.
Error unreadable(const receive::Received& received, const Error& error, size_t bytes_max) {
  return received.unreadable == nullptr ? error : received.unreadable(error, bytes_max);
}

// What a decoded batch holds beside the body that it came from.
int64_t memory_of(const Batch& batch) {
  return static_cast<int64_t>(batch.body.capacity() + batch.spans.size() * sizeof(BatchSpan) +
                              batch.attributes.size() * sizeof(BatchAttribute) +
                              batch.events.size() * sizeof(BatchEvent) +
                              batch.links.size() * sizeof(BatchLink));
}

}  // namespace

Ingest::Ingest(const IngestOptions& options, Store& store, Budget& bodies, const Clock& clock,
               Metrics& metrics)
    : options_(options),
      store_(store),
      bodies_(bodies),
      clock_(clock),
      metrics_(metrics),
      push_seconds_(metrics.histogram("tempo_distributor_push_duration_seconds",
                                      "Time from a received request to its answer.",
                                      {.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10})),
      tenants_(clock, metrics),
      rate_(options.rate, clock),
      traces_(options.traces, clock),
      workers_("ingest", options.threads, kWaitingMax) {
  auto& waiting = metrics.gauge("vivace_ingest_waiting", "Requests that wait to be decoded.");
  on_scrape_ =
      metrics.on_scrape([this, &waiting] { waiting.Set(static_cast<double>(workers_.waiting())); });
}

receive::Sink Ingest::sink(const std::string& receiver, const std::string& transport) {
  const Labels labels{{"receiver", receiver}, {"transport", transport}};
  const Counters counters{
      &metrics_.counter("tempo_receiver_accepted_spans", "Spans stored.", labels),
      &metrics_.counter("tempo_receiver_refused_spans", "Spans refused.", labels)};
  return [this, counters](receive::Received received, receive::Done done) {
    Request request{.received = std::move(received),
                    .done = std::move(done),
                    .counters = counters,
                    .began_ns = clock_.steady_ns()};
    if (is_quick(request.received)) return take(std::move(request));
    auto job = std::make_shared<Request>(std::move(request));
    Workers::Task task = [this, job] { take(std::move(*job)); };
    if (!workers_.submit(std::move(task))) {
      job->done(fail(Code::unavailable, "too many requests wait; try again later"));
    }
  };
}

// Whether it takes less time than waking another thread for it.
bool Ingest::is_quick(const receive::Received& received) {
  return received.body.size() <= kQuickBytesMax &&
         received.format == receive::BodyFormat::otlp_protobuf &&
         received.encoding == ContentEncoding::identity;
}

void Ingest::take(Request request) {
  if (auto late = nobody_waits(request.received, request.began_ns)) {
    return request.done(std::unexpected(std::move(*late)));
  }
  process(
      std::move(request.received),
      [this, began_ns = request.began_ns,
       answer = std::move(request.done)](Result<receive::Outcome> outcome) mutable {
        push_seconds_.Observe(static_cast<double>(clock_.steady_ns() - began_ns) / 1e9);
        answer(std::move(outcome));
      },
      request.counters);
}

std::optional<Error> Ingest::nobody_waits(const receive::Received& received,
                                          int64_t began_ns) const {
  if (received.stop.stop_requested()) return Error{Code::cancelled, "the sender went away"};
  if (received.timeout && clock_.steady_ns() - began_ns >= received.timeout->count()) {
    return Error{Code::deadline_exceeded, "the deadline passed before the request was read"};
  }
  return std::nullopt;
}

// What is not protobuf becomes it before anything else looks at it: the log, its replay and the
// memory of what was acked know one form.
Result<void> Ingest::make_protobuf(receive::Received& received, size_t bytes_max) {
  if (received.format == receive::BodyFormat::otlp_protobuf) return {};
  std::string json = received.encoding == ContentEncoding::identity
                         ? std::move(received.body)
                         : TRY(unpack(received.encoding, received.body, bytes_max));
  received.body_room = bodies_.reserve_always(static_cast<int64_t>(json.size()));
  received.body = TRY(otlp_json_to_protobuf(std::move(json)));
  received.body_room.shrink_to(static_cast<int64_t>(received.body.size()));
  received.encoding = ContentEncoding::identity;
  received.format = receive::BodyFormat::otlp_protobuf;
  return {};
}

void Ingest::process(receive::Received received, receive::Done done, const Counters& counters) {
  const size_t bytes_max =
      received.unpacked_bytes_max == 0 ? options_.body_bytes_max : received.unpacked_bytes_max;
  if (auto made = make_protobuf(received, bytes_max); !made) {
    return done(std::unexpected(std::move(made).error()));
  }
  const Hash128 body_hash = hash_body(received.tenant, received.body);
  if (const auto answer = store_.acked_before(body_hash)) {
    receive::Outcome again = outcome_of(answer->rejected_trace_ids, answer->rejected_span_ids);
    add_refused(again, answer->rejected_by_limits, "their traces were past a limit");
    return done(std::move(again));
  }
  const IngestLimits limits = limits_of(received.tenant);
  const bool is_packed = received.encoding != ContentEncoding::identity;
  auto body = take_body(received, bytes_max, limits.rate, counters);
  if (!body) return done(std::unexpected(std::move(body).error()));
  auto batch = decode_otlp(std::move(*body), {.attribute_bytes_max = limits.attribute_bytes_max});
  if (!batch) return done(std::unexpected(unreadable(received, batch.error(), bytes_max)));
  if (!is_packed) received.body_room.release();  // the batch has the only copy, and counts it
  (*batch)->body_room = bodies_.reserve_always(memory_of(**batch));
  auto outcome = verdict(received.tenant, **batch);
  if (outcome && limits.traces.is_on()) {
    const auto limited = refuse_by_limits(received.tenant, limits, *batch, *outcome, counters);
    if (!limited) return done(std::unexpected(limited.error()));
  }
  if (!outcome || (*batch)->spans.empty()) return done(std::move(outcome));

  WalRecord record{.tenant = received.tenant,
                   .receive_time_ns = clock_.unix_ns(),
                   .attribute_bytes_max = limits.attribute_bytes_max,
                   .encoding = static_cast<uint8_t>(received.encoding),
                   .rejected = (*batch)->rejected,
                   .body_hash = body_hash,
                   .body = std::move(received.body),
                   .lent_body = is_packed ? std::string_view() : (*batch)->body,
                   .room = {}};
  const size_t spans = (*batch)->spans.size();
  auto room = store_.admit(record.tenant, **batch, record_bytes(record));
  if (!room) {
    traces_.take_back(received.tenant, **batch, limits.traces);
    counters.refused_spans->Increment(static_cast<double>(spans));
    const bool never_fits = room.error().code == Code::too_large;
    tenants_.count_discarded(received.tenant, never_fits ? "too_large" : "storage_full", spans);
    return done(std::unexpected(std::move(room).error()));
  }
  store_.append({.record = std::move(record),
                 .batch = std::move(*batch),
                 .room = std::move(*room),
                 .done = [done = std::move(done), body_room = std::move(received.body_room),
                          outcome = std::move(*outcome), counters,
                          spans](Result<Head::Appended> appended) mutable {
                   body_room.release();
                   if (!appended) {
                     counters.refused_spans->Increment(static_cast<double>(spans));
                     return done(std::unexpected(std::move(appended).error()));
                   }
                   counters.accepted_spans->Increment(static_cast<double>(spans));
                   done(std::move(outcome));
                 }});
}

IngestLimits Ingest::limits_of(const std::string& tenant) const {
  if (options_.limits_of) return options_.limits_of(tenant);
  return {.attribute_bytes_max = options_.attribute_bytes_max,
          .rate = options_.rate,
          .traces = options_.traces};
}

// The request as protobuf, unpacked, unless its tenant sends too much. A body that was not packed
// is taken away.
Result<std::string> Ingest::take_body(receive::Received& received, size_t bytes_max,
                                      const RateLimitOptions& rate, const Counters& counters) {
  const bool is_ready =
      received.encoding == ContentEncoding::identity && received.body.size() <= bytes_max;
  Result<std::string> body =
      is_ready ? std::move(received.body) : unpack(received.encoding, received.body, bytes_max);
  if (!body) return std::unexpected(unreadable(received, body.error(), bytes_max));
  if (!body->empty()) tenants_.count_ingress(received.tenant, body->size());
  const auto taken = rate_.take(received.tenant, body->size(), rate);
  if (taken) return body;
  const uint64_t spans = count_spans(*body);
  if (spans == 0) return body;  // a probe, or no request at all: which is told
  counters.refused_spans->Increment(static_cast<double>(spans));
  tenants_.count_discarded(received.tenant, "rate_limited", spans);
  return std::unexpected(taken.error());
}

// Takes spans of traces past a limit out of the batch, which is decoded again without them, as
// replay will do.
Result<void> Ingest::refuse_by_limits(const std::string& tenant, const IngestLimits& limits,
                                      std::unique_ptr<Batch>& batch, receive::Outcome& outcome,
                                      const Counters& counters) {
  const TraceLimits::Verdict verdict = traces_.judge(tenant, *batch, limits.traces);
  if (verdict.refused.empty()) return {};
  std::vector<uint32_t> refused;
  std::ranges::merge(batch->rejected, verdict.refused, std::back_inserter(refused));
  Reservation room = std::move(batch->body_room);
  batch = TRY(decode_otlp(std::move(batch->body),
                          {.attribute_bytes_max = limits.attribute_bytes_max, .verdict = refused}));
  batch->body_room = std::move(room);
  add_refused(outcome, verdict.too_large,
              fmt::format("TRACE_TOO_LARGE: max size of a trace ({} bytes) exceeded",
                          limits.traces.trace_bytes_max));
  add_refused(outcome, verdict.too_many,
              fmt::format("LIVE_TRACES_EXCEEDED: max live traces ({}) exceeded",
                          limits.traces.live_traces_max));
  counters.refused_spans->Increment(static_cast<double>(verdict.refused.size()));
  tenants_.count_discarded(tenant, "trace_too_large", verdict.too_large);
  tenants_.count_discarded(tenant, "live_traces_exceeded", verdict.too_many);
  return {};
}

// Counts what came; an error when no span of the request can be stored.
Result<receive::Outcome> Ingest::verdict(const std::string& tenant, const Batch& batch) {
  if (batch.spans.empty() && batch.rejected.empty()) return receive::Outcome();
  tenants_.count_received(tenant, batch.spans.size() + batch.rejected.size(), batch.body.size(),
                          batch.truncated_attributes);
  auto outcome = outcome_of(batch.rejected_trace_ids, batch.rejected_span_ids);
  if (batch.rejected.empty()) return outcome;
  tenants_.count_discarded(tenant, "invalid_trace_id", batch.rejected_trace_ids);
  tenants_.count_discarded(tenant, "invalid_span_id", batch.rejected_span_ids);
  if (batch.spans.empty()) return fail(Code::invalid_argument, std::move(outcome.message));
  return outcome;
}

}  // namespace vivace
