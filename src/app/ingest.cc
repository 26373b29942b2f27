// Decode, verdict, admission; the store does the rest and answers through us. Runs on the ingest
// threads, one request at a time each; what a request holds (its body, the decoded batch) is
// counted in the budget for bodies until it is in the head.
#include "app/ingest.h"

#include <fmt/format.h>

#include "base/log.h"
#include "decode/otlp.h"
#include "decode/otlp_json.h"
#include "model/tenant.h"

namespace vivace {
namespace {

constexpr size_t kWaitingMax = 4096;  // requests; their bytes are bounded by the budget for bodies

receive::Outcome outcome_of(uint32_t bad_trace_ids, uint32_t bad_span_ids) {
  receive::Outcome out{.rejected_spans = int64_t{bad_trace_ids} + bad_span_ids, .message = {}};
  if (bad_trace_ids > 0) {
    out.message =
        fmt::format("{} spans refused: trace ids must be 128 bit and not all zero", bad_trace_ids);
  }
  if (bad_span_ids > 0) {
    if (!out.message.empty()) out.message += "; ";
    out.message +=
        fmt::format("{} spans refused: span ids must be 64 bit and not all zero", bad_span_ids);
  }
  return out;
}

// What a decoded batch holds beside the body that it came from.
int64_t memory_of(const Batch& batch) {
  return static_cast<int64_t>(batch.body.size() + batch.spans.size() * sizeof(BatchSpan) +
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
      workers_("ingest", options.threads, kWaitingMax) {
  counters_of(std::string(kSingleTenant));  // so that rate() has a zero to begin with
  auto& waiting = metrics.gauge("vivace_ingest_waiting", "Requests that wait to be decoded.");
  metrics.on_scrape([this, &waiting] { waiting.Set(static_cast<double>(workers_.waiting())); });
}

receive::Sink Ingest::sink(const std::string& receiver, const std::string& transport) {
  const Labels labels{{"receiver", receiver}, {"transport", transport}};
  const Counters counters{
      &metrics_.counter("tempo_receiver_accepted_spans", "Spans stored.", labels),
      &metrics_.counter("tempo_receiver_refused_spans", "Spans refused.", labels)};
  return [this, counters](receive::Received received, receive::Done done) {
    struct Job {
      receive::Received received;
      receive::Done done;
    };
    auto job = std::make_shared<Job>(std::move(received), std::move(done));
    const int64_t began_ns = clock_.steady_ns();
    Workers::Task task = [this, job, counters, began_ns] {
      if (auto late = nobody_waits(job->received, began_ns)) {
        return job->done(std::unexpected(std::move(*late)));
      }
      process(
          std::move(job->received),
          [this, began_ns, answer = std::move(job->done)](Result<receive::Outcome> o) mutable {
            push_seconds_.Observe(static_cast<double>(clock_.steady_ns() - began_ns) / 1e9);
            answer(std::move(o));
          },
          counters);
    };
    if (!workers_.submit(std::move(task))) {
      job->done(fail(Code::unavailable, "too many requests wait; try again later"));
    }
  };
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
    return done(outcome_of(answer->rejected_trace_ids, answer->rejected_span_ids));
  }
  auto batch = decode_received(received.encoding, received.body, bytes_max,
                               {.attribute_bytes_max = options_.attribute_bytes_max});
  if (!batch) {
    Error error = std::move(batch).error();
    if (received.unreadable != nullptr) error = received.unreadable(error, bytes_max);
    return done(std::unexpected(std::move(error)));
  }
  (*batch)->body_room = bodies_.reserve_always(memory_of(**batch));
  auto outcome = verdict(received.tenant, **batch);
  if (!outcome || (*batch)->spans.empty()) return done(std::move(outcome));

  WalRecord record{.tenant = received.tenant,
                   .receive_time_ns = clock_.unix_ns(),
                   .attribute_bytes_max = options_.attribute_bytes_max,
                   .encoding = static_cast<uint8_t>(received.encoding),
                   .rejected = (*batch)->rejected,
                   .body_hash = body_hash,
                   .body = std::move(received.body),
                   .room = {}};
  const size_t spans = (*batch)->spans.size();
  auto room = store_.admit(record.tenant, **batch, record_bytes(record));
  if (!room) {
    counters.refused_spans->Increment(static_cast<double>(spans));
    count_discarded(received.tenant, "storage_full", spans);
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

// Counts what came; an error when no span of the request can be stored.
Result<receive::Outcome> Ingest::verdict(const std::string& tenant, const Batch& batch) {
  if (batch.spans.empty() && batch.rejected.empty()) return receive::Outcome();
  const TenantCounters& counters = counters_of(tenant);
  counters.spans->Increment(static_cast<double>(batch.spans.size() + batch.rejected.size()));
  counters.bytes->Increment(static_cast<double>(batch.body.size()));
  counters.truncated->Increment(batch.truncated_attributes);
  auto outcome = outcome_of(batch.rejected_trace_ids, batch.rejected_span_ids);
  if (batch.rejected.empty()) return outcome;
  count_discarded(tenant, "invalid_trace_id", batch.rejected_trace_ids);
  count_discarded(tenant, "invalid_span_id", batch.rejected_span_ids);
  if (batch.spans.empty()) return fail(Code::invalid_argument, std::move(outcome.message));
  return outcome;
}

const Ingest::TenantCounters& Ingest::counters_of(const std::string& tenant) {
  const std::lock_guard lock(mutex_);
  const auto [at, is_new] = tenants_.try_emplace(tenant);
  if (is_new) {
    const Labels labels{{"tenant", tenant}};
    at->second = {.spans = &metrics_.counter("tempo_distributor_spans_received_total",
                                             "Spans received.", labels),
                  .bytes = &metrics_.counter("tempo_distributor_bytes_received_total",
                                             "Bytes of OTLP received, decompressed.", labels),
                  .truncated = &metrics_.counter("tempo_distributor_attributes_truncated_total",
                                                 "Attributes whose key or value was cut.", labels)};
  }
  return at->second;
}

void Ingest::count_discarded(const std::string& tenant, const char* reason, size_t spans) {
  if (spans == 0) return;
  metrics_
      .counter("tempo_discarded_spans_total", "Spans that were not stored.",
               {{"reason", reason}, {"tenant", tenant}})
      .Increment(static_cast<double>(spans));
}

}  // namespace vivace
